//! When a key signs, and how long it is published.
//!
//! A key keeps only dates of its own. That it retires is said by its successor, so a rotation is one new file,
//! and there is no moment between two writes.

use crate::clock::UnixTime;

/// How much longer than the last of its tokens a key is published, in seconds: the clocks of verifiers differ.
pub(super) const GRACE: i64 = 300;

/// What a key was made with. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dates {
    /// From when on it signs, until its successor does.
    pub signs_from: UnixTime,
    /// When it was made: since then it is published.
    pub published: UnixTime,
    /// The longest life of a token that it signs.
    pub token_lifetime: i64,
}

/// A key's dates, with what its successor adds to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its own dates.
    pub dates: Dates,
    /// When its successor begins to sign, if there is one.
    pub retires: Option<UnixTime>,
}

/// What a key does at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is published and does not sign yet.
    Published,
    /// It signs. One key does, from the first one's date on.
    Signing,
    /// It signs no more, and its tokens may be in use: it is published.
    Retired,
    /// The last of its tokens has expired: it is not published.
    Gone,
}

impl Life {
    /// The lives of keys that stand in the order in which they begin to sign.
    pub(super) fn all(dates: &[Dates]) -> Vec<Self> {
        let successors = dates.iter().skip(1).map(|next| Some(next.signs_from));
        dates
            .iter()
            .zip(successors.chain([None]))
            .map(|(dates, retires)| Self {
                dates: *dates,
                retires,
            })
            .collect()
    }

    /// When the last of its tokens has expired everywhere, if it retires.
    #[must_use]
    pub fn gone(&self) -> Option<UnixTime> {
        let after = self.dates.token_lifetime.saturating_add(GRACE);
        self.retires.map(|retires| retires.plus(after))
    }

    /// What it does at `now`.
    #[must_use]
    pub fn phase_at(&self, now: UnixTime) -> Phase {
        if now < self.dates.signs_from {
            Phase::Published
        } else if self.retires.is_none_or(|retires| now < retires) {
            Phase::Signing
        } else if self.gone().is_none_or(|gone| now < gone) {
            Phase::Retired
        } else {
            Phase::Gone
        }
    }
}

impl Phase {
    /// Its name, as `portcullis keys list` shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Retired => "retired",
            Self::Gone => "gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(signs_from: i64) -> Dates {
        Dates {
            signs_from: UnixTime(signs_from),
            published: UnixTime(signs_from - 100),
            token_lifetime: 1000,
        }
    }

    #[test]
    fn a_key_goes_through_its_phases_at_the_second() {
        let lives = Life::all(&[dates(100), dates(200), dates(200)]);
        let phases = |now| {
            lives
                .iter()
                .map(|l| l.phase_at(UnixTime(now)))
                .collect::<Vec<_>>()
        };
        use Phase::{Gone, Published, Retired, Signing};
        assert_eq!(phases(99), [Published, Published, Published]);
        assert_eq!(phases(100), [Signing, Published, Published]);
        assert_eq!(phases(199), [Signing, Published, Published]);
        // Of two with one date the last signs, and the other never does.
        assert_eq!(phases(200), [Retired, Retired, Signing]);
        let last = 200 + 1000 + GRACE;
        assert_eq!(phases(last - 1), [Retired, Retired, Signing]);
        assert_eq!(phases(last), [Gone, Gone, Signing]);
        assert_eq!(phases(i64::MAX), [Gone, Gone, Signing]);
    }
}
