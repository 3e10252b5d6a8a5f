//! How many refusals there were of each code in the last minutes.

use super::CODES;
use crate::{clock::UnixTime, gateway::Code};

/// Refusals of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The code.
    pub code: Code,
    /// In the last minute.
    pub last_minute: u64,
    /// In the last fifteen minutes.
    pub last_15_minutes: u64,
}

/// Ten seconds each, so that a minute is one to within ten seconds.
pub(super) struct Minutes(Box<[Span]>);

#[derive(Clone)]
struct Span {
    /// Which ten seconds since 1970.
    number: i64,
    counts: [u32; CODES],
}

const SECONDS: i64 = 10;
/// Fifteen minutes.
const SPANS: i64 = 90;
/// One minute.
const MINUTE: i64 = 6;

impl Default for Minutes {
    fn default() -> Self {
        let empty = Span {
            number: i64::MIN,
            counts: [0; CODES],
        };
        Self(vec![empty; SPANS as usize].into())
    }
}

impl Minutes {
    pub(super) fn count(&mut self, code: Code, at: UnixTime) {
        let number = at.0.div_euclid(SECONDS);
        let place = number.rem_euclid(SPANS) as usize;
        let Some(span) = self.0.get_mut(place) else {
            return;
        };
        if span.number != number {
            span.number = number;
            span.counts = [0; CODES];
        }
        if let Some(count) = span.counts.get_mut(code as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Every code that came, the most frequent first.
    pub(super) fn tally(&self, now: UnixTime) -> Vec<Tally> {
        let now = now.0.div_euclid(SECONDS);
        let within = |code: Code, spans: i64| -> u64 {
            let recent = self
                .0
                .iter()
                .filter(|span| (0..spans).contains(&now.saturating_sub(span.number)));
            recent
                .filter_map(|span| span.counts.get(code as usize))
                .map(|count| u64::from(*count))
                .sum()
        };
        let tallies = Code::ALL.into_iter().map(|code| Tally {
            code,
            last_minute: within(code, MINUTE),
            last_15_minutes: within(code, SPANS),
        });
        let mut tallies: Vec<Tally> = tallies.filter(|tally| tally.last_15_minutes > 0).collect();
        tallies.sort_by_key(|tally| std::cmp::Reverse(tally.last_15_minutes));
        tallies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_pass_with_time() {
        let mut minutes = Minutes::default();
        for _ in 0..3 {
            minutes.count(Code::InternalError, UnixTime(5));
        }
        minutes.count(Code::TokenMissing, UnixTime(300));
        let at = |now: i64| -> Vec<(Code, u64, u64)> {
            let tally = minutes.tally(UnixTime(now)).into_iter();
            tally
                .map(|one| (one.code, one.last_minute, one.last_15_minutes))
                .collect()
        };
        assert_eq!(at(9), [(Code::InternalError, 3, 3)]);
        assert_eq!(
            at(301),
            [(Code::InternalError, 0, 3), (Code::TokenMissing, 1, 1)]
        );
        assert_eq!(at(905), [(Code::TokenMissing, 0, 1)]);
        assert_eq!(at(2000), []);
        assert_eq!(at(-2000), []);
    }
}
