//! The file: where it is, who may touch it, and how it comes to be.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, StorageError, backends::FileBackend,
};

use super::{
    error::DiskError,
    layout::{ABOUT, ENDS, FORMAT, KNOWN_FORMAT, ONCE, RECORDS},
};

/// Where a store is, on a lock of its own as long as this lives. The lock is another file's, so that nobody
/// else opens the store while it is closed and opened again.
pub(super) struct Place {
    path: PathBuf,
    _lock: File,
    #[cfg(test)]
    pub(super) faults: Option<std::sync::Arc<super::tests::Faults>>,
}

/// How much of the file is kept in memory, in bytes.
const CACHE: usize = 32 << 20;

impl Place {
    /// The place of the store at `path`, whose directory is made when it is not there.
    pub(super) fn take(path: &Path) -> Result<Self, DiskError> {
        let directory = directory_of(path);
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(directory).map_err(io_error(directory))?;
        let metadata = fs::metadata(directory).map_err(io_error(directory))?;
        if metadata.mode() & 0o022 != 0 {
            return Err(DiskError::OpenDirectory(directory.display().to_string()));
        }
        let lock_path = beside(path, ".lock");
        let lock = options()
            .create(true)
            .open(&lock_path)
            .map_err(io_error(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DiskError::InUse(path.display().to_string()));
            }
            Err(TryLockError::Error(why)) => return Err(io_error(&lock_path)(why)),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
            #[cfg(test)]
            faults: None,
        })
    }

    /// Opens the file, after every page of it was checked. It is made when it is not there, and then it is
    /// there in whole or not at all; one that is there is never replaced.
    pub(super) fn open(&self) -> Result<Database, DiskError> {
        match fs::metadata(&self.path) {
            Ok(metadata) if !metadata.is_file() => return Err(self.damaged("it is no file")),
            Ok(metadata) if metadata.len() == 0 => return Err(self.damaged("it is empty")),
            Ok(metadata) if metadata.mode() & 0o077 != 0 => {
                return Err(DiskError::OpenFile(self.path.display().to_string()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make()?,
            Err(error) => return Err(io_error(&self.path)(error)),
        }
        let database = self.open_at(&self.path)?;
        self.check_format(&database)?;
        Ok(database)
    }

    /// What the file takes on the disk, in bytes.
    pub(super) fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.blocks().saturating_mul(512))
    }

    /// Makes the file under another name, and gives it its own when it is whole and durable.
    fn make(&self) -> Result<(), DiskError> {
        let unfinished = beside(&self.path, ".unfinished");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(&unfinished)(error));
            }
            Ok(()) | Err(_) => {}
        }
        options()
            .create_new(true)
            .open(&unfinished)
            .map_err(io_error(&unfinished))?;
        let database = self.open_at(&unfinished)?;
        lay_out(&database).map_err(|error| self.failed(error))?;
        drop(database);
        fs::rename(&unfinished, &self.path).map_err(io_error(&self.path))?;
        let directory = directory_of(&self.path);
        // The directory may be new itself.
        for directory in [Some(directory), directory.parent()].into_iter().flatten() {
            sync(directory).map_err(io_error(directory))?;
        }
        Ok(())
    }

    fn open_at(&self, path: &Path) -> Result<Database, DiskError> {
        let file = options().open(path).map_err(io_error(path))?;
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE);
        builder.set_check_integrity_on_open(true);
        // A damaged file must not end the program by a panic of the library's either.
        let opened = catch_unwind(AssertUnwindSafe(|| self.database(&builder, file)));
        match opened {
            Ok(opened) => opened.map_err(|error| self.refused(error)),
            Err(_) => Err(self.damaged("it cannot be read")),
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests have faults")]
    fn database(&self, builder: &Builder, file: File) -> Result<Database, DatabaseError> {
        builder.create_with_backend(FileBackend::new(file)?)
    }

    #[cfg(test)]
    fn database(&self, builder: &Builder, file: File) -> Result<Database, DatabaseError> {
        let Some(faults) = &self.faults else {
            return builder.create_with_backend(FileBackend::new(file)?);
        };
        builder.create_with_backend(super::tests::Faulty::new(file, faults)?)
    }

    fn check_format(&self, database: &Database) -> Result<(), DiskError> {
        let found = read_format(database).map_err(|error| self.failed(error))?;
        match found {
            Some(KNOWN_FORMAT) => Ok(()),
            Some(found) => Err(DiskError::Format {
                path: self.path.display().to_string(),
                found,
                known: KNOWN_FORMAT,
            }),
            None => Err(self.damaged("it does not say that it is one")),
        }
    }

    fn refused(&self, error: DatabaseError) -> DiskError {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                DiskError::InUse(self.path.display().to_string())
            }
            DatabaseError::Storage(StorageError::Io(why))
                if !matches!(
                    why.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                io_error(&self.path)(why)
            }
            other => self.damaged(&other.to_string()),
        }
    }

    /// The error of an operation on the opened file.
    pub(super) fn failed(&self, error: redb::Error) -> DiskError {
        match error {
            redb::Error::Io(why) => io_error(&self.path)(why),
            other => self.damaged(&other.to_string()),
        }
    }

    fn damaged(&self, why: &str) -> DiskError {
        DiskError::Damaged {
            path: self.path.display().to_string(),
            why: why.to_owned(),
        }
    }
}

fn lay_out(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ONCE)?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(ENDS)?;
    let mut about = transaction.open_table(ABOUT)?;
    about.insert(FORMAT, KNOWN_FORMAT)?;
    drop(about);
    Ok(transaction.commit()?)
}

fn read_format(database: &Database) -> Result<Option<u64>, redb::Error> {
    let transaction = database.begin_read()?;
    let about = match transaction.open_table(ABOUT) {
        Ok(about) => about,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(redb::ReadableTable::get(&about, FORMAT)?.map(|format| format.value()))
}

/// For reading and writing, and its owner only.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn sync(directory: &Path) -> io::Result<()> {
    if directory.as_os_str().is_empty() {
        return File::open(".")?.sync_all();
    }
    File::open(directory)?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> DiskError {
    move |why| DiskError::Io {
        path: path.display().to_string(),
        why,
    }
}
