//! What becomes of a request when the store cannot say what was asked.

/// What the store is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// Whether a token was used before.
    Replay,
    /// Whether a token of the token service was revoked.
    Revocation,
    /// Whether a session was ended, and to end one.
    Sessions,
    /// To issue a token, and to know an opaque one.
    TokenService,
}

/// Where a request goes on although the store cannot say. By default it is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnFailure {
    /// Tokens that are good once may be used again.
    pub allow_replay: bool,
    /// Tokens that were revoked are good until they end.
    pub allow_revoked: bool,
    /// Sessions that were ended go on.
    pub allow_ended_sessions: bool,
}

impl Use {
    /// Its name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Revocation => "revocation",
            Self::Sessions => "sessions",
            Self::TokenService => "token_service",
        }
    }
}

impl OnFailure {
    /// Whether a request goes on that the store was asked about for `what`. What must be kept, and cannot be,
    /// is never given out.
    #[must_use]
    pub const fn allows(self, what: Use) -> bool {
        match what {
            Use::Replay => self.allow_replay,
            Use::Revocation => self.allow_revoked,
            Use::Sessions => self.allow_ended_sessions,
            Use::TokenService => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_unless_it_is_said() {
        let all = [
            Use::Replay,
            Use::Revocation,
            Use::Sessions,
            Use::TokenService,
        ];
        assert!(all.iter().all(|what| !OnFailure::default().allows(*what)));
        let lax = OnFailure {
            allow_replay: true,
            allow_revoked: true,
            allow_ended_sessions: true,
        };
        let allowed: Vec<_> = all.iter().filter(|what| lax.allows(**what)).collect();
        assert_eq!(allowed, [&Use::Replay, &Use::Revocation, &Use::Sessions]);
    }
}
