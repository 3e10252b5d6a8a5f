//! How near the process is to the most memory that it may hold.
//!
//! The system ends a process that goes beyond its limit, with every request in it. So long before, the
//! caches give up a half of what they hold, and then nothing new is taken on until there is room again.

use std::sync::atomic::{AtomicU8, Ordering};

mod ceiling;
mod resident;

pub use ceiling::Ceiling;
pub use resident::resident;

/// The pressure as of the last look. Reading it is one relaxed load.
#[derive(Debug, Default)]
pub struct Pressure(AtomicU8);

/// How much pressure there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// None.
    #[default]
    Calm,
    /// The caches are cut.
    Shedding,
    /// New connections and requests are refused as well.
    Refusing,
}

/// From which part of the ceiling on there is pressure, in percent.
const SHED: u64 = 85;
/// From which part on new work is refused, in percent.
const REFUSE: u64 = 95;
/// By how much less it must be before a level is left, in percent of the ceiling: else it would come and
/// go with every request.
const SLACK: u64 = 5;

impl Pressure {
    /// Whether new connections and requests are refused.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Level::Refusing as u8
    }

    /// Says how much pressure there is.
    pub fn set(&self, level: Level) {
        self.0.store(level as u8, Ordering::Relaxed);
    }
}

impl Level {
    /// The level after this one, when the process holds `resident` bytes of `ceiling`.
    #[must_use]
    pub fn after(self, resident: u64, ceiling: u64) -> Self {
        let percent = u128::from(resident) * 100 / u128::from(ceiling.max(1));
        let reaches = |level: Self, from: u64| {
            let slack = if self >= level { SLACK } else { 0 };
            percent >= u128::from(from - slack)
        };
        if reaches(Self::Refusing, REFUSE) {
            Self::Refusing
        } else if reaches(Self::Shedding, SHED) {
            Self::Shedding
        } else {
            Self::Calm
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_entered_at_its_mark_and_left_well_below_it() {
        use Level::{Calm, Refusing, Shedding};
        let mut level = Calm;
        for (percent, expected) in [
            (84, Calm),
            (85, Shedding),
            (81, Shedding),
            (94, Shedding),
            (95, Refusing),
            (90, Refusing),
            (200, Refusing),
            (89, Shedding),
            (94, Shedding),
            (80, Shedding),
            (79, Calm),
            (84, Calm),
            (100, Refusing),
            (10, Calm),
        ] {
            level = level.after(percent * 1_000_000, 100_000_000);
            assert_eq!(level, expected, "at {percent} %");
        }
        assert_eq!(Calm.after(u64::MAX, u64::MAX), Refusing);
        assert_eq!(Calm.after(1, 0), Refusing);
        assert_eq!(Refusing.after(0, 0), Calm);
    }

    #[test]
    fn only_the_highest_level_refuses() {
        let pressure = Pressure::default();
        for (level, refuses) in [
            (Level::Calm, false),
            (Level::Shedding, false),
            (Level::Refusing, true),
            (Level::Calm, false),
        ] {
            pressure.set(level);
            assert_eq!(pressure.refuses(), refuses, "{level:?}");
        }
    }
}
