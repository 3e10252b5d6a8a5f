//! Who a token's subject is here: what a subject mapper makes of its claims, and what the user registry
//! knows of the user.
//!
//! Whoever is asked over a network is asked on a thread of its own (`thread`), once for all who wait,
//! and the answer counts for a while (`desk`).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    claims::Identity,
    clock::UnixTime,
    identity::{Account, IdentityClaims, IdentityError, Mapping, NOBODY},
};

mod desk;
pub mod file;
pub mod http;
pub mod ldap;
pub mod mapper;
mod thread;

pub use file::UserFile;
pub use http::HttpMapper;
pub use ldap::{Directory, LdapError};
pub use mapper::{Mapper, MapperError, SubjectMapper};

/// Everybody who is asked about a token's subject.
pub struct Users {
    /// Another one for each that was made; [`NOBODY`] when nobody is asked.
    id: u64,
    mapper: Option<Mapper>,
    registry: Option<Arc<UserRegistry>>,
}

/// Where users and their groups are registered.
#[derive(Debug)]
pub enum UserRegistry {
    /// In a file, which was read with the configuration.
    File(UserFile),
    /// In a directory.
    Ldap(Directory),
}

/// Why nobody can say who the subject is, or why it may not come in.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The registry does not know the user.
    #[error("the user is not in the user registry")]
    UserUnknown,
    /// It is not clear which of two users it is.
    #[error("more than one user of the registry has this name")]
    UserAmbiguous,
    /// The token has a subject that nobody can be asked about.
    #[error(transparent)]
    Subject(#[from] IdentityError),
    /// The mapper failed.
    #[error("the subject mapper failed: {0}")]
    Mapper(#[from] MapperError),
    /// The directory cannot be asked, or its answer cannot be used.
    #[error("the user registry cannot be asked: {0}")]
    Directory(LdapError),
}

static NEXT: AtomicU64 = AtomicU64::new(NOBODY + 1);

impl Users {
    /// Asks the mapper first, and then the registry.
    #[must_use]
    pub fn new(mapper: Option<Mapper>, registry: Option<Arc<UserRegistry>>) -> Self {
        let nobody = mapper.is_none() && registry.is_none();
        Self {
            id: if nobody {
                NOBODY
            } else {
                NEXT.fetch_add(1, Ordering::Relaxed)
            },
            mapper,
            registry,
        }
    }

    /// The same with another mapper: for a program that brings its own.
    #[must_use]
    pub fn with_mapper(&self, mapper: Mapper) -> Self {
        Self::new(Some(mapper), self.registry.clone())
    }

    /// Who is asked about the subjects of an issuer with these settings.
    #[must_use]
    pub const fn by(&self, settings: &IdentityClaims) -> u64 {
        if settings.mapper || settings.user_registry {
            self.id
        } else {
            NOBODY
        }
    }

    /// The registry, if the subjects of an issuer with these settings must be in it.
    #[must_use]
    pub fn registry(&self, settings: &IdentityClaims) -> Option<&UserRegistry> {
        self.registry.as_deref().filter(|_| settings.user_registry)
    }

    /// The mapper, if it is asked about the subjects of an issuer with these settings.
    #[must_use]
    pub fn mapper(&self, settings: &IdentityClaims) -> Option<&Mapper> {
        self.mapper.as_ref().filter(|_| settings.mapper)
    }

    /// Who `identity` is: what the mapper says, and then what the registry says of that user.
    ///
    /// # Errors
    /// [`LookupError`] when one of the two cannot be asked, or the registry does not know the user.
    pub async fn find(
        &self,
        identity: &Identity,
        settings: &IdentityClaims,
        now: UnixTime,
    ) -> Result<Mapping, LookupError> {
        let mut mapping = Mapping {
            account: None,
            by: self.id,
            from: now,
            until: UnixTime(i64::MAX),
        };
        if let Some(mapper) = self.mapper(settings) {
            let answer = mapper.map(identity.claims(), now).await?;
            mapping.account = answer.account;
            mapping.until = answer.until;
        }
        if let Some(registry) = self.registry(settings) {
            let user = match &mapping.account {
                Some(account) => account.user().to_owned(),
                None => settings.subject_of(identity)?,
            };
            let answer = registry.find(&user, now).await?;
            let registered = answer.account.ok_or(LookupError::UserUnknown)?;
            mapping.until = mapping.until.min(answer.until);
            mapping.account = Some(match &mapping.account {
                Some(mapped) => Arc::new(mapped.registered_as(&registered)),
                None => registered,
            });
        }
        Ok(mapping)
    }

    /// These in the place of `old`: what is the same stays the very same, with its connections and
    /// answers, and the mapper of the program itself stays in any case.
    #[must_use]
    pub fn succeed(self: Arc<Self>, old: &Arc<Self>) -> Arc<Self> {
        if self.is_like(old) {
            return Arc::clone(old);
        }
        match old.mapper.as_ref().filter(|mapper| mapper.is_brought()) {
            Some(mapper) => Arc::new(self.with_mapper(mapper.clone())),
            None => self,
        }
    }

    /// Whether the settings are those of `old`. The mapper that a program brought is in no settings.
    #[must_use]
    pub fn is_like(&self, old: &Self) -> bool {
        let mapper = match (&self.mapper, &old.mapper) {
            (_, Some(old)) if old.is_brought() => true,
            (Some(new), Some(old)) => new.is_like(old),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let registry = match (self.registry.as_deref(), old.registry.as_deref()) {
            (Some(UserRegistry::File(new)), Some(UserRegistry::File(old))) => new == old,
            (Some(UserRegistry::Ldap(new)), Some(UserRegistry::Ldap(old))) => new.is_like(old),
            (None, None) => true,
            (Some(_) | None, Some(_) | None) => false,
        };
        mapper && registry
    }
}

/// What somebody said, and until when that counts.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    account: Option<Arc<Account>>,
    until: UnixTime,
}

impl UserRegistry {
    async fn find(&self, user: &str, now: UnixTime) -> Result<Answer, LookupError> {
        if user.is_empty() {
            return Err(LookupError::UserUnknown);
        }
        match self {
            Self::File(file) => Ok(Answer {
                account: file.find(user).cloned(),
                until: UnixTime(i64::MAX),
            }),
            Self::Ldap(directory) => directory
                .find(user, now)
                .await
                .map_err(|error| match error {
                    LdapError::Ambiguous => LookupError::UserAmbiguous,
                    error => LookupError::Directory(error),
                }),
        }
    }
}

impl fmt::Display for UserRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.path().display()),
            Self::Ldap(directory) => write!(f, "{}", directory.url()),
        }
    }
}

impl Default for Users {
    /// Nobody is asked.
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Users");
        let mapper = self.mapper.as_ref().map(ToString::to_string);
        let registry = self.registry.as_ref().map(ToString::to_string);
        shown.field("mapper", &mapper).field("registry", &registry);
        shown.finish()
    }
}

#[cfg(test)]
mod tests;
