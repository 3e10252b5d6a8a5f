//! Tokens that are good once.

/// What becomes of a token that comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// It is as good as before.
    #[default]
    Allow,
    /// It is refused, if it has a `jti` (RFC 7519 §4.1.7).
    Reject,
}

impl Replay {
    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Reject => "reject",
        }
    }
}
