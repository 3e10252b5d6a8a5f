//! Where a request carries its token: one file a place.

use std::{borrow::Cow, fmt};

use http::HeaderName;

/// The places where a request may carry its token, prepared from the configuration.
#[derive(Clone, Debug)]
pub struct Sources {
    /// When set, the only place that is looked at.
    pub header: Option<HeaderName>,
    /// The parameter of a form body.
    pub form_parameter: Option<Box<str>>,
    /// The cookie's name.
    pub cookie: Option<Box<str>>,
    /// The parameter of the query.
    pub query_parameter: Option<Box<str>>,
    /// What to do when a request carries several.
    pub multiple: Multiple,
    /// The longest token that is looked at, in bytes.
    pub max_bytes: usize,
    /// Whether the upstream gets the token too.
    pub forward: bool,
}

/// What to do with a request that carries more than one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiple {
    /// It is refused.
    Reject,
    /// The first place counts: Authorization, form, cookie, query.
    First,
}

/// The bytes that a request carried as its token. They are never printed.
pub struct RawToken<'r>(Cow<'r, [u8]>);

impl Default for Sources {
    fn default() -> Self {
        Self {
            header: None,
            form_parameter: Some("access_token".into()),
            cookie: None,
            query_parameter: None,
            multiple: Multiple::Reject,
            max_bytes: 8192,
            forward: false,
        }
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
