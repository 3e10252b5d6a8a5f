//! How many requests are recorded in a second, whoever asks for it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts up to a bound in each second of the clock.
#[derive(Debug)]
pub(super) struct Budget {
    per_second: u32,
    /// The second, in its lower 32 bits, above what was spent in it.
    spent: AtomicU64,
}

impl Budget {
    pub(super) const fn new(per_second: u32) -> Self {
        Self {
            per_second,
            spent: AtomicU64::new(0),
        }
    }

    /// Whether one more may be recorded in `second`. A stranger is given no more than the first half, so that
    /// what strangers ask for leaves room.
    pub(super) fn spend(&self, second: u64, stranger: bool) -> bool {
        let bound = if stranger {
            self.per_second.div_ceil(2)
        } else {
            self.per_second
        };
        let next = |old: u64| {
            let spent = if old >> 32 == second & 0xffff_ffff {
                old & 0xffff_ffff
            } else {
                0
            };
            (spent < u64::from(bound)).then_some((second << 32) | (spent + 1))
        };
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        self.spent.fetch_update(set, get, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_bound_and_strangers_half_of_it() {
        let budget = Budget::new(5);
        let spends = |second, stranger| (0..9).filter(|_| budget.spend(second, stranger)).count();
        assert_eq!(spends(1_800_000_000, true), 3);
        assert_eq!(spends(1_800_000_000, false), 2);
        assert_eq!(spends(1_800_000_000, false), 0);
        assert_eq!(spends(1_800_000_001, false), 5);
        assert_eq!(spends(1_800_000_001, true), 0);
        // Also of a clock that is set back.
        assert_eq!(spends(1_700_000_000, true), 3);
        assert!(!Budget::new(0).spend(1, false));
    }
}
