//! Who fails too often is left alone for a while: passive ejection, after Envoy's outlier detection by
//! consecutive gateway failures.

use std::{
    sync::atomic::{
        AtomicBool, AtomicI64, AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    time::Duration,
};

use super::Ejection;
use crate::clock::{Clock, UnixTime};

/// The longest ejection in seconds, unless the first one is longer.
const LONGEST: i64 = 300;

/// How an address behaved.
#[derive(Debug, Default)]
pub(super) struct Conduct {
    /// Failures in a row.
    failures: AtomicU32,
    is_out: AtomicBool,
    /// When the last ejection ends or ended.
    until: AtomicI64,
    /// How long it took, in seconds; 0: there was none.
    length: AtomicI64,
}

impl Conduct {
    /// Until when it is left alone, if it is. The clock is read only then.
    pub(super) fn out_until(&self, clock: &Clock) -> Option<UnixTime> {
        if !self.is_out.load(Acquire) {
            return None;
        }
        let until = UnixTime(self.until.load(Relaxed));
        let left = until.since(clock.now());
        // A clock that was set back must not keep it out for longer than it was meant to be.
        if left > 0 && left <= self.length.load(Relaxed) {
            return Some(until);
        }
        self.is_out.store(false, Release);
        None
    }

    /// It did well.
    pub(super) fn succeeds(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// It failed; until when it is out, if that was once too often and it `may` be out.
    pub(super) fn fails(
        &self,
        rule: &Ejection,
        clock: &Clock,
        may: impl FnOnce() -> bool,
    ) -> Option<UnixTime> {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if rule.failures == 0 || failures < rule.failures || self.is_out.load(Acquire) || !may() {
            return None;
        }
        let taken = self
            .is_out
            .compare_exchange(false, true, AcqRel, Acquire)
            .is_ok();
        if !taken {
            return None;
        }
        let now = clock.now();
        let length = self.next_length(rule.time, now);
        let until = now.plus(length);
        self.length.store(length, Relaxed);
        self.until.store(until.0, Relaxed);
        self.failures.store(0, Relaxed);
        self.is_out.store(true, Release);
        Some(until)
    }

    /// Twice as long as the last time, unless that is longer ago than it took.
    fn next_length(&self, first: Duration, now: UnixTime) -> i64 {
        let first = i64::try_from(first.as_secs()).unwrap_or(LONGEST).max(1);
        let last = self.length.load(Relaxed);
        let calm = now.since(UnixTime(self.until.load(Relaxed)));
        if last == 0 || calm >= last {
            return first;
        }
        last.saturating_mul(2).min(LONGEST.max(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(failures: u32) -> Ejection {
        Ejection {
            failures,
            time: Duration::from_secs(10),
            max_percent: 50,
        }
    }

    fn out(conduct: &Conduct, clock: &Clock) -> Option<i64> {
        let until = conduct.out_until(clock);
        until.map(|until| until.since(clock.now()))
    }

    #[test]
    fn so_many_failures_in_a_row_and_not_one_less() {
        let clock = Clock::standing_at(UnixTime(1000));
        let conduct = Conduct::default();
        for _ in 0..3 {
            assert_eq!(conduct.fails(&rule(3), &clock, || true), None);
            assert_eq!(conduct.fails(&rule(3), &clock, || true), None);
            conduct.succeeds();
        }
        assert_eq!(out(&conduct, &clock), None);
        for _ in 0..3 {
            let _ = conduct.fails(&rule(3), &clock, || true);
        }
        assert_eq!(out(&conduct, &clock), Some(10));
        clock.advance(9);
        assert_eq!(out(&conduct, &clock), Some(1));
        clock.advance(1);
        assert_eq!(out(&conduct, &clock), None);
    }

    #[test]
    fn who_may_not_be_out_stays() {
        let clock = Clock::standing_at(UnixTime(1000));
        let conduct = Conduct::default();
        assert_eq!(conduct.fails(&rule(1), &clock, || false), None);
        assert_eq!(conduct.fails(&rule(0), &clock, || true), None);
        assert_eq!(out(&conduct, &clock), None);
        assert!(conduct.fails(&rule(1), &clock, || true).is_some());
    }

    #[test]
    fn each_time_takes_twice_as_long_up_to_a_bound_until_it_has_been_calm() {
        let clock = Clock::standing_at(UnixTime(1000));
        let conduct = Conduct::default();
        for length in [10, 20, 40, 80, 160, 300, 300] {
            let _ = conduct.fails(&rule(1), &clock, || true);
            assert_eq!(out(&conduct, &clock), Some(length));
            clock.advance(length);
            assert_eq!(out(&conduct, &clock), None);
        }
        clock.advance(300);
        let _ = conduct.fails(&rule(1), &clock, || true);
        assert_eq!(out(&conduct, &clock), Some(10));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out() {
        let clock = Clock::standing_at(UnixTime(1000));
        let conduct = Conduct::default();
        let _ = conduct.fails(&rule(1), &clock, || true);
        clock.set(UnixTime(10));
        assert_eq!(out(&conduct, &clock), None);
    }
}
