//! The thread that writes: it takes all changes that wait, makes them durable at once, and answers then.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use redb::{Database, ReadableDatabase};
use tokio::sync::oneshot;

use super::{
    error::DiskError,
    file::Place,
    layout::ENDS,
    ledger::{Ledger, Room},
    shared::Shared,
    tables::{self, Tables, Verdict},
};
use crate::{
    clock::{Clock, UnixTime},
    store::{Change, Key, Owner, StoreError},
};

/// A change that waits, and who waits for it.
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) weight: Weight,
    pub(super) answer: oneshot::Sender<Verdict>,
}

/// What is to be done.
pub(super) enum Work {
    Consume(Owner, Key, UnixTime),
    Apply(Vec<Change>),
}

/// What a task takes in memory, counted as long as it waits.
pub(super) struct Weight {
    shared: Arc<Shared>,
    bytes: usize,
}

/// Makes changes until nobody can ask for any more.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Receiver<Task>,
    pub(super) clock: Clock,
    pub(super) room: Room,
    pub(super) ledger: Option<Ledger>,
    /// How long a file that cannot be opened is left alone.
    pub(super) retry: Duration,
    pub(super) tried: Option<Instant>,
    pub(super) place: Place,
    /// Dropped last: whoever waits for the end finds the file closed and its lock free.
    pub(super) _done: Sender<()>,
}

/// The most changes of one commit, and the most bytes.
const TOGETHER: usize = 1024;
const TOGETHER_BYTES: usize = 4 << 20;

/// How many ended entries go with a commit at least.
const SWEPT: usize = 64;

/// How long it is idle until it looks for what has ended.
const REST: Duration = Duration::from_secs(1);

impl Writer {
    pub(super) fn run(mut self) {
        loop {
            match self.tasks.recv_timeout(REST) {
                Ok(first) => {
                    let batch = self.batch(first);
                    self.serve(batch);
                }
                Err(RecvTimeoutError::Timeout) => self.rest(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.close();
    }

    /// `first` and what waits behind it, without those for which nobody waits.
    fn batch(&self, first: Task) -> Vec<Task> {
        let mut bytes = first.weight.bytes;
        let mut batch = vec![first];
        while batch.len() < TOGETHER && bytes < TOGETHER_BYTES {
            let Ok(task) = self.tasks.try_recv() else {
                break;
            };
            bytes = bytes.saturating_add(task.weight.bytes);
            batch.push(task);
        }
        batch.retain(|task| !task.answer.is_closed());
        batch
    }

    fn serve(&mut self, batch: Vec<Task>) {
        if !self.is_open() {
            return refuse(batch);
        }
        let swept = SWEPT.max(batch.len().saturating_mul(2));
        match self.guarded(|writer| writer.commit(&batch, swept)) {
            Some(verdicts) => {
                for (task, verdict) in batch.into_iter().zip(verdicts) {
                    let _ = task.answer.send(verdict);
                }
            }
            None => refuse(batch),
        }
    }

    /// Nobody asks for anything: some of what has ended goes.
    fn rest(&mut self) {
        if self.is_open() {
            self.guarded(|writer| {
                if writer.has_ended()? {
                    writer.commit(&[], TOGETHER)?;
                }
                Ok(())
            });
        }
    }

    /// All of `batch` in one transaction, durable when this returns.
    fn commit(&mut self, batch: &[Task], swept: usize) -> Result<Vec<Verdict>, redb::Error> {
        let database = self.shared.database();
        let (Some(database), Some(ledger)) = (database.as_ref(), self.ledger.as_mut()) else {
            return Err(redb::Error::DatabaseClosed);
        };
        let mut transaction = database.begin_write()?;
        // One phase would trust a checksum that whoever chooses the values may forge.
        transaction.set_two_phase_commit(true);
        let mut verdicts = Vec::with_capacity(batch.len());
        let mut tables = Tables::open(&transaction, ledger, self.clock.now())?;
        tables.sweep(swept)?;
        for task in batch {
            verdicts.push(match &task.work {
                Work::Consume(owner, key, until) => tables.consume(*owner, *key, *until)?,
                Work::Apply(changes) => tables.apply(changes)?,
            });
        }
        let is_changed = tables.is_changed();
        drop(tables);
        if is_changed {
            transaction.commit()?;
            self.shared.keys.store(ledger.keys(), Relaxed);
            self.shared.records.store(ledger.records(), Relaxed);
            self.shared.bytes.store(self.place.size(), Relaxed);
            self.shared.succeed();
        } else {
            transaction.abort()?;
        }
        Ok(verdicts)
    }

    fn has_ended(&self) -> Result<bool, redb::Error> {
        let database = self.shared.database();
        let database = database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let ends = database.begin_read()?.open_table(ENDS)?;
        let first = tables::first_end(&ends)?;
        Ok(first.is_some_and(|(end, _, _)| end <= self.clock.now()))
    }

    /// Runs `work`. When it fails, nothing is known of the file any more: it is closed.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, redb::Error>) -> Option<T> {
        let error = match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic".to_owned(),
        };
        self.shared.fail(&error);
        self.close();
        None
    }

    fn close(&mut self) {
        self.ledger = None;
        let database = self.shared.replace(None);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }

    /// Whether the file is open; opens it again after a failure, not too often.
    fn is_open(&mut self) -> bool {
        if self.shared.is_broken.load(Relaxed) {
            self.close();
        }
        if self.ledger.is_some() {
            return true;
        }
        if self.tried.is_some_and(|tried| tried.elapsed() < self.retry) {
            return false;
        }
        self.tried = Some(Instant::now());
        match open(&self.place, self.room) {
            Ok((database, ledger)) => {
                self.ledger = Some(ledger);
                self.shared.replace(Some(database));
                self.shared.recover();
                true
            }
            Err(error) => {
                self.shared.fail(&error.to_string());
                false
            }
        }
    }
}

/// The database at `place`, and what is in it.
pub(super) fn open(place: &Place, room: Room) -> Result<(Database, Ledger), DiskError> {
    let database = place.open()?;
    let counted = database
        .begin_write()
        .map_err(redb::Error::from)
        .and_then(|transaction| {
            let ledger = Ledger::count(room, &transaction)?;
            transaction.abort()?;
            Ok(ledger)
        });
    let ledger = counted.map_err(|error| place.failed(error))?;
    Ok((database, ledger))
}

fn refuse(batch: Vec<Task>) {
    for task in batch {
        let _ = task.answer.send(Err(StoreError::Unavailable));
    }
}

impl Weight {
    /// The place of `bytes` among what waits, if there is one.
    pub(super) fn of(bytes: usize, most: usize, shared: &Arc<Shared>) -> Option<Self> {
        let weight = Self {
            shared: Arc::clone(shared),
            bytes,
        };
        let waiting = shared.waiting.fetch_add(bytes, Relaxed);
        (waiting.saturating_add(bytes) <= most).then_some(weight)
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.shared.waiting.fetch_sub(self.bytes, Relaxed);
    }
}
