//! The places as the configuration gives them.

use http::HeaderName;

/// The places where a request may carry its token, prepared from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The first place counts: Authorization, form, cookie, query. Two values in that one place are
    /// refused all the same.
    First,
}

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
