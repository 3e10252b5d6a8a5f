//! Whom the gateway trusts, and with which keys.

//!
//! A request asks the [`Registry`] for an [`Issuer`] and its [`KeyRing`] for keys. One [`Refresher`],
//! on a runtime of its own, keeps the rings fresh; a ring and the refresher meet in `flight`.

use std::sync::Arc;

use crate::{
    claims,
    identity::IdentityClaims,
    jose::{jwk::JwkSet, policy::HeaderPolicy},
};

pub mod discovery;
pub mod fetch;
pub mod file;
mod flight;
pub mod key_cache;
pub mod keys;
pub mod read;
pub mod refresh;
pub mod registry;
mod remote;
mod schedule;
pub mod set;
pub mod status;

pub use key_cache::KeyCache;
pub use keys::KeyRing;
pub use refresh::Refresher;
pub use registry::{Registry, RegistryError};
pub use remote::{Metadata, Remote};
pub use set::{Candidates, KeyError, KeySet};
pub use status::KeysStatus;

#[cfg(test)]
mod tests;

/// One trusted issuer: what its tokens must be, and its keys.
#[derive(Debug)]
pub struct Issuer {
    /// The exact `iss`.
    pub name: Arc<str>,
    /// Whether its tokens are accepted at all.
    pub active: bool,
    /// Whether its tokens must be encrypted, and not only signed.
    pub encryption_required: bool,
    /// What the headers of its tokens may say.
    pub headers: HeaderPolicy,
    /// What the claims of its tokens must say.
    pub rules: claims::Rules,
    /// Which of its claims say who somebody is.
    pub identity: IdentityClaims,
    /// Its keys, now.
    pub keys: KeyRing,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWKS document behind a URL, or behind the issuer's metadata.
    Remote(Box<Remote>),
    /// A JWKS document in a file, read again when the file changes. May hold `oct` keys.
    File(std::path::PathBuf),
    /// Keys that stand in the configuration itself.
    Fixed(Arc<JwkSet>),
}
