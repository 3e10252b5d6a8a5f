//! Files that a configuration names: read once, with a bound on their size.

use std::{
    fs::{File, Metadata},
    io::Read,
    path::Path,
};

use super::large_text::LargeText;

/// Bounds, in bytes.
pub(super) const MAX_CONFIGURATION: u64 = 16 << 20;
/// The issuers file: room for a hundred thousand issuers and more.
pub(super) const MAX_ISSUERS: u64 = 512 << 20;
/// A document of keys or of certificates.
pub(super) const MAX_DOCUMENT: u64 = 1 << 20;
/// A secret.
pub(super) const MAX_SECRET: u64 = 64 << 10;

/// Why a file cannot be used. The texts name the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// It is not there, or may not be read.
    #[error("cannot read {path}: {why}")]
    Unreadable { path: String, why: std::io::Error },
    /// It is no file: a pipe could block, a device never ends.
    #[error("{0} is not a regular file")]
    NotAFile(String),
    /// It is larger than its bound.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge { path: String, limit: u64 },
    /// It should be text.
    #[error("{0} is not valid UTF-8")]
    NotUtf8(String),
}

/// The whole file, if it has at most `limit` bytes.
///
/// # Errors
/// [`FileError`] says what is wrong with it.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let (file, _) = open(path)?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|why| unreadable(path, why))?;
    within(path, bytes.len() as u64, limit)?;
    Ok(bytes)
}

/// As [`read`], for a file of text.
///
/// # Errors
/// As [`read`].
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    String::from_utf8(read(path, limit)?)
        .map_err(|_| FileError::NotUtf8(path.display().to_string()))
}

/// As [`read_text`], for a file that may be large.
///
/// # Errors
/// As [`read`].
pub(super) fn read_large_text(path: &Path, limit: u64) -> Result<LargeText, FileError> {
    let (mut file, metadata) = open(path)?;
    let length = within(path, metadata.len(), limit)?;
    LargeText::read(&mut file, length)
        .map_err(|why| unreadable(path, why))?
        .ok_or_else(|| FileError::NotUtf8(path.display().to_string()))
}

/// Whether others than the owner may read, write or run it.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

fn open(path: &Path) -> Result<(File, Metadata), FileError> {
    let failed = |why| unreadable(path, why);
    // Looked at before it is opened: opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FileError::NotAFile(path.display().to_string()));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    Ok((file, metadata))
}

fn unreadable(path: &Path, why: std::io::Error) -> FileError {
    let path = path.display().to_string();
    FileError::Unreadable { path, why }
}

/// `length`, if it is at most `limit`.
fn within(path: &Path, length: u64, limit: u64) -> Result<usize, FileError> {
    let too_large = || FileError::TooLarge {
        path: path.display().to_string(),
        limit,
    };
    usize::try_from(length)
        .ok()
        .filter(|_| length <= limit)
        .ok_or_else(too_large)
}
