//! JSON Web Keys (RFC 7517): each is parsed once, and bound to the algorithms that it is for.

use std::sync::Arc;

use serde_json::Value;

use super::algorithm::{Algorithm, AlgorithmSet};

/// The RFC 7638 SHA-256 thumbprint: the same key material has the same one, whatever its `kid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub [u8; 32]);

/// A key that is ready to verify.
pub struct Key {
    kid: Option<Box<str>>,
    algorithms: AlgorithmSet,
    thumbprint: Thumbprint,
}

/// Whether a set may hold `oct` keys. A set that was fetched may not: a published secret is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symmetric {
    /// `oct` keys are skipped.
    Refused,
    /// `oct` keys verify HS256, HS384 and HS512.
    Allowed,
}

/// The keys of one set, and why the others are not in use.
#[derive(Debug, Default)]
pub struct JwkSet {
    /// The usable keys, in the order of the set.
    pub keys: Vec<Arc<Key>>,
    /// The others.
    pub skipped: Vec<Skipped>,
}

/// A JWK that is not used.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// Its place in the set, from 0.
    pub position: usize,
    /// Its `kid`, if it has a legible one.
    pub kid: Option<Box<str>>,
    /// Why it is not used.
    pub reason: JwkError,
}

/// Why a JWK cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// A reason; the author of this room makes this enum say each one on its own.
    #[error("{0}")]
    Unusable(String),
}

/// Why a document is no key set at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetError {
    /// Not a strict JSON object.
    #[error("the key set is {0}")]
    Json(#[from] super::json::JsonError),
    /// There is no `keys`, or it is neither an array nor an object of JWKs.
    #[error("the key set has no \"keys\" array")]
    NoKeys,
}

/// A signature that does not fit: nothing is said about why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// Parses `{"keys": …}`; `keys` is an array, or (Liberty Create's form) an object of JWKs.
///
/// # Errors
/// [`JwkSetError`] only when the document as a whole is no key set; a bad JWK is skipped.
pub fn parse_set(_document: &[u8], _symmetric: Symmetric) -> Result<JwkSet, JwkSetError> {
    todo!()
}

/// As [`parse_set`], for the value of `keys` itself.
///
/// # Errors
/// As [`parse_set`].
pub fn from_values(_keys: &Value, _symmetric: Symmetric) -> Result<JwkSet, JwkSetError> {
    todo!()
}

impl Key {
    /// A key from one JWK.
    ///
    /// # Errors
    /// [`JwkError`] says why it cannot be used.
    pub fn from_jwk(_jwk: &Value, _symmetric: Symmetric) -> Result<Self, JwkError> {
        todo!()
    }

    /// A shared secret, for those HMAC algorithms whose hash is not longer than it (RFC 7518 §3.2).
    ///
    /// # Errors
    /// [`JwkError`] when it is shorter than 32 bytes.
    pub fn from_shared_secret(_secret: &[u8]) -> Result<Self, JwkError> {
        todo!()
    }

    /// Its `kid`.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms that this key may verify: what `kty`, `crv`, `alg`, `use` and `key_ops` leave.
    #[must_use]
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Its thumbprint.
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Verifies `signature` over `message`.
    ///
    /// # Errors
    /// [`BadSignature`], also when `algorithm` is not one of the key's.
    pub fn verify(
        &self,
        _algorithm: Algorithm,
        _message: &[u8],
        _signature: &[u8],
    ) -> Result<(), BadSignature> {
        todo!()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, {})", self.kid, self.algorithms)
    }
}
