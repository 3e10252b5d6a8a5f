//! The time of day, as an argument: whoever needs the time is handed a [`UnixTime`] or a [`Clock`].

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Whole seconds since 1970-01-01T00:00:00Z, as RFC 7519 §2 counts them. May be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

/// A text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write 2026-01-31T12:00:00Z, or seconds since 1970")]
pub struct UnixTimeError;

impl UnixTime {
    /// This time and `seconds` more; stops at the ends of the range instead of wrapping.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The seconds from `earlier` until this time; negative if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl FromStr for UnixTime {
    type Err = UnixTimeError;

    /// RFC 3339, or seconds since 1970.
    fn from_str(text: &str) -> Result<Self, UnixTimeError> {
        if let Ok(seconds) = text.parse() {
            return Ok(Self(seconds));
        }
        let time = text.parse::<jiff::Timestamp>();
        time.map(|time| Self(time.as_second()))
            .map_err(|_| UnixTimeError)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// Nanoseconds since 1970-01-01T00:00:00Z, for what is counted in parts of a second. Until the year 2262.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl From<UnixTime> for Moment {
    /// The beginning of this second; stops at the ends of the range.
    fn from(time: UnixTime) -> Self {
        Self(time.0.saturating_mul(NANOS))
    }
}

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;

/// A time that stands: whole seconds, and nanoseconds beyond them.
#[derive(Default)]
struct Standing {
    seconds: AtomicI64,
    nanos: AtomicI64,
}

/// Where the time of day comes from. Cloning gives another handle on the same clock.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Set(Arc<Standing>),
    Function(Arc<dyn Fn() -> UnixTime + Send + Sync>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::set`] or [`Clock::advance`] moves it.
    #[must_use]
    pub fn standing_at(time: UnixTime) -> Self {
        Self(Source::Set(Arc::new(Standing {
            seconds: AtomicI64::new(time.0),
            nanos: AtomicI64::new(0),
        })))
    }

    /// A clock that asks `function` each time.
    #[must_use]
    pub fn from_fn(function: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        Self(Source::Function(Arc::new(function)))
    }

    /// The time now. A machine clock before 1970 reads as 1970.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or(Duration::ZERO);
                UnixTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
            }
            Source::Set(time) => UnixTime(time.seconds.load(Ordering::Acquire)),
            Source::Function(function) => function(),
        }
    }

    /// The time since 1970 in milliseconds, for what is only told.
    #[must_use]
    pub fn milliseconds(&self) -> i64 {
        self.moment().0 / 1_000_000
    }

    /// The time since 1970, as exact as [`Clock::moment`].
    #[must_use]
    pub fn since_epoch(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.moment().0).unwrap_or_default())
    }

    /// The time now, in parts of a second. A machine clock before 1970 reads as 1970.
    #[must_use]
    pub fn moment(&self) -> Moment {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or(Duration::ZERO);
                Moment(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
            }
            Source::Set(time) => {
                let Moment(second) = self.now().into();
                Moment(second.saturating_add(time.nanos.load(Ordering::Acquire)))
            }
            Source::Function(function) => function().into(),
        }
    }

    /// Sets a clock made by [`Clock::standing_at`]; the others cannot be set and stay as they are.
    pub fn set(&self, time: UnixTime) {
        if let Source::Set(current) = &self.0 {
            current.nanos.store(0, Ordering::Release);
            current.seconds.store(time.0, Ordering::Release);
        }
    }

    /// Moves a clock made by [`Clock::standing_at`] by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.set(self.now().plus(seconds));
    }

    /// As [`Clock::advance`], by parts of a second.
    pub fn advance_by(&self, time: Duration) {
        if let Source::Set(current) = &self.0 {
            let nanos = current.nanos.load(Ordering::Acquire) + i64::from(time.subsec_nanos());
            let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
            self.set(self.now().plus(seconds.saturating_add(nanos / NANOS)));
            current.nanos.store(nanos % NANOS, Ordering::Release);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stands_is_moved_by_parts_of_a_second() {
        let clock = Clock::standing_at(UnixTime(10));
        assert_eq!(clock.moment(), Moment(10 * NANOS));
        clock.advance_by(Duration::from_millis(600));
        assert_eq!(clock.now(), UnixTime(10));
        assert_eq!(clock.moment(), Moment(10_600_000_000));
        clock.advance_by(Duration::from_millis(2_600));
        assert_eq!(clock.now(), UnixTime(13));
        assert_eq!(clock.moment(), Moment(13_200_000_000));
        clock.advance(1);
        assert_eq!(clock.moment(), Moment(14 * NANOS));
    }

    #[test]
    fn the_machines_moment_is_in_the_second_that_it_says() {
        let clock = Clock::system();
        let (before, Moment(between), after) = (clock.now(), clock.moment(), clock.now());
        assert!((before.0..=after.0).contains(&(between / NANOS)));
        assert_eq!(Moment::from(UnixTime(i64::MAX)), Moment(i64::MAX));
    }
}
