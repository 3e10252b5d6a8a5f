//! What came of the attempts at a server. Each worker counts in a slot of its own, which only it writes,
//! so that counting costs an addition; whoever wants to know sums them up.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What came of one attempt to send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, whatever it says.
    Answered,
    /// An answer of 502, 503 or 504: it failed, or who stands behind it.
    GatewayError,
    /// No connection could be made.
    Unreachable,
    /// No connection or no answer within its time.
    Timeout,
    /// The connection was closed before the answer, or the answer was none.
    Broken,
}

/// The slots of one server.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Slots>);

#[derive(Debug, Default)]
struct Slots {
    present: Vec<Arc<Slot>>,
    /// What slots had counted that are gone.
    past: Counts,
}

/// One worker's counts.
#[derive(Debug, Default)]
pub(in super::super) struct Slot {
    under_way: AtomicU64,
    answered: AtomicU64,
    gateway_error: AtomicU64,
    unreachable: AtomicU64,
    timeout: AtomicU64,
    broken: AtomicU64,
}

/// The counts of all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests under way now.
    pub under_way: u64,
    /// By outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; 5],
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Answered,
        Self::GatewayError,
        Self::Unreachable,
        Self::Timeout,
        Self::Broken,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::GatewayError => "gateway_error",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
        }
    }
}

impl Tally {
    /// A slot for one worker.
    pub(super) fn slot(&self) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.present.push(Arc::clone(&slot));
        slot
    }

    /// Nobody counts in `slot` any more.
    pub(super) fn retire(&self, slot: &Arc<Slot>) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.present.retain(|present| !Arc::ptr_eq(present, slot));
        slots.past.add(&slot.counts());
    }

    pub(super) fn counts(&self) -> Counts {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = slots.past;
        for slot in &slots.present {
            counts.add(&slot.counts());
        }
        counts
    }
}

impl Slot {
    pub(in super::super) fn begins(&self) {
        add(&self.under_way, 1);
    }

    pub(in super::super) fn ends(&self) {
        add(&self.under_way, u64::MAX);
    }

    pub(in super::super) fn count(&self, outcome: Outcome) {
        add(self.of(outcome), 1);
    }

    const fn of(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::Answered => &self.answered,
            Outcome::GatewayError => &self.gateway_error,
            Outcome::Unreachable => &self.unreachable,
            Outcome::Timeout => &self.timeout,
            Outcome::Broken => &self.broken,
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            under_way: self.under_way.load(Relaxed),
            outcomes: Outcome::ALL.map(|outcome| self.of(outcome).load(Relaxed)),
        }
    }
}

/// Its worker is the only one that writes.
fn add(counter: &AtomicU64, number: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(number), Relaxed);
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.under_way = self.under_way.wrapping_add(other.under_way);
        for (sum, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *sum = sum.wrapping_add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_outlive_the_worker_that_made_them() {
        let tally = Tally::default();
        let (one, two) = (tally.slot(), tally.slot());
        one.begins();
        one.count(Outcome::Answered);
        two.begins();
        two.count(Outcome::Broken);
        two.ends();
        tally.retire(&two);
        let counts = tally.counts();
        assert_eq!((counts.under_way, counts.outcomes), (1, [1, 0, 0, 0, 1]));
        one.ends();
        assert_eq!(tally.counts().under_way, 0);
    }
}
