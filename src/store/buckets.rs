//! Buckets: how many requests are left under a key. A bucket holds so many requests, each request takes one, and
//! it fills at an even rate.
//!
//! It is kept as one time, that at which it is full again (the "theoretical arrival time" of the generic cell
//! rate algorithm), so that a bucket that is full is the same as none at all and may be forgotten.

use std::time::Duration;

use super::{Answer, Key};
use crate::clock::Moment;

mod local;
#[cfg(test)]
mod tests;

pub use local::{Levels, LocalBuckets};

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Nanoseconds for one request.
    interval: i64,
    burst: u32,
}

/// One bucket that a request takes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which one.
    pub key: Key,
    /// What kind of bucket it is. Where that has changed, what it holds is kept as far as it fits.
    pub rate: Rate,
}

/// What a bucket holds, after somebody took from it or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Whether there was one for this request.
    pub allowed: bool,
    /// How many more requests it would let through now.
    pub remaining: u32,
    /// How long until it is full.
    pub reset_after: Duration,
    /// How long until there is one again; zero if `allowed`.
    pub retry_after: Duration,
}

/// Buckets that gateways share. All workers ask the same one at the same time.
pub trait Buckets: Send + Sync {
    /// Takes one from each bucket, or, where one of them is empty, none from any; in one atomic step. The answers
    /// stand in the order of `asks`, one for each; where one refuses, the others say what they would have said. A store with a clock of its own may go by that instead of `now`, so that
    /// gateways whose clocks differ agree.
    ///
    /// # Errors
    /// [`super::StoreError`]; then something may have been taken, or nothing.
    fn take(&self, asks: Vec<Ask>, now: Moment) -> Answer<'_, Vec<Level>>;

    /// What [`Buckets::take`] would answer. It changes nothing.
    ///
    /// # Errors
    /// [`super::StoreError::Unavailable`].
    fn look(&self, asks: Vec<Ask>, now: Moment) -> Answer<'_, Vec<Level>>;
}

impl Level {
    /// What a bucket of this `rate` holds that was not taken from after all, because the request was refused.
    #[must_use]
    pub fn untaken(self, rate: &Rate) -> Self {
        match self.allowed {
            true => Self {
                remaining: self.remaining.saturating_add(1),
                reset_after: self.reset_after.saturating_sub(rate.interval()),
                ..self
            },
            false => self,
        }
    }
}

impl Rate {
    /// The longest that an empty bucket may take to be full.
    pub const LONGEST: Duration = Duration::from_hours(24 * 31);

    /// `requests` in each `period`, evenly, and `burst` at once. `None` when one of them is zero, when there is
    /// more than one request a nanosecond, or when an empty bucket would take longer than [`Rate::LONGEST`] to
    /// be full.
    #[must_use]
    pub fn new(requests: u32, period: Duration, burst: u32) -> Option<Self> {
        let period = u64::try_from(period.as_nanos()).ok()?;
        if requests == 0 || burst == 0 || period < u64::from(requests) {
            return None;
        }
        // Rounded up: it never lets through more than is said.
        let interval = period.div_ceil(u64::from(requests));
        let whole = interval.checked_mul(u64::from(burst))?;
        if Duration::from_nanos(whole) > Self::LONGEST {
            return None;
        }
        let interval = i64::try_from(interval).ok()?;
        Some(Self { interval, burst })
    }

    /// How long it takes for one request to come back.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval.unsigned_abs())
    }

    /// How many requests a full bucket holds.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// How long an empty bucket takes to be full.
    #[must_use]
    pub const fn whole(&self) -> Duration {
        Duration::from_nanos(self.whole_nanos().unsigned_abs())
    }

    /// `new` has seen to it that this is no overflow.
    const fn whole_nanos(&self) -> i64 {
        self.interval.saturating_mul(self.burst as i64)
    }

    /// One request at `now` against a bucket that is full at `full`: the answer, and when it is full then.
    fn take(&self, full: Moment, now: Moment) -> (Level, Moment) {
        let whole = self.whole_nanos();
        // Never emptier than empty: neither a clock that was set back nor a rate that was changed locks anybody
        // out for longer than it takes to fill one bucket.
        let full = full.0.clamp(now.0, now.0.saturating_add(whole));
        let taken = full.saturating_add(self.interval);
        let wait = taken.saturating_sub(whole).saturating_sub(now.0);
        if wait > 0 {
            let level = Level {
                allowed: false,
                remaining: 0,
                reset_after: nanos(full.saturating_sub(now.0)),
                retry_after: nanos(wait),
            };
            return (level, Moment(full));
        }
        let level = Level {
            allowed: true,
            remaining: u32::try_from(-wait / self.interval).unwrap_or(u32::MAX),
            reset_after: nanos(taken.saturating_sub(now.0)),
            retry_after: Duration::ZERO,
        };
        (level, Moment(taken))
    }
}

fn nanos(nanos: i64) -> Duration {
    Duration::from_nanos(nanos.max(0).unsigned_abs())
}
