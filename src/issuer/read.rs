//! One attempt to read an issuer's keys, wherever they come from.

use std::{path::PathBuf, sync::Arc};

use reqwest::Client;

use super::{
    Issuer, KeySource,
    fetch::{self, FetchError},
    file::{self, FileError, Stamp},
};
use crate::jose::jwk::{self, JwkError, JwkSet, JwkSetError, Symmetric};

/// Why an attempt to read an issuer's keys failed. The keys that are held serve on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The document was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The file was not read.
    #[error(transparent)]
    File(#[from] FileError),
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

/// What came of one attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The file is as it was: nothing was read.
    Unchanged,
    /// A document was read, or was not.
    Read(Result<JwkSet, ReadError>),
    /// As `Read`, of a file that looked like this.
    File(Stamp, Result<JwkSet, ReadError>),
}

/// What one attempt needs.
pub(super) struct Attempt {
    /// Whose keys.
    pub(super) issuer: Arc<Issuer>,
    /// With which client, if its keys are remote.
    pub(super) client: Option<Result<Client, FetchError>>,
    /// What its file looked like, if it is to be read only when that changed.
    pub(super) unless: Option<Stamp>,
}

impl Attempt {
    /// Makes the attempt, within the limits of its source.
    pub(super) async fn make(self) -> Outcome {
        match (self.issuer.keys.source(), self.client) {
            (KeySource::Remote(remote), Some(client)) => {
                let document = match client {
                    Ok(client) => fetch::fetch(client, remote).await,
                    Err(error) => Err(error),
                };
                Outcome::Read(
                    document
                        .map_err(ReadError::from)
                        .and_then(|d| parse_remote(&d)),
                )
            }
            (KeySource::File(path), _) => {
                let path = path.clone();
                // A file system may hang; the other issuers must not hang with it.
                tokio::task::spawn_blocking(move || look(path, self.unless))
                    .await
                    .unwrap_or(Outcome::Read(Err(ReadError::Lost)))
            }
            (KeySource::Remote(_), None) => Outcome::Read(Err(ReadError::Lost)),
            (KeySource::Fixed(_), _) => Outcome::Unchanged,
        }
    }
}

fn look(path: PathBuf, unless: Option<Stamp>) -> Outcome {
    // The stamp is taken before the content: a change in between shows at the next look.
    let stamp = Stamp::of(&path);
    if unless.as_ref() == Some(&stamp) {
        return Outcome::Unchanged;
    }
    let document = file::read(&path).map_err(ReadError::from);
    Outcome::File(stamp, document.and_then(|d| parse_file(&d)))
}

fn parse_remote(document: &[u8]) -> Result<JwkSet, ReadError> {
    usable(jwk::parse_set(document, Symmetric::Refused)?)
}

fn parse_file(document: &[u8]) -> Result<JwkSet, ReadError> {
    usable(jwk::parse_set(document, Symmetric::Allowed)?)
}

/// Refuses a set without a single usable key.
fn usable(set: JwkSet) -> Result<JwkSet, ReadError> {
    match set.skipped.first() {
        _ if !set.keys.is_empty() => Ok(set),
        None => Err(ReadError::Empty),
        Some(first) => Err(ReadError::Unusable {
            count: set.skipped.len(),
            first: first.reason.clone(),
        }),
    }
}
