//! Retries are few beside the requests, so that they do not make an outage worse.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// So many retries may be under way, however few requests there are.
const FLOOR: usize = 10;

/// The retries of an upstream, of all workers.
#[derive(Debug, Default)]
pub struct Retries {
    under_way: AtomicUsize,
    begun: AtomicU64,
    denied: AtomicU64,
}

/// A retry under way, until it is dropped.
pub(in super::super) struct Retrying<'r>(&'r Retries);

impl Retries {
    /// How many there were.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }

    /// How many there were not, because too many were under way.
    #[must_use]
    pub fn denied(&self) -> u64 {
        self.denied.load(Relaxed)
    }

    /// One that nobody has to answer for: no server has seen the request.
    pub(in super::super) fn count(&self) {
        self.begun.fetch_add(1, Relaxed);
    }

    /// One more, unless `percent` of the `requests` under way are retries already.
    pub(in super::super) fn begin(&self, requests: usize, percent: u32) -> Option<Retrying<'_>> {
        let share = requests.saturating_mul(percent as usize) / 100;
        let limit = share.max(FLOOR);
        let more = |under_way: usize| (under_way < limit).then_some(under_way.saturating_add(1));
        if self.under_way.fetch_update(Relaxed, Relaxed, more).is_ok() {
            self.count();
            return Some(Retrying(self));
        }
        self.denied.fetch_add(1, Relaxed);
        None
    }
}

impl Drop for Retrying<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_requests_and_a_few_in_any_case() {
        let retries = Retries::default();
        let mut under_way: Vec<_> = (0..FLOOR).map(|_| retries.begin(0, 20)).collect();
        assert!(under_way.iter().all(Option::is_some));
        assert!(retries.begin(0, 20).is_none() && retries.begin(54, 20).is_none());
        under_way.push(retries.begin(55, 20));
        assert!(under_way.last().unwrap().is_some());
        assert!(retries.begin(55, 20).is_none());
        under_way.truncate(1);
        assert!(retries.begin(0, 20).is_some());
        assert_eq!((retries.begun(), retries.denied()), (12, 3));
    }
}
