//! The refresher's side of a ring.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc::UnboundedSender;

use super::{Held, KeyRing};
use crate::{
    clock::UnixTime,
    issuer::{
        KeySource,
        key_cache::KeyCacheError,
        read::{Fresh, ReadError},
        set::KeySet,
    },
    jose::jwk::JwkSet,
};

impl KeyRing {
    /// Gives the ring to a refresher, in which it has the place `index`.
    pub(in crate::issuer) fn attach(&self, refresher: UnboundedSender<usize>, index: usize) {
        if let Some(flight) = &self.flight {
            flight.attach(refresher, index, matches!(self.source, KeySource::File(_)));
        }
    }

    /// Takes the ring from its refresher, and lets go whoever waits.
    pub(in crate::issuer) fn detach(&self) {
        if let Some(flight) = &self.flight {
            flight.detach();
        }
    }

    /// Its place in its refresher, if it has one.
    pub(in crate::issuer) fn place(&self) -> Option<usize> {
        self.flight.as_ref().and_then(|flight| flight.place())
    }

    /// Takes over what `before`, a ring over the same source, holds. It ages on.
    pub(in crate::issuer) fn inherit(&self, before: &Self) {
        self.held.store(before.held.load_full());
        if let Some(flight) = &self.flight {
            flight.note(|status| *status = before.status());
        }
    }

    /// Whether somebody waits for an attempt that has not begun.
    pub(in crate::issuer) fn is_asked(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.is_asked())
    }

    /// Says that the refresher begins an attempt.
    pub(in crate::issuer) fn begin(&self) {
        if let Some(flight) = &self.flight {
            flight.begin();
        }
    }

    /// Takes over what an attempt read, if it did, and wakes who waits. The next is at `next_at`.
    pub(in crate::issuer) fn land(&self, result: Result<Fresh, ReadError>, next_at: UnixTime) {
        let Some(flight) = &self.flight else { return };
        let now = self.clock.now();
        let result = result.and_then(|fresh| {
            let set = match fresh.set {
                Some(set) => set,
                None => self.same().ok_or(ReadError::Lost)?,
            };
            self.replace(set, now, Duration::ZERO);
            Ok(fresh.found)
        });
        flight.land(|status| status.note(result, now, next_at));
    }

    /// Says that there was nothing to read, and wakes who waits.
    pub(in crate::issuer) fn land_unchanged(&self, next_at: UnixTime) {
        if let Some(flight) = &self.flight {
            flight.land(|status| status.next_at = Some(next_at));
        }
    }

    /// Takes over keys that were kept from an earlier run, read at `read_at`. They age on.
    pub(in crate::issuer) fn restore(&self, set: JwkSet, read_at: UnixTime) {
        let age = u64::try_from(self.clock.now().since(read_at)).unwrap_or(0);
        self.replace(set, read_at, Duration::from_secs(age));
        if let Some(flight) = &self.flight {
            flight.note(|status| status.note_restored(read_at));
        }
    }

    /// Notes what came of keeping the keys, or of looking for kept ones.
    pub(in crate::issuer) fn note_kept(&self, result: Result<(), KeyCacheError>) {
        if let Some(flight) = &self.flight {
            flight.note(|status| status.note_kept(result));
        }
    }

    /// How many requests are waiting.
    #[cfg(test)]
    pub(in crate::issuer) fn waiting(&self) -> usize {
        self.flight.as_ref().map_or(0, |flight| flight.waiting())
    }

    /// Returns when the next attempt has ended.
    #[cfg(test)]
    pub(in crate::issuer) async fn next_landing(&self) {
        if let Some(flight) = &self.flight {
            flight.next_landing().await;
        }
    }

    /// What is held, to be held anew.
    fn same(&self) -> Option<JwkSet> {
        self.held.load().as_ref().map(|held| JwkSet {
            keys: held.set.keys.clone(),
            skipped: held.set.skipped.clone(),
        })
    }

    fn replace(&self, document: JwkSet, read_at: UnixTime, age: Duration) {
        let held = self.held.load();
        let set = KeySet::new(document, held.as_ref().map(|held| &*held.set), read_at);
        self.held.store(Some(Arc::new(Held::new(set, age))));
    }
}
