//! What was refused lately, for an operator who is told a `request_id`: no token, and no value of a claim but the
//! one that was compared.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::Code;
use crate::clock::UnixTime;

mod entry;
mod minutes;

pub use entry::{Entry, TokenHeader};
pub use minutes::Tally;

use minutes::Minutes;

/// The last refusals, and how many there were of each code. It keeps none unless it is told to.
#[derive(Default)]
pub struct Refusals {
    capacity: AtomicUsize,
    /// The second in which tokens were looked into, and how many.
    looks: AtomicU64,
    kept: Mutex<Kept>,
}

/// What is there now.
#[derive(Debug)]
pub struct Overview {
    /// How many refusals are kept at most.
    pub capacity: usize,
    /// How many there were since the start.
    pub total: u64,
    /// By code, the most frequent first.
    pub by_code: Vec<Tally>,
    /// The newest first.
    pub entries: Vec<Arc<Entry>>,
}

#[derive(Default)]
struct Kept {
    /// The newest last.
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    total: u64,
    minutes: Minutes,
}

/// The most bytes that all entries take, roughly.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Into how many tokens one looks in a second: a flood of bad tokens must not be made dearer by this.
const LOOKS: u64 = 200;
/// The most entries of one overview.
const LISTED: usize = 1000;

impl Refusals {
    /// Keeps the last `capacity` refusals from now on; none, and no count, when it is 0.
    pub fn keep(&self, capacity: usize) {
        self.capacity.store(capacity, Ordering::Relaxed);
        self.kept().shorten(capacity);
    }

    /// Whether any are kept.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.capacity.load(Ordering::Relaxed) > 0
    }

    /// Leave to look into one more token in the second of `now`.
    pub(super) fn may_look(&self, now: UnixTime) -> bool {
        if !self.is_on() {
            return false;
        }
        let second = (now.0 as u64) << 32;
        let looks = self.looks.load(Ordering::Relaxed);
        if looks & !u64::from(u32::MAX) != second {
            // Of two at once, one is not counted: there is no harm in that.
            self.looks.store(second | 1, Ordering::Relaxed);
            return true;
        }
        if looks - second >= LOOKS {
            return false;
        }
        // Another thread may be in another second by now, also in the one before.
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        looks.wrapping_sub(second) < LOOKS
    }

    /// Remembers one.
    pub(super) fn push(&self, entry: Entry) {
        let capacity = self.capacity.load(Ordering::Relaxed);
        let entry = Arc::new(entry);
        let mut kept = self.kept();
        kept.total = kept.total.saturating_add(1);
        kept.minutes.count(entry.code, entry.at);
        kept.bytes = kept.bytes.saturating_add(entry.bytes());
        kept.entries.push_back(entry);
        kept.shorten(capacity);
    }

    /// The one of this identifier; the newest, if a proxy gave two the same.
    #[must_use]
    pub fn find(&self, request_id: &str) -> Option<Arc<Entry>> {
        let kept = self.kept();
        let mut newest_first = kept.entries.iter().rev();
        newest_first
            .find(|entry| *entry.request_id == *request_id)
            .map(Arc::clone)
    }

    /// All that is known at `now`; at most a thousand refusals are listed.
    #[must_use]
    pub fn overview(&self, now: UnixTime) -> Overview {
        let kept = self.kept();
        Overview {
            capacity: self.capacity.load(Ordering::Relaxed),
            total: kept.total,
            by_code: kept.minutes.tally(now),
            entries: kept
                .entries
                .iter()
                .rev()
                .take(LISTED)
                .map(Arc::clone)
                .collect(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn shorten(&mut self, capacity: usize) {
        while self.entries.len() > capacity || self.bytes > MAX_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
    }
}

/// Every code, for counts by code.
const CODES: usize = Code::ALL.len();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Step;

    fn entry(id: &str, path: &str) -> Entry {
        Entry {
            request_id: id.into(),
            at: UnixTime(1000),
            code: Code::TokenExpired,
            step: Step::Time,
            route: None,
            issuer: None,
            method: "GET".into(),
            path: path.into(),
            client: None,
            cause: "c".into(),
            header: None,
            claims: None,
            compared: None,
        }
    }

    #[test]
    fn the_last_ones_are_kept_and_found() {
        let refusals = Refusals::default();
        refusals.keep(2);
        for id in ["a", "b", "c"] {
            refusals.push(entry(id, "/"));
        }
        assert!(refusals.find("a").is_none());
        assert!(refusals.find("b").is_some() && refusals.find("c").is_some());
        let overview = refusals.overview(UnixTime(1000));
        assert_eq!((overview.capacity, overview.total), (2, 3));
        assert_eq!(&*overview.entries[0].request_id, "c");
        assert_eq!(overview.by_code[0].last_minute, 3);
        refusals.keep(1);
        assert!(refusals.find("b").is_none() && refusals.find("c").is_some());
        refusals.keep(0);
        assert!(refusals.find("c").is_none() && !refusals.is_on());
    }

    #[test]
    fn large_ones_leave_room_for_few() {
        let refusals = Refusals::default();
        refusals.keep(10_000);
        let long = "x".repeat(1024 * 1024);
        for id in 0..40 {
            refusals.push(entry(&id.to_string(), &long));
        }
        let kept = refusals.kept();
        assert!(kept.bytes <= MAX_BYTES);
        assert!(
            (10..16).contains(&kept.entries.len()),
            "{}",
            kept.entries.len()
        );
    }

    #[test]
    fn so_many_looks_a_second_and_no_more() {
        let refusals = Refusals::default();
        assert!(!refusals.may_look(UnixTime(1)));
        refusals.keep(1);
        for second in 1..3 {
            let looks = (0..2 * LOOKS).filter(|_| refusals.may_look(UnixTime(second)));
            assert_eq!(looks.count() as u64, LOOKS);
        }
    }
}
