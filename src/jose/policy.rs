//! Which headers an issuer's tokens may have: checked after the issuer is known, before a key is sought.

use super::{algorithm::AlgorithmSet, header::Header};

/// An issuer's say about headers, prepared from its configuration.
#[derive(Clone, Debug)]
pub struct HeaderPolicy {
    /// Allowed algorithms.
    pub algorithms: AlgorithmSet,
    /// Allowed `typ` values, without `application/` and in lower case; a missing `typ` counts as `jwt`.
    pub types: Vec<Box<str>>,
    /// Extension names in `crit` that are understood.
    pub critical: Vec<Box<str>>,
}

/// Why an issuer's policy refuses a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The algorithm is not among the issuer's.
    #[error("algorithm {found} is not one of {allowed}")]
    Algorithm {
        /// What the header names.
        found: super::Algorithm,
        /// What the issuer may use.
        allowed: AlgorithmSet,
    },
    /// `crit` names an extension that nobody here understands.
    #[error("\"crit\" names \"{0}\", which is not understood")]
    Critical(Box<str>),
    /// `typ` is not among the issuer's types.
    #[error("typ \"{found}\" is not one of {allowed}")]
    Type {
        /// What the header says.
        found: Box<str>,
        /// The allowed types, comma-separated.
        allowed: String,
    },
}

impl HeaderPolicy {
    /// Checks `header` in the order algorithm, critical, type.
    ///
    /// # Errors
    /// [`PolicyError`] is the first check that fails.
    pub fn check(&self, _header: &Header) -> Result<(), PolicyError> {
        todo!()
    }
}
