//! A token as it came.

use std::{borrow::Cow, fmt};

use super::ExtractError;

/// The bytes that a request carried as its token. They are never printed.
pub struct RawToken<'r>(Cow<'r, [u8]>);

impl<'r> RawToken<'r> {
    /// The one token that `value` is. A token holds neither blanks nor commas (RFC 6750 §2.1).
    pub(super) fn new(value: Cow<'r, [u8]>) -> Result<Self, ExtractError> {
        if !value.is_empty() && memchr::memchr3(b' ', b'\t', b',', &value).is_none() {
            return Ok(Self(value));
        }
        let blank = |b: &u8| matches!(b, b' ' | b'\t');
        if value.iter().all(|b| blank(b) || *b == b',') {
            Err(ExtractError::Empty)
        } else if value.contains(&b',') {
            Err(ExtractError::Ambiguous)
        } else {
            Err(ExtractError::Malformed("the token holds a blank"))
        }
    }
}

impl RawToken<'static> {
    /// The token of a session: bytes that a request carried, and no more than that.
    #[must_use]
    pub const fn of_session(token: Vec<u8>) -> Self {
        Self(Cow::Owned(token))
    }
}

impl RawToken<'_> {
    /// The bytes, for [`crate::jose::compact::parse`] and the digest of the token cache.
    #[must_use]
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RawToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
