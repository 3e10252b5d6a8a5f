//! An issuer's keys: what a request asks, and what a refresh replaces.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;

use super::{
    KeySource, Remote,
    flight::{Flight, Wish},
    set::{Candidates, KeyError, KeySet},
    status::KeysStatus,
};
use crate::{
    clock::{Clock, UnixTime},
    jose::{Header, Key, Thumbprint, jwk::JwkSet},
};

mod upkeep;

/// What a waiting request grants beyond the fetch's own timeout, for the way there and back.
const GRACE: Duration = Duration::from_millis(250);

/// How long a request waits for the first reading of a file.
const FILE_PATIENCE: Duration = Duration::from_secs(2);

/// An issuer's keys and where they come from. Requests read a snapshot; a refresh swaps it.
#[derive(Debug)]
pub struct KeyRing {
    source: KeySource,
    clock: Clock,
    held: ArcSwapOption<Held>,
    /// Absent for fixed keys: a large registry of them stays small.
    flight: Option<Box<Flight>>,
}

/// A key set, and when it was read by a clock that nobody sets.
#[derive(Debug)]
struct Held {
    set: Arc<KeySet>,
    read: Instant,
    /// How old they were then: those of an earlier run are.
    age: Duration,
}

impl KeyRing {
    /// A ring over `source`. Fixed keys are there at once; the others when a [`super::Refresher`]
    /// has read them. Ages are measured by `clock`.
    #[must_use]
    pub fn new(source: KeySource, clock: Clock) -> Self {
        let (held, flight) = match &source {
            KeySource::Fixed(fixed) if !fixed.keys.is_empty() => {
                let copy = JwkSet {
                    keys: fixed.keys.clone(),
                    skipped: fixed.skipped.clone(),
                };
                (
                    Some(Held::new(
                        KeySet::new(copy, None, clock.now()),
                        Duration::ZERO,
                    )),
                    None,
                )
            }
            KeySource::Fixed(_) => (None, None),
            KeySource::Remote(_) | KeySource::File(_) => (None, Some(Box::new(Flight::new()))),
        };
        Self {
            source,
            clock,
            held: ArcSwapOption::new(held.map(Arc::new)),
            flight,
        }
    }

    /// The keys to try for `header`, at most four: those with its `kid`; without a `kid` in the token
    /// or in the key, those that fit its algorithm. For an unknown kid the set is fetched once for all
    /// who wait, unless the issuer's cooldown forbids it.
    ///
    /// # Errors
    /// [`KeyError`] when there is none.
    pub async fn find(&self, header: &Header) -> Result<Candidates, KeyError> {
        let first = self.look(header);
        let (Err(error), Some(flight)) = (&first, &self.flight) else {
            return first;
        };
        let (wish, patience) = match (&self.source, error) {
            (KeySource::Remote(remote), _) => missing(remote),
            (KeySource::File(_), KeyError::Unavailable) => (Wish::Join, FILE_PATIENCE),
            (KeySource::File(_), KeyError::NotFound | KeyError::OutOfTime)
            | (KeySource::Fixed(_), _) => return first,
        };
        // Whether it came in time or not: what is held now is the answer.
        let _ = tokio::time::timeout(patience, flight.wait(wish)).await;
        self.look(header)
    }

    /// Other keys to try for `header`, after none of `tried` made the signature: its issuer may have
    /// changed a key that has no `kid`, or that the token does not name, and nothing but the signature
    /// tells. The set is fetched as for an unknown `kid`, within the same cooldown.
    ///
    /// `None` where one of `tried` is the key that the token names, or there are no others.
    pub async fn find_others(&self, header: &Header, tried: &Candidates) -> Option<Candidates> {
        let (KeySource::Remote(remote), Some(flight)) = (&self.source, &self.flight) else {
            return None;
        };
        if header.kid().is_some() && tried.iter().any(|key| key.kid() == header.kid()) {
            return None;
        }
        let (wish, patience) = missing(remote);
        let _ = tokio::time::timeout(patience, flight.wait(wish)).await;
        let is_new = |key: &Arc<Key>| {
            let mut tried = tried.iter();
            !tried.any(|old| old.thumbprint() == key.thumbprint())
        };
        let found = self.look(header).ok()?.into_iter();
        Some(found.filter(is_new).collect()).filter(|others: &Candidates| !others.is_empty())
    }

    /// Reads the keys now, whatever the cooldown says, and returns when that is done. Does nothing
    /// for fixed keys, and when no refresher runs. [`KeyRing::status`] says what came of it.
    pub async fn refresh_now(&self) {
        if let Some(flight) = &self.flight {
            flight.wait(Wish::Order).await;
        }
    }

    /// The keys as they are now, if there are any and they are not too old to serve.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        let held = self.held.load();
        held.as_ref()
            .filter(|held| self.serves(held, self.clock.now()))
            .map(|held| Arc::clone(&held.set))
    }

    /// How many keys serve now: those whose certificate is out of its time do not.
    #[must_use]
    pub fn usable(&self) -> usize {
        let now = self.clock.now();
        self.current().map_or(0, |set| set.in_time(now).count())
    }

    /// Whether the key that made a signature with `header` is still one of the issuer's for that
    /// algorithm, and one that `find` would give for this header.
    #[must_use]
    pub fn still_holds(&self, key: Thumbprint, header: &Header) -> bool {
        let held = self.held.load();
        let now = self.clock.now();
        held.as_ref()
            .is_some_and(|held| self.serves(held, now) && held.set.holds(key, header, now))
    }

    /// For the status page.
    #[must_use]
    pub fn status(&self) -> KeysStatus {
        if let Some(flight) = &self.flight {
            return flight.status();
        }
        KeysStatus::fixed(self.held.load().as_ref().map(|held| held.set.read_at))
    }

    /// Where the keys come from.
    #[must_use]
    pub const fn source(&self) -> &KeySource {
        &self.source
    }

    fn look(&self, header: &Header) -> Result<Candidates, KeyError> {
        let now = self.clock.now();
        match self.held.load().as_ref() {
            Some(held) if self.serves(held, now) => held.set.candidates(header, now),
            _ => Err(KeyError::Unavailable),
        }
    }

    /// Whether `held` is younger than `stale_for`, by the time of day and by the time that passed:
    /// a clock that jumps back does not lengthen a key's life.
    fn serves(&self, held: &Held, now: UnixTime) -> bool {
        let KeySource::Remote(remote) = &self.source else {
            return true;
        };
        let limit = i64::try_from(remote.stale_for.as_secs()).unwrap_or(i64::MAX);
        now.since(held.set.read_at) <= limit
            && held.age.saturating_add(held.read.elapsed()).as_secs() <= remote.stale_for.as_secs()
    }
}

/// What a request wants of a remote set that has no key for it, and how long it waits.
fn missing(remote: &Remote) -> (Wish, Duration) {
    let wish = Wish::Missing {
        cooldown: remote.cooldown,
    };
    (wish, remote.timeout.saturating_add(GRACE))
}

impl Held {
    fn new(set: KeySet, age: Duration) -> Self {
        Self {
            set: Arc::new(set),
            read: Instant::now(),
            age,
        }
    }
}
