//! What the status page shows of an issuer's keys.

use reqwest::Url;

use super::{key_cache::KeyCacheError, read::ReadError};
use crate::clock::UnixTime;

/// The most characters of an error that are kept: part of it may be the server's own text.
const MAX_ERROR: usize = 300;

/// What the status page shows of an issuer's keys.
#[derive(Clone, Debug, Default)]
pub struct KeysStatus {
    /// When the keys were last read with success.
    pub read_at: Option<UnixTime>,
    /// When they were last tried.
    pub tried_at: Option<UnixTime>,
    /// When they are read next, if ever.
    pub next_at: Option<UnixTime>,
    /// Why the last try failed, if it did.
    pub error: Option<String>,
    /// Where the issuer's metadata said that its keys are, if they come by discovery.
    pub jwks_uri: Option<String>,
    /// Whether the keys were kept from an earlier run, and none were read since.
    pub restored: bool,
    /// Why kept keys were not used, or these are not kept.
    pub cache_error: Option<String>,
    /// How many tries succeeded.
    pub successes: u64,
    /// How many tries failed.
    pub failures: u64,
}

impl KeysStatus {
    /// Of keys that stand in the configuration: never tried, never read again.
    pub(super) fn fixed(read_at: Option<UnixTime>) -> Self {
        let error = read_at.is_none().then(|| ReadError::Empty.to_string());
        Self {
            read_at,
            error,
            ..Self::default()
        }
    }

    /// Notes what came of a try.
    pub(super) fn note(
        &mut self,
        result: Result<Option<Url>, ReadError>,
        now: UnixTime,
        next: UnixTime,
    ) {
        self.tried_at = Some(now);
        self.next_at = Some(next);
        match result {
            Ok(found) => {
                self.jwks_uri = found.map(String::from);
                self.read_at = Some(now);
                self.error = None;
                self.restored = false;
                self.successes = self.successes.saturating_add(1);
            }
            Err(error) => {
                self.error = Some(shortened(&error));
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    /// Notes what came of keeping the keys, or of looking for kept ones.
    pub(super) fn note_kept(&mut self, result: Result<(), KeyCacheError>) {
        self.cache_error = result.err().map(|error| shortened(&error));
    }

    /// Notes that the keys are from an earlier run.
    pub(super) fn note_restored(&mut self, read_at: UnixTime) {
        self.read_at = Some(read_at);
        self.restored = true;
    }
}

fn shortened(error: &impl ToString) -> String {
    error.to_string().chars().take(MAX_ERROR).collect()
}
