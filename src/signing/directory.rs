//! A directory of signing keys: one file a key.
//!
//! A file is there in whole or not at all, and says nothing about another. So whatever is interrupted leaves
//! the keys as they were before, or as they are after.

use std::{
    collections::HashSet,
    fs::{DirBuilder, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{
    Dates, KeyFileError, Phase, Settings, Signer, SigningKey, SigningKeyError,
    file::{self, FileError},
    key_file,
};
use crate::{clock::UnixTime, jose::Algorithm};

/// The most keys in one directory.
pub const MAX_KEYS: usize = 100;

/// The most entries, hidden ones too.
const MAX_ENTRIES: usize = 1000;

/// What the name of a key's file is made of.
const PREFIX: &str = "key-";
const SUFFIX: &str = ".pem";
/// The file that is locked while keys change.
const LOCK: &str = ".lock";
/// What a file is called while it is written.
const UNFINISHED: &str = ".unfinished-";

/// A directory of signing keys.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

/// What a new key, or a rotation, has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The `kid` of the key that signs next.
    pub kid: String,
    /// What it signs by.
    pub algorithm: Algorithm,
    /// From when on.
    pub signs_from: UnixTime,
    /// Whether it was made now; otherwise a rotation was under way.
    pub is_new: bool,
}

/// Why a directory of keys cannot be used. The texts name the file.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The system refuses.
    #[error("{path}: {why}")]
    Io {
        /// The directory or file.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// Others could put keys into it.
    #[error("{0} can be written by others than its owner: chmod 700 {0}")]
    Open(String),
    /// Something that is not a key's file.
    #[error("{0} is not a key's file (key-….pem): move it out of the directory of the keys")]
    Stranger(String),
    /// A file is not read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be used.
    #[error("{path} cannot be used: {why}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        why: KeyFileError,
    },
    /// The same key in two files, perhaps with two dates.
    #[error("{0} holds the same key as another file: remove one of them")]
    Twice(String),
    /// More than [`MAX_KEYS`].
    #[error("{0} holds more than {MAX_KEYS} keys")]
    TooMany(String),
    /// There is nothing to rotate.
    #[error("{0} holds no key: make one with portcullis keys generate")]
    Empty(String),
    /// A key waits already.
    #[error("a rotation is under way: {kid} signs from {from}")]
    Waiting {
        /// The key that waits.
        kid: String,
        /// From when on it signs.
        from: UnixTime,
    },
    /// Another process holds the lock.
    #[error("another process changes the keys in {0} now: try again")]
    Busy(String),
    /// A key cannot be made.
    #[error(transparent)]
    Generate(#[from] SigningKeyError),
}

impl Directory {
    /// The directory at `path`.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Reads every key in it; there may be none. Blocks.
    ///
    /// # Errors
    /// [`DirectoryError`] names the first file that cannot be used. Nothing is skipped: a key that does not
    /// count would take its tokens with it.
    pub fn load(&self) -> Result<Signer, DirectoryError> {
        self.refuse_open()?;
        let mut keys = Vec::new();
        let mut kids = HashSet::new();
        for path in self.files()? {
            let content = match file::read_private(&path) {
                // A rotation elsewhere has removed it since.
                Err(FileError::Unreadable { why, .. }) if why.kind() == io::ErrorKind::NotFound => {
                    continue;
                }
                content => content?,
            };
            let (dates, key) = key_file::parse(&content).map_err(|why| DirectoryError::Key {
                path: path.display().to_string(),
                why,
            })?;
            if !kids.insert(key.kid().map(ToOwned::to_owned)) {
                return Err(DirectoryError::Twice(path.display().to_string()));
            }
            keys.push((dates, key, path));
        }
        Ok(Signer::new(self.path.clone(), keys))
    }

    /// Makes a key as `settings` say, and the directory if need be. The first key signs at once, and another
    /// one after it was published for as long as they say; `publish_for`, in seconds, says otherwise. Blocks.
    ///
    /// # Errors
    /// [`DirectoryError::Waiting`] when a key waits for its time already; see also [`Directory::load`].
    pub fn generate(
        &self,
        settings: &Settings,
        publish_for: Option<i64>,
        now: UnixTime,
    ) -> Result<Outcome, DirectoryError> {
        make(&self.path).map_err(|why| self.failed(why))?;
        let _lock = self.lock()?;
        let signer = self.load()?;
        if let Some(next) = signer.next_at(now) {
            return Err(DirectoryError::Waiting {
                kid: next.key.kid().unwrap_or_default().to_owned(),
                from: next.life.dates.signs_from,
            });
        }
        let usual = if signer.keys().is_empty() {
            0
        } else {
            settings.publish_for
        };
        let wait = publish_for.unwrap_or(usual);
        self.add(settings.algorithm, wait, settings.token_lifetime, now)
    }

    /// Makes the key that signs in `after` seconds, and removes those that are gone. While a key waits for
    /// its time, it is the one, and nothing changes. `algorithm` and `token_lifetime` are those of the key that
    /// signs now, unless they are given. Blocks.
    ///
    /// # Errors
    /// [`DirectoryError::Empty`] when there is no key; see also [`Directory::load`].
    pub fn rotate(
        &self,
        algorithm: Option<Algorithm>,
        after: i64,
        token_lifetime: Option<i64>,
        now: UnixTime,
    ) -> Result<Outcome, DirectoryError> {
        let _lock = self.lock()?;
        let signer = self.load()?;
        if let Some(next) = signer.next_at(now) {
            return Ok(Outcome {
                kid: next.key.kid().unwrap_or_default().to_owned(),
                algorithm: next.key.algorithm(),
                signs_from: next.life.dates.signs_from,
                is_new: false,
            });
        }
        let current = signer
            .key_at(now)
            .ok_or_else(|| DirectoryError::Empty(self.shown()))?;
        let algorithm = algorithm.unwrap_or_else(|| current.key.algorithm());
        let lifetime = token_lifetime.unwrap_or(current.life.dates.token_lifetime);
        self.sweep(&signer, now)?;
        self.add(algorithm, after, lifetime, now)
    }

    fn add(
        &self,
        algorithm: Algorithm,
        wait: i64,
        token_lifetime: i64,
        now: UnixTime,
    ) -> Result<Outcome, DirectoryError> {
        if self.files()?.len() >= MAX_KEYS {
            return Err(DirectoryError::TooMany(self.shown()));
        }
        let key = SigningKey::generate(algorithm)?;
        let dates = Dates {
            published: now,
            signs_from: now.plus(wait),
            token_lifetime,
        };
        let kid = key.kid().unwrap_or_default().to_owned();
        let content = key_file::write(&dates, &key)?;
        let unfinished = self.path.join(format!("{UNFINISHED}{kid}"));
        let path = self.path.join(format!("{PREFIX}{kid}{SUFFIX}"));
        file::write_private(&unfinished, &path, content.as_bytes())
            .map_err(|why| self.failed(why))?;
        Ok(Outcome {
            kid,
            algorithm,
            signs_from: dates.signs_from,
            is_new: true,
        })
    }

    /// Removes the keys that are gone, and what an interrupted process has left.
    fn sweep(&self, signer: &Signer, now: UnixTime) -> Result<(), DirectoryError> {
        let gone = signer.keys().iter();
        let gone = gone.filter(|held| held.life.phase_at(now) == Phase::Gone);
        let gone = gone.map(|held| held.path.clone());
        let unfinished = self.names()?.into_iter();
        let unfinished = unfinished.filter(|name| name.starts_with(UNFINISHED));
        let unfinished = unfinished.map(|name| self.path.join(name));
        for path in gone.chain(unfinished) {
            std::fs::remove_file(path).map_err(|why| self.failed(why))?;
        }
        Ok(())
    }

    /// The files of the keys. Hidden ones are not ours to judge: mounts have some.
    fn files(&self) -> Result<Vec<PathBuf>, DirectoryError> {
        let mut files = Vec::new();
        for name in self.names()? {
            let path = self.path.join(&name);
            if name.starts_with('.') {
                continue;
            }
            if !name.starts_with(PREFIX) || !name.ends_with(SUFFIX) {
                return Err(DirectoryError::Stranger(path.display().to_string()));
            }
            files.push(path);
        }
        if files.len() > MAX_KEYS {
            return Err(DirectoryError::TooMany(self.shown()));
        }
        Ok(files)
    }

    fn names(&self) -> Result<Vec<String>, DirectoryError> {
        let failed = |why| self.failed(why);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            if names.len() >= MAX_ENTRIES {
                return Err(DirectoryError::TooMany(self.shown()));
            }
            let name = entry.map_err(failed)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        Ok(names)
    }

    /// Held until it is dropped, and by the system until the process ends.
    fn lock(&self) -> Result<File, DirectoryError> {
        let path = self.path.join(LOCK);
        let lock = file::private_options()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|why| match why.kind() {
                io::ErrorKind::NotFound => DirectoryError::Empty(self.shown()),
                _ => self.failed(why),
            })?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::Busy(self.shown())),
            Err(TryLockError::Error(why)) => Err(self.failed(why)),
        }
    }

    fn refuse_open(&self) -> Result<(), DirectoryError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let metadata = std::fs::metadata(&self.path).map_err(|why| self.failed(why))?;
            if metadata.permissions().mode() & 0o022 != 0 {
                return Err(DirectoryError::Open(self.shown()));
            }
        }
        Ok(())
    }

    fn failed(&self, why: io::Error) -> DirectoryError {
        let path = self.shown();
        DirectoryError::Io { path, why }
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}
