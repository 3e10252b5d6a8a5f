//! One attempt to read an issuer's keys, wherever they come from.

use std::{sync::Arc, time::Duration};

use reqwest::Url;

use super::{
    Issuer, KeySource,
    discovery::DiscoveryError,
    fetch::{Clients, FetchError, MAX_BYTES},
    file::{self, FileError, Stamp},
    key_file::{KeyFile, KeyFileError},
    remote::Known,
};
use crate::jose::jwk::{JwkError, JwkSet, JwkSetError};

/// Why an attempt to read an issuer's keys failed. The keys that are held serve on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The document was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The metadata that lead to the keys were not fetched.
    #[error("the issuer's metadata: {0}")]
    Metadata(FetchError),
    /// The metadata were fetched, and lead to no keys.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The file was not read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds no keys.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The document is no key set.
    #[error(transparent)]
    Document(#[from] JwkSetError),
    /// The key set is empty. A provider that is half up or half configured looks like this, and one
    /// that withdraws its keys sends others; so it does not replace good keys, which end with
    /// `stale_for` in any case.
    #[error("the key set is empty")]
    Empty,
    /// None of the key set's keys can be used; treated as [`ReadError::Empty`].
    #[error("none of the key set's {count} keys can be used; the first: {first}")]
    Unusable {
        /// How many there are.
        count: usize,
        /// What is wrong with the first.
        first: JwkError,
    },
    /// The attempt ended without an answer: a defect of ours, which must not end the others.
    #[error("the attempt ended unexpectedly")]
    Lost,
}

/// Keys that were just read.
#[derive(Debug)]
pub(super) struct Fresh {
    /// `None`: they are the same as those that are held.
    pub(super) set: Option<JwkSet>,
    /// Where the issuer's metadata said that they are.
    pub(super) found: Option<Url>,
    /// The document itself, of keys that came over the network.
    pub(super) document: Option<Vec<u8>>,
    /// What to ask with the next time.
    pub(super) known: Known,
    /// How long their server wants them to be used.
    pub(super) max_age: Option<Duration>,
}

impl From<JwkSet> for Fresh {
    fn from(set: JwkSet) -> Self {
        Self {
            set: Some(set),
            found: None,
            document: None,
            known: Known::default(),
            max_age: None,
        }
    }
}

/// What came of one attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The file is as it was: nothing was read.
    Unchanged,
    /// A document was read, or was not.
    Read(Result<Fresh, ReadError>),
    /// As `Read`, of a file that looked like this.
    File(Stamp, Result<Fresh, ReadError>),
}

/// What one attempt needs.
pub(super) struct Attempt {
    /// Whose keys.
    pub(super) issuer: Arc<Issuer>,
    /// With which clients, if its keys are remote.
    pub(super) clients: Clients,
    /// What its file looked like, if it is to be read only when that changed.
    pub(super) unless: Option<Stamp>,
    /// What to ask with whether its documents changed, if its keys are remote.
    pub(super) known: Known,
}

impl Attempt {
    /// Makes the attempt, within the limits of its source.
    pub(super) async fn make(self) -> Outcome {
        match self.issuer.keys.source() {
            KeySource::Remote(remote) => {
                Outcome::Read(remote.read(&self.clients, &self.known).await)
            }
            KeySource::File(file) => {
                let file = file.clone();
                // A file system may hang; the other issuers must not hang with it.
                tokio::task::spawn_blocking(move || look(&file, self.unless))
                    .await
                    .unwrap_or(Outcome::Read(Err(ReadError::Lost)))
            }
            KeySource::Fixed(_) => Outcome::Unchanged,
        }
    }
}

fn look(file: &KeyFile, unless: Option<Stamp>) -> Outcome {
    // The stamp is taken before the content: a change in between shows at the next look.
    let stamp = Stamp::of(&file.path);
    if unless.as_ref() == Some(&stamp) {
        return Outcome::Unchanged;
    }
    let document = file::read(&file.path, MAX_BYTES).map_err(ReadError::from);
    let set = document.and_then(|document| usable(file.parse(&document)?));
    Outcome::File(stamp, set.map(Fresh::from))
}

/// Refuses a set without a single usable key.
///
/// # Errors
/// [`ReadError::Empty`] and [`ReadError::Unusable`].
pub(super) fn usable(set: JwkSet) -> Result<JwkSet, ReadError> {
    match set.skipped.first() {
        _ if !set.keys.is_empty() => Ok(set),
        None => Err(ReadError::Empty),
        Some(first) => Err(ReadError::Unusable {
            count: set.skipped.len(),
            first: first.reason.clone(),
        }),
    }
}
