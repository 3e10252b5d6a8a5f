//! What was signed or fetched, and what lately failed.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use quick_cache::sync::Cache;

use super::CredentialError;
use crate::{clock::UnixTime, store::Key};

/// A token, ready to be shown.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) value: HeaderValue,
    pub(super) obtained: UnixTime,
    /// From here on another one is wanted.
    refresh_at: UnixTime,
    /// Until here it can be shown.
    usable_until: UnixTime,
}

/// Bounded: what is used least goes first.
#[derive(Debug)]
pub(super) struct Tokens {
    good: Cache<Key, Arc<Token>>,
    bad: Cache<Key, Failure>,
    /// Nobody is there, whatever is asked.
    outage: Mutex<Option<Failure>>,
}

#[derive(Clone, Debug)]
struct Failure {
    error: CredentialError,
    at: UnixTime,
    until: UnixTime,
}

/// How many tokens an upstream has at most.
const MAX_TOKENS: usize = 4096;
/// How many failures are remembered.
const MAX_FAILURES: usize = 1024;
/// The longest time before its end from which on a token is replaced, in seconds.
const MAX_EARLY: i64 = 60;

impl Token {
    /// One that was asked for at `obtained` and is good for `lifetime` seconds. It is replaced a tenth of that
    /// before its end, or a minute, and is not shown in the last tenth of this time: it may be late.
    pub(super) fn new(value: HeaderValue, obtained: UnixTime, lifetime: i64) -> Self {
        let end = obtained.plus(lifetime);
        let early = (lifetime / 10).min(MAX_EARLY);
        Self {
            value,
            obtained,
            refresh_at: end.plus(-early),
            usable_until: end.plus(-early / 10),
        }
    }

    /// Whether it can be shown at `now`. A clock that was set back makes no token live longer.
    pub(super) fn is_usable(&self, now: UnixTime) -> bool {
        now >= self.obtained && now < self.usable_until
    }

    /// Whether it need not be replaced yet.
    pub(super) fn is_fresh(&self, now: UnixTime) -> bool {
        now >= self.obtained && now < self.refresh_at
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            good: Cache::new(MAX_TOKENS),
            bad: Cache::new(MAX_FAILURES),
            outage: Mutex::default(),
        }
    }
}

impl Tokens {
    /// The token of `key` that can be shown at `now`.
    pub(super) fn find(&self, key: &Key, now: UnixTime) -> Option<Arc<Token>> {
        self.good.get(key).filter(|token| token.is_usable(now))
    }

    /// Why nothing is fetched for `key` at `now`.
    pub(super) fn failure(&self, key: &Key, now: UnixTime) -> Option<CredentialError> {
        let holds = |failure: &Failure| now >= failure.at && now < failure.until;
        let outage = self.outage().clone();
        let failure = outage
            .filter(holds)
            .or_else(|| self.bad.get(key).filter(holds));
        failure.map(|failure| failure.error)
    }

    /// Keeps a token, and forgets failures.
    pub(super) fn keep(&self, key: Key, token: &Arc<Token>) {
        self.bad.remove(&key);
        *self.outage() = None;
        self.good.insert(key, Arc::clone(token));
    }

    /// Remembers a failure for `cooldown` seconds.
    pub(super) fn failed(&self, key: Key, error: &CredentialError, at: UnixTime, cooldown: i64) {
        let failure = Failure {
            error: error.clone(),
            at,
            until: at.plus(cooldown),
        };
        match error {
            CredentialError::Unavailable(call) if call.is_outage() => {
                *self.outage() = Some(failure);
            }
            _ => self.bad.insert(key, failure),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.good.len()
    }

    fn outage(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(lifetime: i64) -> Token {
        Token::new(HeaderValue::from_static("t"), UnixTime(1000), lifetime)
    }

    #[test]
    fn a_token_is_replaced_before_it_ends() {
        for (lifetime, fresh, usable) in
            [(3600, 3539, 3593), (300, 269, 296), (10, 8, 9), (1, 0, 0)]
        {
            let token = token(lifetime);
            let at = |after: i64| UnixTime(1000 + after);
            assert!(token.is_fresh(at(fresh)) && !token.is_fresh(at(fresh + 1)));
            assert!(token.is_usable(at(usable)) && !token.is_usable(at(usable + 1)));
        }
        assert!(!token(0).is_usable(UnixTime(1000)));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_token_live_longer() {
        assert!(!token(300).is_usable(UnixTime(999)));
        assert!(token(300).is_usable(UnixTime(1000)));
    }

    #[test]
    fn an_outage_is_everybodys_and_a_refusal_is_ones_own() {
        let tokens = Tokens::default();
        let [one, other] = [b"one", b"two"].map(|part| Key::of("outbound", &[part]));
        let refused = CredentialError::Refused {
            status: 400,
            error: "invalid_grant".into(),
        };
        tokens.failed(one, &refused, UnixTime(1000), 5);
        assert_eq!(tokens.failure(&one, UnixTime(1004)), Some(refused));
        assert_eq!(tokens.failure(&one, UnixTime(1005)), None);
        assert_eq!(tokens.failure(&other, UnixTime(1000)), None);
        let down = CredentialError::from(super::super::CallError::Connect("no".into()));
        tokens.failed(one, &down, UnixTime(2000), 5);
        assert_eq!(tokens.failure(&other, UnixTime(2004)), Some(down));
        assert_eq!(tokens.failure(&other, UnixTime(1999)), None);
        tokens.keep(other, &Arc::new(token(300)));
        assert_eq!(tokens.failure(&one, UnixTime(2004)), None);
        assert_eq!(tokens.count(), 1);
    }
}
