//! What became of fetches, for metrics and the status.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::CredentialError;
use crate::clock::UnixTime;

/// Counted since the credential was configured as it is.
#[derive(Debug, Default)]
pub struct Counts {
    successes: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Clone, Debug, Default)]
struct Last {
    success: Option<UnixTime>,
    failure: Option<(UnixTime, String)>,
}

impl Counts {
    /// Counts what came of a fetch at `now`.
    pub(super) fn count<T>(&self, outcome: &Result<T, CredentialError>, now: UnixTime) {
        let counter = match outcome {
            Ok(_) => &self.successes,
            Err(CredentialError::Refused { .. }) => &self.refused,
            Err(_) => &self.unavailable,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(_) => last.success = Some(now),
            Err(error) => last.failure = Some((now, error.to_string())),
        }
    }

    /// Fetches by outcome: `success`, `refused` and `unavailable`.
    #[must_use]
    pub fn by_outcome(&self) -> [(&'static str, u64); 3] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("success", of(&self.successes)),
            ("refused", of(&self.refused)),
            ("unavailable", of(&self.unavailable)),
        ]
    }

    /// When a token came last.
    #[must_use]
    pub fn last_success(&self) -> Option<UnixTime> {
        self.last().success
    }

    /// When none came last, and why.
    #[must_use]
    pub fn last_failure(&self) -> Option<(UnixTime, String)> {
        self.last().failure
    }

    fn last(&self) -> Last {
        let last = self.last.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
