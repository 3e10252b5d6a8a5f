//! What all who use the file share: the open database, and what is counted.

use std::sync::{
    Mutex, PoisonError, RwLock, RwLockReadGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use redb::Database;

/// The open database, if it is, and what is counted.
pub(super) struct Shared {
    /// Only the writer opens and closes it; whoever uses it meanwhile holds the lock for reading.
    database: RwLock<Option<Database>>,
    /// Somebody could not read it: the writer opens it again.
    pub(super) is_broken: AtomicBool,
    pub(super) keys: AtomicUsize,
    pub(super) records: AtomicUsize,
    pub(super) bytes: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) refused: AtomicU64,
    /// What the changes take that wait, in bytes.
    pub(super) waiting: AtomicUsize,
    /// The last error that was told of, so that one that stays is told once.
    told: Mutex<Option<String>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            database: RwLock::new(None),
            is_broken: AtomicBool::new(false),
            keys: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            told: Mutex::new(None),
        }
    }

    /// The database, for as long as the guard lives. A poisoned lock is no harm: whoever panicked has had
    /// the database marked as broken.
    pub(super) fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts another database in its place, or none, and gives back the old one.
    pub(super) fn replace(&self, database: Option<Database>) -> Option<Database> {
        let mut place = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, database)
    }

    /// Counts an error, and tells of it unless it is the last one again.
    pub(super) fn fail(&self, error: &str) {
        self.errors.fetch_add(1, Relaxed);
        self.is_broken.store(true, Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_deref() != Some(error) {
            tracing::error!(error, "the store cannot be used");
            *told = Some(error.to_owned());
        }
    }

    /// It works again, if it did not.
    pub(super) fn recover(&self) {
        self.is_broken.store(false, Relaxed);
    }

    /// A change was made durable: whatever error was told of is over.
    pub(super) fn succeed(&self) {
        self.commits.fetch_add(1, Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.take().is_some() {
            tracing::info!("the store works again");
        }
    }
}
