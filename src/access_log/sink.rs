//! Where lines go.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use super::{AccessLogError, Destination};

/// Standard output or a file, and whether its last line is whole.
#[derive(Debug)]
pub(super) struct Sink {
    to: Destination,
    file: Option<File>,
    is_torn: bool,
}

/// Readable for the group, for who collects logs: the subject may be in it.
const MODE: u32 = 0o640;

/// Whether lines could be written to the end of `path`. Nothing is made: whoever looks may not be who writes.
///
/// # Errors
/// [`AccessLogError`] when it is no file, cannot be opened, or is to be made where there is no folder.
pub fn can_be_written(path: &Path) -> Result<(), AccessLogError> {
    if is_there(path)? {
        return open(path, false).map(drop);
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match std::fs::metadata(folder) {
        Ok(folder) if folder.is_dir() => Ok(()),
        Ok(_) => Err(failed(path, io::ErrorKind::NotADirectory.into())),
        Err(error) => Err(failed(path, error)),
    }
}

impl Sink {
    pub(super) fn open(to: &Destination) -> Result<Self, AccessLogError> {
        let file = match to {
            Destination::Stdout => None,
            Destination::File(path) => {
                is_there(path)?;
                Some(open(path, true)?)
            }
        };
        Ok(Self {
            to: to.clone(),
            file,
            is_torn: false,
        })
    }

    /// Opens the file again by its name. The old one goes on when that fails.
    pub(super) fn reopen(&mut self) -> Result<(), AccessLogError> {
        *self = Self::open(&self.to)?;
        Ok(())
    }

    /// Writes whole lines. What follows a torn one begins on a line of its own.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.write_some(b"\n")?;
            self.is_torn = false;
        }
        self.write_some(lines)
    }

    fn write_some(&mut self, mut rest: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let out: &mut dyn Write = match &mut self.file {
            Some(file) => file,
            None => &mut stdout,
        };
        while !rest.is_empty() {
            match out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    let (written, left) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                    self.is_torn = !written.ends_with(b"\n");
                    rest = left;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        out.flush()
    }
}

/// Whether something is at `path` that lines can be written to. To open a pipe would wait for its reader.
fn is_there(path: &Path) -> Result<bool, AccessLogError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() || found.file_type().is_char_device() => Ok(true),
        Ok(_) => Err(AccessLogError::NoFile(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, error)),
    }
}

fn open(path: &Path, create: bool) -> Result<File, AccessLogError> {
    let mut options = OpenOptions::new();
    let options = options.append(true).create(create).mode(MODE);
    options.open(path).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: io::Error) -> AccessLogError {
    AccessLogError::Open {
        path: path.to_owned(),
        error,
    }
}
