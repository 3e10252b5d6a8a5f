//! The audience rule.

/// Which audiences an issuer's tokens may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audiences {
    /// `["ALL_AUDIENCES"]`: `aud` is not looked at.
    All,
    /// One of the token's `aud` values equals one of these.
    OneOf(Vec<Box<str>>),
    /// Not configured: no `aud` passes; a URL must be a prefix of the resource's URL that ends on a
    /// segment boundary; anything else is refused.
    ResourcePrefix,
}
