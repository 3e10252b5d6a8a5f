//! Who a user registry or a subject mapper says that a token's subject is.

use super::render::is_intact;

/// A user with groups, under the name that it has here. Everything in it can stand in a header as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    user: Box<str>,
    unique_name: Option<Box<str>>,
    realm: Option<Box<str>>,
    /// Separated by commas, as in the header.
    groups: Box<str>,
}

/// Why there can be no such account. The texts name the part, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// A user without a name is nobody.
    #[error("the user has no name")]
    Nameless,
    /// It holds a control character, or begins or ends with a blank.
    #[error("the {0} cannot be a header value")]
    NotAHeaderValue(&'static str),
    /// A group with a comma would arrive as two, and one without a name as none.
    #[error("a group's name is empty or holds a comma")]
    Group,
    /// More groups than [`MAX_GROUPS`].
    #[error("the user is in more than {MAX_GROUPS} groups")]
    TooManyGroups,
    /// A name longer than [`MAX_NAME`], or all groups together longer than [`MAX_GROUP_BYTES`].
    #[error("the {0} is too long")]
    TooLong(&'static str),
}

/// The most groups that one user may have.
pub const MAX_GROUPS: usize = 1000;

/// The most bytes that all groups of a user may have, commas included.
pub const MAX_GROUP_BYTES: usize = 16 * 1024;

/// The most bytes that a user's name, a unique name or a realm may have.
pub const MAX_NAME: usize = 1024;

impl Account {
    /// The user of this name, in these groups.
    ///
    /// # Errors
    /// [`AccountError`] when something of it cannot stand in a header, or there is too much of it.
    pub fn new(
        user: &str,
        groups: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, AccountError> {
        if user.is_empty() {
            return Err(AccountError::Nameless);
        }
        let mut joined = String::new();
        for (number, group) in groups.into_iter().enumerate() {
            if number >= MAX_GROUPS {
                return Err(AccountError::TooManyGroups);
            }
            let group = group.as_ref();
            if group.is_empty() || group.contains(',') {
                return Err(AccountError::Group);
            }
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(intact(group, "name of a group")?);
            if joined.len() > MAX_GROUP_BYTES {
                return Err(AccountError::TooLong("list of groups"));
            }
        }
        Ok(Self {
            user: intact(user, "user's name")?.into(),
            unique_name: None,
            realm: None,
            groups: joined.into(),
        })
    }

    /// The same user with a unique name; an empty one is none.
    ///
    /// # Errors
    /// [`AccountError`] when it cannot stand in a header.
    pub fn with_unique_name(mut self, name: &str) -> Result<Self, AccountError> {
        self.unique_name = some(intact(name, "unique name")?);
        Ok(self)
    }

    /// The same user in this realm; an empty one is none.
    ///
    /// # Errors
    /// [`AccountError`] when it cannot stand in a header.
    pub fn with_realm(mut self, realm: &str) -> Result<Self, AccountError> {
        self.realm = some(intact(realm, "realm")?);
        Ok(self)
    }

    /// The user's name.
    #[must_use]
    pub const fn user(&self) -> &str {
        &self.user
    }

    /// The name that nobody else has, if there is one beside the user's.
    #[must_use]
    pub fn unique_name(&self) -> Option<&str> {
        self.unique_name.as_deref()
    }

    /// The realm, if it is said.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// The groups.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.split(',').filter(|group| !group.is_empty())
    }

    /// The groups as one header value, separated by commas.
    pub(super) const fn joined_groups(&self) -> &str {
        &self.groups
    }

    /// What `registered` says of this user, and where it is silent, what this account says: its groups
    /// do not count beside those of a registry.
    #[must_use]
    pub fn registered_as(&self, registered: &Self) -> Self {
        let or = |one: &Option<Box<str>>, other: &Option<Box<str>>| {
            one.as_ref().or(other.as_ref()).cloned()
        };
        Self {
            user: registered.user.clone(),
            unique_name: or(&registered.unique_name, &self.unique_name),
            realm: or(&registered.realm, &self.realm),
            groups: registered.groups.clone(),
        }
    }
}

fn intact<'t>(text: &'t str, what: &'static str) -> Result<&'t str, AccountError> {
    if text.len() > MAX_NAME {
        Err(AccountError::TooLong(what))
    } else if is_intact(text) {
        Ok(text)
    } else {
        Err(AccountError::NotAHeaderValue(what))
    }
}

fn some(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [&str; 0] = [];

    #[test]
    fn an_account_is_what_it_was_made_of() {
        let account = Account::new("alice", ["admins", "order clerks"]).unwrap();
        let account = account
            .with_unique_name("4711")
            .unwrap()
            .with_realm("x")
            .unwrap();
        assert_eq!(account.user(), "alice");
        assert_eq!(
            (account.unique_name(), account.realm()),
            (Some("4711"), Some("x"))
        );
        assert_eq!(
            account.groups().collect::<Vec<_>>(),
            ["admins", "order clerks"]
        );
        assert_eq!(Account::new("bob", NONE).unwrap().groups().count(), 0);
    }

    #[test]
    fn what_would_arrive_as_something_else_is_refused() {
        assert_eq!(Account::new("", NONE), Err(AccountError::Nameless));
        for name in ["a\r\nx-auth-groups: admins", " a", "a ", "a\0", "a\tb"] {
            assert!(Account::new(name, NONE).is_err(), "{name:?}");
            assert!(Account::new("a", [name]).is_err(), "{name:?}");
            let alice = Account::new("alice", NONE).unwrap();
            assert!(alice.clone().with_realm(name).is_err(), "{name:?}");
            assert!(alice.with_unique_name(name).is_err(), "{name:?}");
        }
        for group in ["", "a,admins", ","] {
            assert_eq!(
                Account::new("a", [group]),
                Err(AccountError::Group),
                "{group:?}"
            );
        }
        let many = vec!["g"; MAX_GROUPS + 1];
        assert_eq!(Account::new("a", &many), Err(AccountError::TooManyGroups));
        assert!(Account::new("a", &many[1..]).is_ok());
        let long = "g".repeat(MAX_NAME);
        assert!(Account::new(&long, vec![&long; 15]).is_ok());
        assert!(Account::new(&long, vec![&long; 16]).is_err());
        assert!(Account::new(&format!("{long}g"), NONE).is_err());
    }

    #[test]
    fn the_groups_of_the_registry_count_and_no_others() {
        let mapped = Account::new("m", ["admins"])
            .unwrap()
            .with_realm("r")
            .unwrap();
        let registered = Account::new("alice", ["staff"]).unwrap();
        let both = mapped.registered_as(&registered);
        assert_eq!((both.user(), both.realm()), ("alice", Some("r")));
        assert_eq!(both.groups().collect::<Vec<_>>(), ["staff"]);
    }
}
