//! The issuers by their exact `iss`.

use std::{collections::HashMap, sync::Arc};

use super::Issuer;

/// Every issuer of the configuration, found by its exact name.
#[derive(Debug, Default)]
pub struct Registry {
    issuers: HashMap<Arc<str>, Arc<Issuer>>,
}

/// Why no issuer answers for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Nobody of that name.
    #[error("the issuer is not in the registry")]
    Unknown,
    /// Known, and switched off.
    #[error("the issuer is not active")]
    Inactive,
}

impl Registry {
    /// A registry of these issuers. The configuration refuses two of one name; here the later stays.
    #[must_use]
    pub fn new(issuers: impl IntoIterator<Item = impl Into<Arc<Issuer>>>) -> Self {
        let issuers = issuers
            .into_iter()
            .map(Into::into)
            .map(|issuer: Arc<Issuer>| (Arc::clone(&issuer.name), issuer))
            .collect();
        Self { issuers }
    }

    /// The issuers, in no order.
    pub(super) fn into_issuers(self) -> impl Iterator<Item = Arc<Issuer>> {
        self.issuers.into_values()
    }

    /// The active issuer whose name equals `iss`, byte for byte.
    ///
    /// # Errors
    /// [`RegistryError`] when there is none, or it is not active.
    pub fn find(&self, iss: &str) -> Result<&Arc<Issuer>, RegistryError> {
        let issuer = self.issuers.get(iss).ok_or(RegistryError::Unknown)?;
        if issuer.active {
            Ok(issuer)
        } else {
            Err(RegistryError::Inactive)
        }
    }

    /// The issuer of this name, also one that is not active: for the status, not for a token.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Issuer>> {
        self.issuers.get(name)
    }

    /// How many issuers there are, active or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.issuers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Every issuer, active or not, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.issuers.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        issuer::{
            KeySource,
            tests::{issuer, unreachable},
        },
    };

    #[test]
    fn a_name_is_found_byte_for_byte_and_only_when_active() {
        let clock = Clock::system();
        let on = issuer(
            "https://idp.example.com/",
            KeySource::Fixed(Arc::default()),
            &clock,
        );
        let off = Issuer {
            active: false,
            ..issuer("off", unreachable(), &clock)
        };
        let registry = Registry::new([on, off]);
        assert!(registry.find("https://idp.example.com/").is_ok());
        for other in [
            "https://idp.example.com",
            "HTTPS://idp.example.com/",
            "",
            "of",
        ] {
            assert_eq!(
                registry.find(other).err(),
                Some(RegistryError::Unknown),
                "{other}"
            );
        }
        assert_eq!(registry.find("off").err(), Some(RegistryError::Inactive));
        assert!(registry.get("off").is_some());
        assert!(registry.get("on").is_none());
        assert_eq!(registry.len(), 2);
        assert!(!registry.is_empty());
    }
}
