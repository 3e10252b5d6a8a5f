//! A JWKS document in a file: read when its metadata change.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

/// Why a file was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The system refuses to open or read it.
    #[error("the file cannot be read: {0}")]
    Io(io::ErrorKind),
    /// A directory, a pipe or a device: reading one might never end.
    #[error("the file is not a regular file")]
    NotRegular,
    /// Longer than so many bytes.
    #[error("the file is longer than {0} bytes")]
    TooLarge(usize),
}

/// What a file looked like when it was last looked at. Equal stamps mean that nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// It could not be looked at.
    Absent(io::ErrorKind),
    /// It was there. A swapped symbolic link shows as another inode.
    Present {
        /// When it was last written.
        modified: Option<SystemTime>,
        /// Its length, in bytes.
        length: u64,
        /// Its device and its number there.
        inode: (u64, u64),
    },
}

impl Stamp {
    /// The stamp of the file that `path` leads to. Blocks.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match std::fs::metadata(path) {
            Ok(metadata) => Self::from(&metadata),
            Err(error) => Self::Absent(error.kind()),
        }
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self::Present {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: inode(metadata),
        }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Reads the file at `path`, at most `limit` bytes. Blocks.
///
/// # Errors
/// [`FileError`].
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    let io = |error: io::Error| FileError::Io(error.kind());
    // Before it is opened: opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(FileError::NotRegular);
    }
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut document = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(most.saturating_add(1))
        .read_to_end(&mut document)
        .map_err(io)?;
    if document.len() > limit {
        Err(FileError::TooLarge(limit))
    } else {
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_the_file_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let absent = Stamp::of(&path);
        assert_eq!(absent, Stamp::Absent(io::ErrorKind::NotFound));
        std::fs::write(&path, "{}").unwrap();
        let first = Stamp::of(&path);
        assert_ne!(first, absent);
        assert_eq!(first, Stamp::of(&path));
        std::fs::write(&path, "{} ").unwrap();
        assert_ne!(first, Stamp::of(&path));
    }

    #[cfg(unix)]
    #[test]
    fn a_swapped_link_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("1"), folder.path().join("2"));
        let link = folder.path().join("keys.json");
        std::fs::write(&one, "{}").unwrap();
        std::fs::write(&two, "{}").unwrap();
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let before = Stamp::of(&link);
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&two, &link).unwrap();
        assert_ne!(before, Stamp::of(&link));
    }

    #[test]
    fn reads_up_to_the_limit_and_regular_files_only() {
        const LIMIT: usize = 1000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        std::fs::write(&path, vec![b' '; LIMIT]).unwrap();
        assert_eq!(read(&path, LIMIT).map(|d| d.len()), Ok(LIMIT));
        std::fs::write(&path, vec![b' '; LIMIT + 1]).unwrap();
        assert_eq!(read(&path, LIMIT), Err(FileError::TooLarge(LIMIT)));
        assert_eq!(read(folder.path(), LIMIT), Err(FileError::NotRegular));
        let absent = folder.path().join("absent");
        assert_eq!(
            read(&absent, LIMIT),
            Err(FileError::Io(io::ErrorKind::NotFound))
        );
    }
}
