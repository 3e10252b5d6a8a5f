//! When each issuer's keys are due, and how that time is chosen.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::Remote;

/// No schedule is tighter than this, whatever is configured: a dead provider costs no hot loop.
pub(super) const FLOOR: Duration = Duration::from_secs(1);

/// How often a file is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// The longest wait: an absurd configuration must not overflow a clock.
const CEILING: Duration = Duration::from_secs(30 * 24 * 3600);

/// The due times: at most one for each index, so that its size is bounded by the issuers.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    order: BTreeSet<(Instant, usize)>,
    due: Vec<Option<Instant>>,
}

impl Schedule {
    /// A schedule in which the indices up to `count` are all due at `now`.
    pub(super) fn all_at(now: Instant, count: usize) -> Self {
        Self {
            order: (0..count).map(|i| (now, i)).collect(),
            due: vec![Some(now); count],
        }
    }

    /// Moves `index` to `at`.
    pub(super) fn set(&mut self, index: usize, at: Instant) {
        self.clear(index);
        if let Some(slot) = self.due.get_mut(index) {
            *slot = Some(at);
            self.order.insert((at, index));
        }
    }

    /// Takes `index` out.
    pub(super) fn clear(&mut self, index: usize) {
        if let Some(at) = self.due.get_mut(index).and_then(Option::take) {
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

/// How long to wait before the next fetch, after `failures` in a row.
pub(super) fn pause(remote: &Remote, failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else {
        return jitter(remote.refresh.clamp(FLOOR, CEILING));
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
