//! A store in Redis, or Valkey, which several gateways share: what one has used up, no other takes.
//!
//! One thread speaks with it, over one connection: what waits goes out together. Whoever asks waits for so
//! many milliseconds and no longer. When an answer is late, or the connection breaks, everybody is refused at
//! once until a new connection has proved to be of use; so a server that is gone costs no request any time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc as blocking,
    },
    thread,
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, timeout},
};

use super::{
    Answer, Ask, Buckets, Change, Key, Level, Owner, Records, Remote, Size, Store, StoreError,
    records,
};
use crate::clock::{Clock, Moment, UnixTime};

mod about;
mod buckets;
mod commands;
mod driver;
mod error;
mod line;
mod resp;
mod settings;
mod shared;
#[cfg(test)]
mod tests;

use commands::Commands;
use driver::{Driver, Task};
use error::RedisError;
use resp::Reply;
pub use settings::{Address, RedisSettings};
use shared::Shared;

/// A store in Redis.
pub struct Redis {
    shared: Arc<Shared>,
    tasks: mpsc::Sender<Task>,
    room: Arc<Semaphore>,
    commands: Commands,
    timeout: Duration,
    clock: Clock,
}

/// How many commands wait at most.
const QUEUE: usize = 4096;

/// What all commands that wait may take, in bytes.
const QUEUE_BYTES: usize = 32 << 20;

/// How long the start waits for the first connection, so that the first request finds it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Redis {
    /// Connects as `settings` say, and goes on trying where that fails: a gateway begins without its store, and
    /// refuses what needs it. Blocks for two seconds at most.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn open(settings: RedisSettings, clock: Clock) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (tasks, waiting) = mpsc::channel(QUEUE);
        let (tried, first) = blocking::channel();
        let (limit, commands) = (settings.timeout, Commands::new(&settings.prefix));
        let mut driver = Driver {
            settings,
            shared: Arc::clone(&shared),
            tasks: waiting,
            tried: Some(tried),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                // A defect costs the commands under way, and not all that would come.
                while catch_unwind(AssertUnwindSafe(|| runtime.block_on(driver.run()))).is_err() {
                    driver.shared.close(&RedisError::Panicked);
                    thread::sleep(PATIENCE);
                }
                // A name that is being looked up does not keep the program from its end.
                runtime.shutdown_background();
            })?;
        let _ = first.recv_timeout(PATIENCE);
        Ok(Self {
            shared,
            tasks,
            room: Arc::new(Semaphore::new(QUEUE_BYTES)),
            commands,
            timeout: limit,
            clock,
        })
    }

    /// Sends `command`, if it can be sent at once, and waits for its reply.
    async fn ask(&self, command: Vec<u8>) -> Result<Reply, StoreError> {
        let reply = match self.send(command) {
            Some(later) => timeout(self.timeout, later).await.ok().and_then(Result::ok),
            None => None,
        };
        match reply {
            None => {
                self.shared.refused.fetch_add(1, Relaxed);
                Err(StoreError::Unavailable)
            }
            Some(Reply::Error(text)) if commands::is_full(&text) => Err(StoreError::Full),
            Some(Reply::Error(_)) => Err(StoreError::Unavailable),
            Some(reply) => Ok(reply),
        }
    }

    async fn levels(&self, asks: Vec<Ask>, is_taken: bool) -> Result<Vec<Level>, StoreError> {
        let command = self.commands.take(&asks, is_taken);
        let reply = self.ask(command.ok_or(StoreError::Full)?).await?;
        buckets::levels(reply, asks.len())
    }

    fn send(&self, command: Vec<u8>) -> Option<oneshot::Receiver<Reply>> {
        if !self.shared.is_open() {
            return None;
        }
        let weight = u32::try_from(command.len() + size_of::<Task>()).ok()?;
        let weight = Arc::clone(&self.room).try_acquire_many_owned(weight).ok()?;
        let (answer, later) = oneshot::channel();
        let task = Task {
            command,
            answer,
            since: Instant::now(),
            weight,
        };
        self.tasks.try_send(task).ok().map(|()| later)
    }
}

impl Store for Redis {
    /// Who owns the key does not matter: the room is that of the server, which refuses when it is full.
    fn consume_once(&self, _: Owner, key: Key, until: UnixTime) -> Answer<'_, bool> {
        Box::pin(async move {
            let command = self.commands.consume(key, until, self.clock.now());
            commands::is_consumed(&self.ask(command).await?)
        })
    }

    fn contains(&self, key: Key) -> Answer<'_, bool> {
        Box::pin(async move {
            let reply = self.ask(self.commands.contains(key)).await?;
            commands::is_one(&reply)
        })
    }

    fn size(&self) -> Option<Size> {
        None
    }

    fn remote(&self) -> Option<Remote> {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        Some(Remote {
            is_open: self.shared.is_open(),
            was_open: self.shared.was_open(),
            evicts: self.shared.evicts(),
            commands: count(&self.shared.commands),
            connects: count(&self.shared.connects),
            errors: count(&self.shared.errors),
            refused: count(&self.shared.refused),
            trouble: self.shared.trouble(),
        })
    }
}

impl Records for Redis {
    fn get(&self, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let reply = self.ask(self.commands.get(key)).await?;
            commands::record(reply, self.clock.now())
        })
    }

    fn apply(&self, changes: Vec<Change>) -> Answer<'_, bool> {
        Box::pin(async move {
            if records::are_too_large(&changes) {
                return Err(StoreError::Full);
            }
            let command = self.commands.apply(&changes, self.clock.now());
            commands::is_one(&self.ask(command).await?)
        })
    }
}

impl Buckets for Redis {
    fn take(&self, asks: Vec<Ask>, _: Moment) -> Answer<'_, Vec<Level>> {
        Box::pin(self.levels(asks, true))
    }

    fn look(&self, asks: Vec<Ask>, _: Moment) -> Answer<'_, Vec<Level>> {
        Box::pin(self.levels(asks, false))
    }
}
