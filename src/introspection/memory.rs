//! What the endpoint said lately, by the digest of the token.

use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use quick_cache::{Weighter, sync::Cache};

use super::{IntrospectionError, Outcome, Vouched};
use crate::clock::UnixTime;

/// The SHA-256 of a token: the token itself is kept nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

/// Good and bad answers apart, so that made-up tokens drive out no good ones.
#[derive(Debug)]
pub(super) struct Memory {
    active: Cache<Digest, Known<Vouched>, ByLength>,
    inactive: Cache<Digest, Known<IntrospectionError>>,
}

/// An answer, and how long it holds.
#[derive(Clone, Debug)]
struct Known<T> {
    what: T,
    asked: UnixTime,
    /// By a clock that nobody sets.
    heard: Instant,
    /// Seconds from both.
    lives: u64,
}

#[derive(Clone)]
struct ByLength;

/// What all good answers of one endpoint may take, in bytes, roughly.
const CAPACITY: u64 = 16 * 1024 * 1024;

/// What an answer takes beside its text, in bytes, roughly.
const OVERHEAD: u64 = 200;

/// How many bad answers are kept.
const MAX_INACTIVE: usize = 10_000;

/// How long a bad answer holds: long enough against a client that keeps trying, and short enough
/// for a token that its issuer did not know yet.
const INACTIVE: Duration = Duration::from_secs(5);

impl Digest {
    pub(super) fn of(token: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, token).as_ref());
        Self(bytes)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            active: Cache::with_weighter(64, CAPACITY, ByLength),
            inactive: Cache::new(MAX_INACTIVE),
        }
    }
}

impl Memory {
    /// Holds no more than half of what it holds now; without `cut`, again as much as ever.
    pub(super) fn cut(&self, cut: bool) {
        let (active, inactive) = if cut {
            (self.active.weight() / 2, self.inactive.weight() / 2)
        } else {
            (CAPACITY, MAX_INACTIVE as u64)
        };
        self.active.set_capacity(active);
        self.inactive.set_capacity(inactive);
    }

    /// What is known of a token, if that still holds.
    pub(super) fn find(&self, token: &Digest, now: UnixTime) -> Option<Outcome> {
        let active = self.active.get(token).filter(|known| known.holds(now));
        if let Some(active) = active {
            return Some(Ok(active.what));
        }
        let inactive = self.inactive.get(token).filter(|known| known.holds(now));
        inactive.map(|known| Err(known.what))
    }

    /// Keeps what was learnt of a token that was asked about at `now`: a good answer for `cache`, but not
    /// beyond its `exp`, a bad one for a few seconds. That nobody could be asked is not kept.
    pub(super) fn keep(&self, token: Digest, outcome: &Outcome, now: UnixTime, cache: Duration) {
        match outcome {
            Ok(vouched) => {
                let until_exp = exp(vouched).map_or(u64::MAX, |exp| {
                    u64::try_from(exp.since(now)).unwrap_or_default()
                });
                let known = Known::new(vouched.clone(), now, cache.as_secs().min(until_exp));
                self.active.insert(token, known);
            }
            Err(no @ (IntrospectionError::Inactive | IntrospectionError::OtherType)) => {
                // No answer that came later may lose against an older one.
                self.active.remove(&token);
                let known = Known::new(no.clone(), now, INACTIVE.as_secs());
                self.inactive.insert(token, known);
            }
            Err(
                IntrospectionError::OtherToken
                | IntrospectionError::Characters
                | IntrospectionError::Busy
                | IntrospectionError::Unavailable(_),
            ) => {}
        }
    }
}

/// `exp`, for as long as the answer is kept. Whether the token has expired is asked with the claims.
fn exp(vouched: &Vouched) -> Option<UnixTime> {
    let exp = vouched.claims().get("exp")?.number()?;
    exp.as_i64()
        .or_else(|| Some(exp.as_f64()? as i64))
        .map(UnixTime)
}

impl<T> Known<T> {
    fn new(what: T, asked: UnixTime, lives: u64) -> Self {
        Self {
            what,
            asked,
            heard: Instant::now(),
            lives,
        }
    }

    /// By the time of day and by the time that passed: a clock that is set back lengthens nothing.
    fn holds(&self, now: UnixTime) -> bool {
        let age = u64::try_from(now.since(self.asked));
        age.is_ok_and(|age| age < self.lives) && self.heard.elapsed().as_secs() < self.lives
    }
}

impl Weighter<Digest, Known<Vouched>> for ByLength {
    fn weight(&self, _token: &Digest, known: &Known<Vouched>) -> u64 {
        OVERHEAD + known.what.claims().as_written().len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::jose::json::Object;

    const NOW: UnixTime = UnixTime(1_800_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn good(claims: &Value) -> Outcome {
        Ok(Vouched(Arc::new(Object::of(claims))))
    }

    /// How many seconds the answer holds.
    fn lives(outcome: &Outcome, cache: Duration) -> i64 {
        let (memory, token) = (Memory::default(), Digest::of(b"token"));
        memory.keep(token, outcome, NOW, cache);
        let holds = |seconds: &i64| memory.find(&token, NOW.plus(*seconds)).is_some();
        assert!(memory.find(&Digest::of(b"other"), NOW).is_none());
        assert!(!holds(&-1), "the clock was set back");
        (0..1000).take_while(holds).count().try_into().unwrap()
    }

    #[test]
    fn a_good_answer_holds_for_the_cache_and_never_beyond_exp() {
        assert_eq!(lives(&good(&json!({})), MINUTE), 60);
        let exp = |exp: Value| lives(&good(&json!({ "exp": exp })), MINUTE);
        assert_eq!(exp(json!(NOW.0 + 300)), 60);
        assert_eq!(exp(json!(NOW.0 + 20)), 20);
        assert_eq!(exp(json!((NOW.0 + 20) as f64)), 20);
        assert_eq!(exp(json!(NOW.0)), 0);
        assert_eq!(exp(json!(0)), 0);
        assert_eq!(exp(json!(-1e300)), 0);
        assert_eq!(lives(&good(&json!({})), Duration::ZERO), 0);
    }

    #[test]
    fn a_bad_answer_holds_for_seconds_and_an_outage_not_at_all() {
        let hour = MINUTE * 60;
        assert_eq!(lives(&Err(IntrospectionError::Inactive), hour), 5);
        assert_eq!(lives(&Err(IntrospectionError::OtherType), hour), 5);
        assert_eq!(lives(&Err(IntrospectionError::Busy), hour), 0);
        let down = super::super::CallError::Status(500).into();
        assert_eq!(lives(&Err(down), hour), 0);
    }

    #[test]
    fn a_later_no_takes_the_place_of_a_yes() {
        let (memory, token) = (Memory::default(), Digest::of(b"token"));
        memory.keep(token, &good(&json!({})), NOW, MINUTE);
        assert!(matches!(memory.find(&token, NOW), Some(Ok(_))));
        memory.keep(token, &Err(IntrospectionError::Inactive), NOW, MINUTE);
        assert!(matches!(memory.find(&token, NOW), Some(Err(_))));
    }

    #[test]
    fn made_up_tokens_are_bounded_and_drive_out_no_good_one() {
        let memory = Memory::default();
        let token = Digest::of(b"good");
        memory.keep(token, &good(&json!({})), NOW, MINUTE);
        for number in 0..MAX_INACTIVE * 2 {
            let made_up = Digest::of(number.to_string().as_bytes());
            memory.keep(made_up, &Err(IntrospectionError::Inactive), NOW, MINUTE);
        }
        assert!(memory.inactive.len() <= MAX_INACTIVE);
        assert!(matches!(memory.find(&token, NOW), Some(Ok(_))));
    }
}
