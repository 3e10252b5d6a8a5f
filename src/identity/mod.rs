//! Who the upstream is told it is: subject, issuer, realm, groups and scope, as headers.

use http::{HeaderName, HeaderValue};

use crate::claims::Identity;

/// The headers that carry the identity, and that no request may bring along itself.
pub const HEADER_NAMES: [HeaderName; 5] = [
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-issuer"),
    HeaderName::from_static("x-auth-realm"),
    HeaderName::from_static("x-auth-groups"),
    HeaderName::from_static("x-auth-scope"),
];

/// The identity headers of one token, ready to be set.
#[derive(Clone, Debug)]
pub struct IdentityHeaders(Vec<(HeaderName, HeaderValue)>);

/// Why a claim cannot become a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It holds a control character: it is refused, not mangled.
    #[error("the claim \"{0}\" cannot be a header value")]
    NotAHeaderValue(&'static str),
    /// An element of a list holds the comma that separates the list.
    #[error("an element of the claim \"{0}\" holds a comma")]
    Comma(&'static str),
}

/// Renders `identity` as headers; what a token does not say gets no header.
///
/// # Errors
/// [`IdentityError`] when a value is no legal header value.
pub fn headers(_identity: &Identity) -> Result<IdentityHeaders, IdentityError> {
    todo!()
}

impl IdentityHeaders {
    /// Names and values, each name at most once.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}
