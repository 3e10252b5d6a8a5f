//! An issuer's keys: an immutable set that a refresh replaces as a whole.

use super::*;

/// The keys of one issuer, as they were last read.
#[derive(Debug)]
pub struct KeySet {
    /// The usable keys.
    pub keys: Vec<Arc<Key>>,
    /// The others, each with its reason.
    pub skipped: Vec<Skipped>,
    /// When they were read.
    pub read_at: UnixTime,
}

/// Why an issuer has no key for a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has keys, and none is for this header.
    #[error("the issuer has no key for this token")]
    NotFound,
    /// It has no keys at all, or they are older than `stale_for`: an outage, not the client's fault.
    #[error("the issuer's keys are not available")]
    Unavailable,
}

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
    /// How many tries succeeded.
    pub successes: u64,
    /// How many tries failed.
    pub failures: u64,
}

/// An issuer's keys and where they come from. Requests read a snapshot; a refresh swaps it.
#[derive(Debug)]
pub struct KeyRing {
    source: KeySource,
}

impl KeyRing {
    /// A ring over `source`. Fixed keys are there at once; the others when a [`Refresher`] has read them.
    #[must_use]
    pub fn new(source: KeySource, _clock: Clock) -> Self {
        Self { source }
    }

    /// The keys to try for `header`, at most four: those with its `kid`; without a `kid` in the token
    /// or in the key, those that fit its algorithm. For an unknown kid the set is fetched once for all
    /// who wait, unless the issuer's cooldown forbids it.
    ///
    /// # Errors
    /// [`KeyError`] when there is none.
    pub async fn find(&self, _header: &Header) -> Result<Vec<Arc<Key>>, KeyError> {
        todo!()
    }

    /// The keys as they are now, if there are any and they are not too old to serve.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        todo!()
    }

    /// Whether the key that made a signature with `header` is still one of the issuer's for that algorithm.
    #[must_use]
    pub fn still_holds(&self, _key: crate::jose::Thumbprint, _header: &Header) -> bool {
        todo!()
    }

    /// For the status page.
    #[must_use]
    pub fn status(&self) -> KeysStatus {
        todo!()
    }

    /// Where the keys come from.
    #[must_use]
    pub const fn source(&self) -> &KeySource {
        &self.source
    }
}
