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

/// Where the time of day comes from. Cloning gives another handle on the same clock.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Set(Arc<AtomicI64>),
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
        Self(Source::Set(Arc::new(AtomicI64::new(time.0))))
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
            Source::Set(time) => UnixTime(time.load(Ordering::Acquire)),
            Source::Function(function) => function(),
        }
    }

    /// The time since 1970 in milliseconds, for what is only told: a clock of tests has whole seconds.
    #[must_use]
    pub fn milliseconds(&self) -> i64 {
        i64::try_from(self.since_epoch().as_millis()).unwrap_or(i64::MAX)
    }

    /// The time since 1970, to the nanosecond where the clock is the machine's; else in whole seconds.
    #[must_use]
    pub fn since_epoch(&self) -> Duration {
        match &self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::ZERO),
            Source::Set(_) | Source::Function(_) => {
                Duration::from_secs(u64::try_from(self.now().0).unwrap_or_default())
            }
        }
    }

    /// Sets a clock made by [`Clock::standing_at`]; the others cannot be set and stay as they are.
    pub fn set(&self, time: UnixTime) {
        if let Source::Set(current) = &self.0 {
            current.store(time.0, Ordering::Release);
        }
    }

    /// Moves a clock made by [`Clock::standing_at`] by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.set(self.now().plus(seconds));
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
