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
    /// What is left of a rate limit.
    RateLimits,
}

/// Where a request goes on although the store cannot say. By default it is refused, and not counted by a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnFailure {
    /// Tokens that are good once may be used again.
    pub allow_replay: bool,
    /// Tokens that were revoked are good until they end.
    pub allow_revoked: bool,
    /// Sessions that were ended go on.
    pub allow_ended_sessions: bool,
    /// Requests go on that each gateway counts for itself against a shared limit.
    pub allow_uncounted: bool,
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
            Self::RateLimits => "rate_limits",
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
            Use::RateLimits => self.allow_uncounted,
        }
    }
}

impl Default for OnFailure {
    fn default() -> Self {
        Self {
            allow_replay: false,
            allow_revoked: false,
            allow_ended_sessions: false,
            allow_uncounted: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Use; 5] = [
        Use::Replay,
        Use::Revocation,
        Use::Sessions,
        Use::TokenService,
        Use::RateLimits,
    ];

    fn allowed(on_failure: OnFailure) -> Vec<Use> {
        let mut all = ALL.to_vec();
        all.retain(|what| on_failure.allows(*what));
        all
    }

    #[test]
    fn nothing_that_lets_somebody_in_is_allowed_unless_it_is_said() {
        assert_eq!(allowed(OnFailure::default()), [Use::RateLimits]);
        let lax = OnFailure {
            allow_replay: true,
            allow_revoked: true,
            allow_ended_sessions: true,
            allow_uncounted: false,
        };
        assert_eq!(allowed(lax), [Use::Replay, Use::Revocation, Use::Sessions]);
    }
}
