//! The JOSE header of a signed token (RFC 7515 §4).

use super::{algorithm::Algorithm, json::JsonError};

/// A header whose members have the right shapes. Nothing in it is proved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<Box<str>>,
    pub(super) typ: Option<Box<str>>,
    pub(super) crit: Vec<Box<str>>,
}

/// Why a header is refused before its issuer is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a strict JSON object.
    #[error("the header is {0}")]
    Json(#[from] JsonError),
    /// `alg` is absent.
    #[error("the header names no algorithm")]
    AlgorithmMissing,
    /// `alg` names nothing that the gateway verifies; `none` in any case is here.
    #[error("the header names an algorithm that is not supported")]
    AlgorithmUnknown,
    /// A member has the wrong JSON type.
    #[error("the header's \"{0}\" has the wrong type")]
    WrongType(&'static str),
    /// `crit` is empty, repeats a name, names a registered or an absent member; or `b64` is not true.
    #[error("the header's \"crit\" is not valid: {0}")]
    Critical(&'static str),
}

impl Header {
    /// Reads the decoded header bytes.
    ///
    /// # Errors
    /// [`HeaderError`] says which member is wrong.
    pub fn parse(_bytes: &[u8]) -> Result<Self, HeaderError> {
        todo!()
    }

    /// `alg`.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`, if there is one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ`, as it was sent.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The names in `crit`; empty when there is no `crit`.
    pub fn crit(&self) -> impl Iterator<Item = &str> {
        self.crit.iter().map(AsRef::as_ref)
    }
}
