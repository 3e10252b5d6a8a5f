//! Files that hold a private key or a secret: the owner's alone, and written in whole or not at all.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

use zeroize::Zeroizing;

/// The most bytes that a file may have.
const MAX_BYTES: usize = 64 << 10;

/// Why a private file is not read. The texts name the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or may not be read.
    #[error("cannot read {path}: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("{0} is not a regular file")]
    NotAFile(String),
    /// It is longer than any key.
    #[error("{0} is larger than {MAX_BYTES} bytes")]
    TooLarge(String),
    /// Others than the owner may read or write it.
    #[error("{0} is open to others than its owner: chmod 600 {0}")]
    Open(String),
}

/// The content of the file at `path`, which its owner alone may read. Blocks.
///
/// # Errors
/// [`FileError`].
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let shown = || path.display().to_string();
    let failed = |why| FileError::Unreadable { path: shown(), why };
    // Before it is opened: opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FileError::NotAFile(shown()));
    }
    let file = File::open(path).map_err(failed)?;
    // Of what was opened: the name may lead elsewhere by now.
    let metadata = file.metadata().map_err(failed)?;
    if is_open_to_others(&metadata) {
        return Err(FileError::Open(shown()));
    }
    // With room for all of it, no copy is left behind where the buffer grew.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let limit = MAX_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut content).map_err(failed)?;
    if content.len() > MAX_BYTES {
        return Err(FileError::TooLarge(shown()));
    }
    Ok(content)
}

/// Writes `content` to `temporary`, and gives it the name `path`. A crash leaves the one or the other, and
/// `path` never without all of the content. Blocks.
pub(super) fn write_private(temporary: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let written = fill(temporary, content).and_then(|()| std::fs::rename(temporary, path));
    if written.is_err() {
        // It may not be there at all.
        let _ = std::fs::remove_file(temporary);
    }
    written?;
    path.parent().map_or(Ok(()), sync)
}

/// Makes the names in `directory` last.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Opens a new file, which its owner alone may read.
pub(super) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true);
    options
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private_options().create_new(true).open(path)?;
    file.write_all(content)?;
    // Else a crash could leave the new name on an empty file.
    file.sync_all()
}

fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        metadata.permissions().mode() & 0o077 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn only_what_is_the_owners_alone_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_private(&folder.path().join("t"), &path, b"secret").unwrap();
        assert_eq!(read_private(&path).unwrap().as_slice(), b"secret");
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read_private(&path).unwrap_err();
            assert!(matches!(error, FileError::Open(_)), "{mode:o}");
            assert!(error.to_string().contains("chmod 600 "));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(read_private(&path).is_ok());
    }

    #[test]
    fn what_is_no_file_or_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let written = |name: &str, length| {
            write_private(&at("t"), &at(name), &vec![b'x'; length]).unwrap();
            read_private(&at(name))
        };
        assert!(written("most", MAX_BYTES).is_ok());
        let error = written("more", MAX_BYTES + 1).unwrap_err();
        assert!(matches!(error, FileError::TooLarge(_)));
        let error = read_private(folder.path()).unwrap_err();
        assert!(matches!(error, FileError::NotAFile(_)));
        let error = read_private(&at("absent")).unwrap_err();
        assert!(matches!(error, FileError::Unreadable { .. }));
    }
}
