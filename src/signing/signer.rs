//! What signs now, and what is published: a directory of keys as it was when it was read.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{
    Claims, Dates, Directory, DirectoryError, Header, Life, Phase, SigningKey, SigningKeyError,
};
use crate::clock::UnixTime;

/// The keys of a directory. It does not change: a changed directory is another `Signer`.
#[derive(Debug)]
pub struct Signer {
    directory: PathBuf,
    /// In the order in which they begin to sign.
    keys: Vec<DatedKey>,
}

/// A key, and when it does what.
#[derive(Debug)]
pub struct DatedKey {
    /// The key.
    pub key: SigningKey,
    /// Its dates.
    pub life: Life,
    /// The file that it was read from.
    pub path: PathBuf,
}

/// Why nothing is signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// No key signs at this time.
    #[error("no key signs yet: portcullis keys list shows from when on one does")]
    NoKey,
    /// The token would never expire.
    #[error("the token has no \"exp\"")]
    NoExpiry,
    /// The token would outlive what its key is published for.
    #[error(
        "the token would live for {asked} s, and the key that signs is for at most {most} s: a key that is made \
         with a longer token lifetime signs longer tokens"
    )]
    TooLong {
        /// How long it would be good, in seconds.
        asked: i64,
        /// The longest that the key signs, in seconds.
        most: i64,
    },
    /// The library failed.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
}

impl Signer {
    /// Reads the keys in `directory`; there may be none. Blocks.
    ///
    /// # Errors
    /// [`DirectoryError`] says which file cannot be used.
    pub fn load(directory: &Path) -> Result<Self, DirectoryError> {
        Directory::new(directory.to_owned()).load()
    }

    pub(super) fn new(directory: PathBuf, mut keys: Vec<(Dates, SigningKey, PathBuf)>) -> Self {
        // Of two that begin at once the last signs, whoever reads them.
        keys.sort_by(|(a, _, one), (b, _, other)| a.cmp(b).then_with(|| one.cmp(other)));
        let dates: Vec<_> = keys.iter().map(|(dates, _, _)| *dates).collect();
        let keys = keys.into_iter().zip(Life::all(&dates));
        let keys = keys.map(|((_, key, path), life)| DatedKey { key, life, path });
        Self {
            directory,
            keys: keys.collect(),
        }
    }

    /// Every key, in the order in which they begin to sign.
    #[must_use]
    pub fn keys(&self) -> &[DatedKey] {
        &self.keys
    }

    /// The key that signs at `now`: one from the date of the first on, none before.
    #[must_use]
    pub fn key_at(&self, now: UnixTime) -> Option<&DatedKey> {
        self.in_phase(Phase::Signing, now)
    }

    /// The key that is published and does not sign yet, if a rotation is under way.
    #[must_use]
    pub fn next_at(&self, now: UnixTime) -> Option<&DatedKey> {
        self.in_phase(Phase::Published, now)
    }

    /// The JWKS to publish at `now` (RFC 7517 §5): every key that is not gone.
    #[must_use]
    pub fn jwks_at(&self, now: UnixTime) -> Value {
        let published = self.keys.iter();
        let published = published.filter(|held| held.life.phase_at(now) != Phase::Gone);
        let keys: Vec<_> = published.filter_map(|held| held.key.public_jwk()).collect();
        json!({ "keys": keys })
    }

    /// Signs `claims` with the key of `now`. They must have an `exp`, at most the key's token lifetime away:
    /// longer than that the key is not sure to be published. An RSA key takes a millisecond or two.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(
        &self,
        header: &Header,
        claims: &Claims,
        now: UnixTime,
    ) -> Result<String, SignError> {
        let held = self.key_at(now).ok_or(SignError::NoKey)?;
        let asked = claims.expires().ok_or(SignError::NoExpiry)?.since(now);
        let most = held.life.dates.token_lifetime;
        if asked > most {
            return Err(SignError::TooLong { asked, most });
        }
        Ok(held.key.token(header, claims)?)
    }

    /// Whether it holds the same keys with the same dates as `other`.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let said = |signer: &Self| {
            let keys = signer.keys.iter();
            let parts =
                keys.map(|held| (held.life, held.path.clone(), held.key.public_jwk().cloned()));
            parts.collect::<Vec<_>>()
        };
        self.directory == other.directory && said(self) == said(other)
    }

    /// What to watch: a change of any of them is one of the keys.
    pub fn watched(&self) -> impl Iterator<Item = &Path> {
        let files = self.keys.iter().map(|held| held.path.as_path());
        std::iter::once(self.directory.as_path()).chain(files)
    }

    fn in_phase(&self, phase: Phase, now: UnixTime) -> Option<&DatedKey> {
        let mut keys = self.keys.iter();
        keys.find(|held| held.life.phase_at(now) == phase)
    }
}
