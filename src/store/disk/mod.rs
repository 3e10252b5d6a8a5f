//! A store in a file, which outlives the gateway: what was answered is there after any end of it.
//!
//! One thread writes. It takes all changes that wait, commits them together, and answers when they are
//! durable; so many requests at once share the wait for the disk. Another thread reads. Both answer within a
//! time limit or not at all. When the file cannot be written, whoever asked is told that it is not known,
//! and the file is opened anew: what stands in it counts, not what is in memory.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering::Relaxed,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::{Answer, Change, Key, OnDisk, Owner, Records, Settings, Size, Store, StoreError};
use crate::clock::{Clock, UnixTime};

mod error;
mod file;
mod layout;
mod ledger;
mod reader;
mod shared;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

pub use error::DiskError;
use file::Place;
use ledger::Room;
use reader::{Question, Reader};
use shared::Shared;
use writer::{Task, Weight, Work, Writer};

/// A store in a file, which is this process's alone.
pub struct Disk {
    shared: Arc<Shared>,
    room: Room,
    /// `None` only while it is dropped.
    tasks: Option<SyncSender<Task>>,
    questions: SyncSender<Question>,
    done: Mutex<Receiver<()>>,
}

/// How many changes wait at most, and how many questions.
const QUEUE: usize = 4096;

/// What all changes that wait may take, in bytes.
const QUEUE_BYTES: usize = 32 << 20;

/// How long anybody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a file that cannot be opened is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// How long the end of the store waits for a commit that is under way.
const FAREWELL: Duration = Duration::from_secs(2);

impl Disk {
    /// Opens the file of `settings`, or makes it and its directory; only the owner may touch them. Every page
    /// of it is checked. Blocks.
    ///
    /// # Errors
    /// [`DiskError`]. A file that cannot be used is left as it is.
    pub fn open(settings: &Settings, clock: Clock) -> Result<Self, DiskError> {
        let path = settings.path.as_deref().unwrap_or(Path::new(""));
        Self::start(Place::take(path)?, settings, RETRY, clock)
    }

    fn start(
        place: Place,
        settings: &Settings,
        retry: Duration,
        clock: Clock,
    ) -> Result<Self, DiskError> {
        let room = Room {
            keys: settings.entries,
            bytes: settings.max_size,
        };
        let shared = Arc::new(Shared::new());
        let (database, ledger) = writer::open(&place, room)?;
        shared.replace(Some(database));
        shared.keys.store(ledger.keys(), Relaxed);
        shared.records.store(ledger.records(), Relaxed);
        shared.bytes.store(place.size(), Relaxed);
        let (tasks, waiting_tasks) = mpsc::sync_channel(QUEUE);
        let (questions, waiting_questions) = mpsc::sync_channel(QUEUE);
        let (ended, done) = mpsc::channel();
        let reader = Reader {
            shared: Arc::clone(&shared),
            questions: waiting_questions,
            clock: clock.clone(),
        };
        let writer = Writer {
            shared: Arc::clone(&shared),
            tasks: waiting_tasks,
            clock,
            room,
            ledger: Some(ledger),
            retry,
            tried: None,
            place,
            _done: ended,
        };
        spawn("store-reader", move || reader.run())?;
        spawn("store-writer", move || writer.run())?;
        Ok(Self {
            shared,
            room,
            tasks: Some(tasks),
            questions,
            done: Mutex::new(done),
        })
    }

    /// Has the writer do `work`, which takes `bytes` while it waits.
    async fn change(&self, work: Work, bytes: usize) -> Result<bool, StoreError> {
        let (answer, later) = oneshot::channel();
        let weight = Weight::of(bytes, QUEUE_BYTES, &self.shared);
        let task = weight.map(|weight| Task {
            work,
            weight,
            answer,
        });
        let tasks = self.tasks.as_ref();
        let sent = task
            .zip(tasks)
            .is_some_and(|(task, tasks)| tasks.try_send(task).is_ok());
        self.answer(sent, later).await
    }

    async fn ask<T>(
        &self,
        question: Question,
        later: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let sent = self.questions.try_send(question).is_ok();
        self.answer(sent, later).await
    }

    async fn answer<T>(
        &self,
        sent: bool,
        later: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if sent && let Ok(Ok(answer)) = timeout(PATIENCE, later).await {
            return answer;
        }
        self.shared.refused.fetch_add(1, Relaxed);
        Err(StoreError::Unavailable)
    }
}

impl Store for Disk {
    fn consume_once(&self, owner: Owner, key: Key, until: UnixTime) -> Answer<'_, bool> {
        Box::pin(self.change(Work::Consume(owner, key, until), size_of::<Task>()))
    }

    fn contains(&self, key: Key) -> Answer<'_, bool> {
        Box::pin(async move {
            let (answer, later) = oneshot::channel();
            self.ask(Question::Contains(key, answer), later).await
        })
    }

    fn size(&self) -> Option<Size> {
        let shared = &self.shared;
        Some(Size {
            entries: shared.keys.load(Relaxed),
            capacity: self.room.keys,
            records: shared.records.load(Relaxed),
            disk: Some(OnDisk {
                bytes: shared.bytes.load(Relaxed),
                capacity: self.room.bytes,
                commits: shared.commits.load(Relaxed),
                errors: shared.errors.load(Relaxed),
                refused: shared.refused.load(Relaxed),
                is_open: !shared.is_broken.load(Relaxed),
            }),
        })
    }
}

impl Records for Disk {
    fn get(&self, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let (answer, later) = oneshot::channel();
            self.ask(Question::Get(key, answer), later).await
        })
    }

    fn apply(&self, changes: Vec<Change>) -> Answer<'_, bool> {
        let bytes = changes.iter().map(Change::weight).sum();
        Box::pin(self.change(Work::Apply(changes), bytes))
    }
}

impl Drop for Disk {
    /// What waits is still done, and the file is closed, unless the disk hangs.
    fn drop(&mut self) {
        self.tasks = None;
        let done = self.done.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = done.recv_timeout(FAREWELL);
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), DiskError> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map(drop).map_err(DiskError::Thread)
}
