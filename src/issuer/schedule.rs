//! When each issuer's keys are due, and how that time is chosen.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::Remote;

/// No schedule is tighter than this, whatever is configured: a dead provider costs no hot loop.
pub(super) const FLOOR: Duration = Duration::from_secs(1);

/// The shortest time that a server can ask for: its caches do not set our load.
const LEAST_MAX_AGE: Duration = Duration::from_secs(60);

/// How often a file is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// The longest wait: an absurd configuration must not overflow a clock.
const CEILING: Duration = Duration::from_secs(30 * 24 * 3600);

/// The due times: at most one for each index, so that its size is bounded by the issuers.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    order: BTreeSet<(Instant, usize)>,
    due: HashMap<usize, Instant>,
}

impl Schedule {
    /// A schedule in which all of `indices` are due at `now`.
    pub(super) fn all_at(now: Instant, indices: impl Iterator<Item = usize> + Clone) -> Self {
        Self {
            order: indices.clone().map(|i| (now, i)).collect(),
            due: indices.map(|i| (i, now)).collect(),
        }
    }

    /// Moves `index` to `at`.
    pub(super) fn set(&mut self, index: usize, at: Instant) {
        self.clear(index);
        self.due.insert(index, at);
        self.order.insert((at, index));
    }

    /// Takes `index` out.
    pub(super) fn clear(&mut self, index: usize) {
        if let Some(at) = self.due.remove(&index) {
            self.order.remove(&(at, index));
        }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out the one that has been due for longest, if one is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<usize> {
        let (at, index) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.clear(index);
        Some(index)
    }
}

/// How long to wait before the next fetch, after `failures` in a row. What the server says, `max_age`,
/// can shorten the configured time and never lengthen it.
pub(super) fn pause(remote: &Remote, failures: u32, max_age: Option<Duration>) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else {
        let wanted = max_age.map_or(remote.refresh, |age| age.max(LEAST_MAX_AGE));
        return jitter(wanted.min(remote.refresh).clamp(FLOOR, CEILING));
    };
    let most = remote.refresh.min(remote.cooldown).clamp(FLOOR, CEILING);
    jitter(FLOOR.saturating_mul(1 << doublings.min(16)).min(most))
}

/// 10 % more or less, so that many gateways do not ask one provider at the same moment.
fn jitter(pause: Duration) -> Duration {
    let tenth = pause / 10;
    let spread = u64::try_from(tenth.as_millis())
        .unwrap_or(u64::MAX)
        .saturating_mul(2);
    pause - tenth + Duration::from_millis(fastrand::u64(0..=spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(refresh: u64, cooldown: u64) -> Remote {
        Remote {
            uri: "https://idp.example.com/keys".parse().unwrap(),
            metadata: None,
            refresh: Duration::from_secs(refresh),
            cooldown: Duration::from_secs(cooldown),
            stale_for: Duration::from_secs(86_400),
            timeout: Duration::from_secs(5),
            authorities: None,
            client_certificate: None,
            credentials: None,
        }
    }

    #[track_caller]
    fn assert_about(remote: &Remote, failures: u32, seconds: u64) {
        let (least, most) = (seconds * 900, seconds * 1100);
        for _ in 0..100 {
            let pause = pause(remote, failures, None).as_millis();
            assert!((least.into()..=most.into()).contains(&pause), "{pause} ms");
        }
    }

    #[test]
    fn keys_are_due_after_refresh() {
        assert_about(&remote(600, 30), 0, 600);
    }

    #[test]
    fn the_server_can_ask_for_less_within_bounds() {
        for (refresh, max_age, seconds) in [
            (600, 300, 300_u64),
            (600, 0, 60),
            (600, 59, 60),
            (600, 601, 600),
            (600, u64::MAX, 600),
            (30, 0, 30),
            (30, 45, 30),
        ] {
            let age = Some(Duration::from_secs(max_age));
            let pause = pause(&remote(refresh, 30), 0, age).as_millis();
            let bounds = u128::from(seconds * 900)..=u128::from(seconds * 1100);
            assert!(bounds.contains(&pause), "{refresh} {max_age}: {pause} ms");
        }
        // It has no say in how often a failure is tried again.
        let age = Some(Duration::from_secs(3600));
        assert!(pause(&remote(600, 30), 1, age) < Duration::from_secs(2));
    }

    #[test]
    fn failures_double_the_pause_up_to_the_cooldown() {
        let remote = remote(600, 30);
        for (failures, seconds) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30)] {
            assert_about(&remote, failures, seconds);
        }
        assert_about(&remote, u32::MAX, 30);
    }

    #[test]
    fn no_configuration_makes_a_hot_loop_or_an_overflow() {
        for failures in [0, 1, 2, u32::MAX] {
            assert_about(&remote(0, 0), failures, 1);
        }
        assert_about(&remote(u64::MAX, u64::MAX), 0, CEILING.as_secs());
        assert_about(&remote(600, 0), u32::MAX, 1);
    }

    #[test]
    fn an_index_is_due_once_and_where_it_was_set_last() {
        let now = Instant::now();
        let later = now + FLOOR;
        let mut schedule = Schedule::all_at(now, 0..3);
        schedule.set(1, later);
        schedule.set(2, later);
        schedule.set(2, now);
        assert_eq!(schedule.pop(now), Some(0));
        assert_eq!(schedule.pop(now), Some(2));
        assert_eq!(schedule.pop(now), None);
        assert_eq!(schedule.next(), Some(later));
        assert_eq!(schedule.pop(later), Some(1));
        assert_eq!(schedule.next(), None);
        schedule.set(1, later);
        schedule.clear(1);
        assert_eq!(schedule.pop(later), None);
    }
}
