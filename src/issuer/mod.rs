//! Whom the gateway trusts, and with which keys.
//!
//! A request asks the [`Registry`] for an [`Issuer`] and its [`KeyRing`] for keys. One [`Refresher`],
//! on a runtime of its own, keeps the rings fresh; a ring and the refresher meet in `flight`.

use std::sync::Arc;

use crate::{
    claims,
    identity::IdentityClaims,
    introspection::Introspection,
    jose::{jwk::JwkSet, policy::HeaderPolicy},
};

pub mod client_certificate;
pub mod discovery;
pub mod fetch;
pub mod file;
mod fingerprint;
mod flight;
pub mod key_cache;
pub mod key_file;
pub mod keys;
pub mod read;
pub mod refresh;
pub mod registry;
mod remote;
mod replay;
mod schedule;
pub mod set;
pub mod status;
mod succession;
pub mod trust_store;
pub mod warning;

pub use client_certificate::ClientCertificate;
pub use key_cache::KeyCache;
pub use key_file::{KeyFile, KeyForm};
pub use keys::KeyRing;
pub use refresh::{Refresher, Roster};
pub use registry::{Registry, RegistryError};
pub use remote::{Metadata, Remote};
pub use replay::Replay;
pub use set::{Candidates, KeyError, KeySet};
pub use status::KeysStatus;
pub use succession::{Change, Succession};

#[cfg(test)]
pub(crate) mod tests;

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
    pub headers: Arc<HeaderPolicy>,
    /// What the claims of its tokens must say.
    pub rules: claims::Rules,
    /// Whether one of its tokens is good for more than one request.
    pub replay: Replay,
    /// Which of its claims say who somebody is.
    pub identity: Arc<IdentityClaims>,
    /// Its keys, now. They outlive a reload that changes other settings only.
    pub keys: Arc<KeyRing>,
    /// Where it is asked about tokens, if it is.
    pub introspection: Option<Introspection>,
}

impl Issuer {
    /// Whether its tokens can be judged now: it has a key that may verify them, or needs none because
    /// it is asked about those that are no JWTs.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.keys.usable() > 0 || self.vouches_for_opaque()
    }

    /// Whether it is asked about tokens that are no JWTs.
    #[must_use]
    pub fn vouches_for_opaque(&self) -> bool {
        let introspection = self.introspection.as_ref();
        introspection.is_some_and(|endpoint| endpoint.settings().opaque)
    }
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWKS document behind a URL, or behind the issuer's metadata.
    Remote(Box<Remote>),
    /// A file, read again when it changes.
    File(Box<KeyFile>),
    /// Keys that stand in the configuration itself.
    Fixed(Arc<JwkSet>),
}

impl KeySource {
    /// What kind of source it is: `discovery`, `jwks_uri`, `jwks_file` or `inline`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Remote(remote) if remote.metadata.is_some() => "discovery",
            Self::Remote(_) => "jwks_uri",
            Self::File(_) => "jwks_file",
            Self::Fixed(_) => "inline",
        }
    }
}
