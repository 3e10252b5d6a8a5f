//! From a user's name to an account: one search for the user, and one for the groups if they have
//! entries of their own.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;

use super::{
    Groups, LdapError, Security, Settings,
    ber::Malformed,
    connection::{Connection, success},
    filter::Places,
    message::{Entry, SIZE_LIMIT_EXCEEDED, Search},
    name,
    pool::Pool,
    tls,
};
use crate::identity::{Account, account::MAX_GROUPS};

/// Asks a directory.
pub(super) struct Client {
    pub(super) settings: Settings,
    tls: OnceLock<Result<Arc<ClientConfig>, LdapError>>,
    pool: Pool,
}

/// A user's entry.
struct User {
    dn: String,
    name: String,
    unique_name: Option<String>,
    groups: Vec<String>,
}

/// In the place of attributes: none is wanted (RFC 4511 §4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

impl Client {
    /// A client without connections.
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            pool: Pool::new(settings.pool_size),
            tls: OnceLock::new(),
            settings,
        }
    }

    /// The account of `user`, or that there is none. Whoever calls it sets the limit on the time; a
    /// connection on which nobody waits any more is closed.
    pub(super) async fn find(&self, user: &str) -> Result<Option<Account>, LdapError> {
        let _leave = self.pool.enter().await?;
        if let Some(kept) = self.pool.take() {
            match self.ask(kept, user).await {
                // A server may close an unused connection at any time. What it brought down with it is
                // asked once more.
                Err(LdapError::Exchange(_)) => {}
                answer => return answer,
            }
        }
        let config = match self.settings.security {
            Security::Plain => None,
            Security::StartTls | Security::Tls => Some(self.tls()?),
        };
        let connection = Connection::open(&self.settings, config).await?;
        self.ask(connection, user).await
    }

    /// Closes the connections that wait.
    pub(super) fn forget_connections(&self) {
        self.pool.clear();
    }

    fn tls(&self) -> Result<&Arc<ClientConfig>, LdapError> {
        let authorities = self.settings.authorities.as_deref();
        let config = self.tls.get_or_init(|| tls::config(authorities));
        config.as_ref().map_err(LdapError::clone)
    }

    async fn ask(
        &self,
        mut connection: Connection,
        user: &str,
    ) -> Result<Option<Account>, LdapError> {
        let answer = self.account(&mut connection, user).await;
        if matches!(answer, Ok(_) | Err(LdapError::Ambiguous)) {
            self.pool.put(connection);
        }
        answer
    }

    async fn account(
        &self,
        connection: &mut Connection,
        user: &str,
    ) -> Result<Option<Account>, LdapError> {
        let Some(mut found) = self.user(connection, user).await? else {
            return Ok(None);
        };
        if let Groups::Search {
            base_dn,
            filter,
            name,
        } = &self.settings.groups
        {
            let places = Places {
                user: user.as_bytes(),
                dn: found.dn.as_bytes(),
            };
            let search = Search {
                base: base_dn,
                filter: &filter.encode(places),
                attributes: &[name],
                most: MAX_GROUPS as u32,
                seconds: self.seconds(),
            };
            let groups = &mut found.groups;
            let each = |entry: &Entry<'_>| {
                let names = entry.texts(name).map_err(malformed)?;
                groups.extend(names.into_iter().map(str::to_owned));
                Ok(())
            };
            // Too many are a failure: who is in a group that is left out might not be allowed in.
            success("search for groups", connection.search(&search, each).await?)?;
        }
        let account = Account::new(&found.name, found.groups)?;
        let unique_name = found.unique_name.unwrap_or_default();
        Ok(Some(account.with_unique_name(&unique_name)?))
    }

    async fn user(
        &self,
        connection: &mut Connection,
        user: &str,
    ) -> Result<Option<User>, LdapError> {
        let settings = &self.settings;
        let places = Places {
            user: user.as_bytes(),
            dn: b"",
        };
        let group_attribute = match &settings.groups {
            Groups::Attribute { name, .. } => Some(name),
            Groups::None | Groups::Search { .. } => None,
        };
        let wanted = [
            settings.user_attribute.as_ref(),
            settings.unique_name_attribute.as_ref(),
            group_attribute,
        ];
        let mut attributes: Vec<&str> = wanted.into_iter().flatten().map(|name| &**name).collect();
        if attributes.is_empty() {
            attributes.push(NO_ATTRIBUTES);
        }
        let search = Search {
            base: &settings.base_dn,
            filter: &settings.user_filter.encode(places),
            attributes: &attributes,
            most: 2,
            seconds: self.seconds(),
        };
        let mut found = Vec::new();
        let each = |entry: &Entry<'_>| {
            found.push(User::of(entry, user, settings)?);
            Ok(())
        };
        let done = connection.search(&search, each).await?;
        if found.len() > 1 || done.code == SIZE_LIMIT_EXCEEDED {
            return Err(LdapError::Ambiguous);
        }
        success("search for the user", done)?;
        Ok(found.pop())
    }

    /// What the server is told of the limit on the time.
    fn seconds(&self) -> u32 {
        u32::try_from(self.settings.timeout.as_secs().max(1)).unwrap_or(u32::MAX)
    }
}

impl User {
    fn of(entry: &Entry<'_>, asked: &str, settings: &Settings) -> Result<Self, LdapError> {
        let one = |name: &Option<Box<str>>| -> Result<Option<String>, LdapError> {
            let Some(name) = name else {
                return Ok(None);
            };
            match *entry.texts(name).map_err(malformed)? {
                [one] => Ok(Some(one.to_owned())),
                [] | [_, ..] => Err(LdapError::Malformed(
                    "an attribute that names the user does not have one value",
                )),
            }
        };
        let groups = match &settings.groups {
            Groups::None | Groups::Search { .. } => Vec::new(),
            Groups::Attribute {
                name,
                distinguished,
            } => groups(&entry.texts(name).map_err(malformed)?, *distinguished)?,
        };
        Ok(Self {
            dn: entry.dn.to_owned(),
            name: one(&settings.user_attribute)?.unwrap_or_else(|| asked.to_owned()),
            unique_name: one(&settings.unique_name_attribute)?,
            groups,
        })
    }
}

fn groups(values: &[&str], distinguished: bool) -> Result<Vec<String>, LdapError> {
    let no_name = LdapError::Malformed("a group is no distinguished name");
    values
        .iter()
        .map(|value| {
            if distinguished {
                name::first_value(value).ok_or_else(|| no_name.clone())
            } else {
                Ok((*value).to_owned())
            }
        })
        .collect()
}

const fn malformed(_: Malformed) -> LdapError {
    LdapError::Malformed("a value is no text")
}
