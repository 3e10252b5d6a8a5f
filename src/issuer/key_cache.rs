//! The last good keys of each remote issuer in a directory, so that a gateway starts while a provider
//! is down.

use std::{
    fmt::Write as _,
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Issuer, KeySource, Remote,
    fetch::MAX_BYTES,
    file::{self, FileError},
    read::{self, ReadError},
};
use crate::{
    clock::UnixTime,
    jose::jwk::{self, JwkSet, Symmetric},
};

mod writer;

pub(super) use writer::{Job, Writer};

/// The most bytes that a file may have: the key set, and what stands around it.
const MAX_FILE: usize = MAX_BYTES + (64 << 10);

/// How far a file may be ahead of the clock, in seconds: clocks are corrected, and files do not come
/// from the future.
const MAX_AHEAD: i64 = 60;

/// A directory that keeps the last good key set of each remote issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCache {
    directory: PathBuf,
}

/// Why kept keys were not written, or are not used. They are a help only: the keys are fetched anyway.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyCacheError {
    /// The file was not read.
    #[error("the kept keys: {0}")]
    File(#[from] FileError),
    /// Others could have written it, and with it the keys.
    #[error("the kept keys: the file is open to others than its owner")]
    Open,
    /// It is not what this program writes.
    #[error("the kept keys: the file is damaged")]
    Damaged,
    /// It is another issuer's.
    #[error("the kept keys: the file is of another issuer")]
    OtherIssuer,
    /// The configuration names another source of keys by now, perhaps for a reason.
    #[error("the kept keys: they are from another URL than the configured one")]
    OtherSource,
    /// Its time has not come.
    #[error("the kept keys: they are from the future ({0})")]
    Future(UnixTime),
    /// Older than `stale_for`.
    #[error("the kept keys: they are older than stale_for (read at {0})")]
    Stale(UnixTime),
    /// The key set in it cannot be used.
    #[error("the kept keys: {0}")]
    Keys(#[from] ReadError),
    /// The keys were not written.
    #[error("the keys cannot be kept: {0}")]
    Write(io::ErrorKind),
}

/// The content of a file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Record<'r> {
    issuer: String,
    /// The configured URL.
    source: String,
    /// Seconds since 1970.
    read_at: i64,
    /// The JWKS document as it came.
    #[serde(borrow)]
    jwks: &'r RawValue,
}

impl KeyCache {
    /// The cache in `directory`, which is made when the first keys are kept.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where the keys of this issuer are. The name says nothing that a file system could misread.
    #[must_use]
    pub fn path(&self, issuer: &str) -> PathBuf {
        let mut name = String::with_capacity(69);
        for byte in digest(&SHA256, issuer.as_bytes()).as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        self.directory.join(name + ".json")
    }

    /// The kept keys of `issuer`, and when they were read; `None` if there are none. Blocks.
    ///
    /// # Errors
    /// [`KeyCacheError`] when there are some and they must not serve at `now`.
    pub(super) fn read(
        &self,
        issuer: &Issuer,
        now: UnixTime,
    ) -> Result<Option<(JwkSet, UnixTime)>, KeyCacheError> {
        let KeySource::Remote(remote) = issuer.keys.source() else {
            return Ok(None);
        };
        let path = self.path(&issuer.name);
        let document = match file::read(&path, MAX_FILE) {
            Err(FileError::Io(io::ErrorKind::NotFound)) => return Ok(None),
            document => document?,
        };
        if is_open_to_others(&path)? {
            return Err(KeyCacheError::Open);
        }
        accept(&document, &issuer.name, remote, now).map(Some)
    }

    /// Keeps `jwks`, in whole or not at all. Blocks.
    fn write(&self, record: &Record<'_>) -> Result<(), KeyCacheError> {
        let path = self.path(&record.issuer);
        let temporary = path.with_extension(format!("{:08x}.tmp", fastrand::u32(..)));
        let content = serde_json::to_vec(record).map_err(|_| KeyCacheError::Damaged)?;
        let written = folder(&self.directory)
            .and_then(|()| fill(&temporary, &content))
            .and_then(|()| std::fs::rename(&temporary, &path));
        written.map_err(|error| {
            // It may not be there at all.
            let _ = std::fs::remove_file(&temporary);
            KeyCacheError::Write(error.kind())
        })
    }
}

fn accept(
    document: &[u8],
    issuer: &str,
    remote: &Remote,
    now: UnixTime,
) -> Result<(JwkSet, UnixTime), KeyCacheError> {
    let record: Record<'_> =
        serde_json::from_slice(document).map_err(|_| KeyCacheError::Damaged)?;
    if record.issuer != issuer {
        return Err(KeyCacheError::OtherIssuer);
    }
    if record.source != remote.uri.as_str() {
        return Err(KeyCacheError::OtherSource);
    }
    let read_at = UnixTime(record.read_at);
    let age = now.since(read_at);
    if age < -MAX_AHEAD {
        return Err(KeyCacheError::Future(read_at));
    }
    if age > i64::try_from(remote.stale_for.as_secs()).unwrap_or(i64::MAX) {
        return Err(KeyCacheError::Stale(read_at));
    }
    // As from the network: a secret in it is nobody's key.
    let set = jwk::parse_set(record.jwks.get().as_bytes(), Symmetric::Refused);
    let set = read::usable(set.map_err(ReadError::from)?)?;
    Ok((set, read_at))
}

fn folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    // Else a crash could leave the new name on an empty file.
    file.sync_all()
}

/// Whether anybody but the owner may do anything with it. One that we can read and that nobody else
/// may is our own.
fn is_open_to_others(path: &Path) -> Result<bool, FileError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(path).map_err(|e| FileError::Io(e.kind()))?;
        Ok(metadata.mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(false)
    }
}
