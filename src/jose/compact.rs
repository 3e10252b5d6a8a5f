//! The JWS compact serialisation (RFC 7515 §7.1) with a JWT payload (RFC 7519 §7.2).

use std::fmt;

use serde_json::{Map, Value};

use super::{
    header::{Header, HeaderError},
    json::JsonError,
};

/// A token that is split and decoded, and of which nothing is proved. It names an issuer and a key;
/// its claims stay closed until [`super::verify::verify`] has seen the signature.
pub struct Unverified<'t> {
    pub(super) signing_input: &'t [u8],
    pub(super) signature: Vec<u8>,
    pub(super) header: Header,
    pub(super) claims: Map<String, Value>,
}

/// Why bytes are not a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// Longer than the limit, in bytes.
    #[error("the token is {found} bytes long, and at most {limit} are allowed")]
    TooLarge {
        /// How long it is.
        found: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Five parts: an encrypted token.
    #[error("the token is encrypted (JWE), and no decryption key is configured")]
    Encrypted,
    /// Not three non-empty parts.
    #[error("the token does not have three parts")]
    Shape,
    /// A part is not base64url without padding (RFC 7515 §2).
    #[error("the token's {0} is not base64url without padding")]
    Encoding(&'static str),
    /// The header is wrong.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The payload is not a strict JSON object.
    #[error("the payload is {0}")]
    Payload(JsonError),
}

/// Why an unverified token names no issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerClaimError {
    /// There is no `iss`.
    #[error("the token has no \"iss\"")]
    Missing,
    /// `iss` is not one string.
    #[error("the token's \"iss\" is not a string")]
    NotAString,
}

/// Splits and decodes `token`, which may be at most `max_bytes` long.
///
/// The length and the number of dots are looked at before anything is decoded.
///
/// # Errors
/// [`CompactError`] says what is wrong with its shape.
pub fn parse(_token: &[u8], _max_bytes: usize) -> Result<Unverified<'_>, CompactError> {
    todo!()
}

impl Unverified<'_> {
    /// The header: good for choosing a key, and for nothing else.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The `iss` claim: good for choosing whose keys to try, and for nothing else.
    ///
    /// # Errors
    /// [`IssuerClaimError`] when it is absent or not one string.
    pub fn issuer(&self) -> Result<&str, IssuerClaimError> {
        match self.claims.get("iss") {
            None => Err(IssuerClaimError::Missing),
            Some(Value::String(issuer)) => Ok(issuer),
            Some(_) => Err(IssuerClaimError::NotAString),
        }
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unverified([redacted])")
    }
}
