//! The access log: one line for each request that has ended, whatever became of it.
//!
//! A line never has a query string, a header but the user agent, or anything of a token but its subject, and that
//! by choice only. Everything in it that a client may choose is escaped and cut. Lines are written by a thread of
//! their own; who has served a request puts its event into a bounded queue and goes on, and where there is no room
//! the line is lost and counted.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, SyncSender, TrySendError},
    },
    time::Duration,
};

use crate::{clock::Clock, secret::Secret, telemetry::metrics::AccessLogMetrics};

mod entry;
mod escape;
mod event;
mod line;
mod pseudonym;
mod sink;
mod writer;

pub use entry::{Asked, Entry};
pub use event::{Event, Outcome};
pub use sink::can_be_written;

use pseudonym::Pseudonyms;
use sink::Sink;
use writer::Writer;

/// How the access log is written, prepared from `[access_log]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where its lines go.
    pub to: Destination,
    /// What they look like.
    pub format: Format,
    /// The share of allowed requests that have a line, from 0 to 1.
    pub sample: f64,
    /// The share of all others.
    pub sample_refusals: f64,
    /// How a subject is told.
    pub subject: Subject,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// The end of a file.
    File(PathBuf),
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// The Common Log Format.
    Common,
    /// The same with the user agent.
    Combined,
}

/// How a subject is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Not at all.
    None,
    /// As it is.
    Plain,
    /// Under a hash with this key; without one, with a key that is made at each start.
    Hash(Option<Secret>),
}

/// Why the access log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AccessLogError {
    /// The file cannot be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is there, and is no file.
    #[error("{} is neither a file nor a device; for a pipe, write \"stdout\"", .0.display())]
    NoFile(PathBuf),
    /// Its thread cannot be started.
    #[error("cannot start its thread: {0}")]
    Thread(io::Error),
}

/// An access log that is open.
#[derive(Debug)]
pub struct AccessLog {
    queue: SyncSender<Message>,
    metrics: AccessLogMetrics,
    clock: Clock,
    sample: f64,
    sample_refusals: f64,
    keeps_subject: bool,
}

/// What its thread is told.
#[derive(Debug)]
enum Message {
    /// A request has ended.
    Event(Box<Event>),
    /// The file has another name now.
    Reopen,
    /// Whoever waits wants to know that all before is written.
    Flush(SyncSender<()>),
}

/// How many events may wait. One takes some hundred bytes, and never more than a few kilobytes.
const QUEUE: usize = 16 * 1024;

impl AccessLog {
    /// Opens it, and starts the thread that writes it.
    ///
    /// # Errors
    /// [`AccessLogError`].
    pub fn open(
        settings: &Settings,
        metrics: &AccessLogMetrics,
        clock: Clock,
    ) -> Result<Arc<Self>, AccessLogError> {
        let (queue, events) = mpsc::sync_channel(QUEUE);
        let writer = Writer {
            events,
            sink: Sink::open(&settings.to)?,
            format: settings.format,
            pseudonyms: Pseudonyms::new(&settings.subject),
            metrics: metrics.clone(),
        };
        writer.start().map_err(AccessLogError::Thread)?;
        Ok(Arc::new(Self::of(settings, queue, metrics, clock)))
    }

    fn of(
        settings: &Settings,
        queue: SyncSender<Message>,
        metrics: &AccessLogMetrics,
        clock: Clock,
    ) -> Self {
        Self {
            queue,
            metrics: metrics.clone(),
            clock,
            sample: settings.sample,
            sample_refusals: settings.sample_refusals,
            keeps_subject: settings.subject != Subject::None,
        }
    }

    /// Begins the line of a request; it is written when the entry is dropped.
    #[must_use]
    pub fn begin(self: &Arc<Self>, asked: &Asked<'_>) -> Box<Entry> {
        Entry::new(self, asked)
    }

    /// A line for what never became a request. Never blocks.
    pub fn tell(&self, mut event: Event) {
        event.time = self.clock.milliseconds();
        self.queue(event);
    }

    /// Opens the file again by its name. Whoever has moved the old one away may compress it a moment later.
    pub fn reopen(&self) {
        let _ = self.queue.try_send(Message::Reopen);
    }

    /// Waits until every line so far is written, but no longer than `patience`. True if all are.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let (done, all) = mpsc::sync_channel(1);
        // Behind a full queue nobody needs to wait: its lines are not written in time.
        self.queue.try_send(Message::Flush(done)).is_ok() && all.recv_timeout(patience).is_ok()
    }

    fn queue(&self, event: Event) {
        let share = match event.outcome {
            Outcome::Allow => self.sample,
            Outcome::Refuse | Outcome::Fail | Outcome::CutOff | Outcome::Left => {
                self.sample_refusals
            }
        };
        if share < 1.0 && fastrand::f64() >= share {
            return;
        }
        match self.queue.try_send(Message::Event(Box::new(event))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => _ = self.metrics.queue_full.inc(),
            // Its thread has ended, which it does only with a defect.
            Err(TrySendError::Disconnected(_)) => _ = self.metrics.write_failed.inc(),
        }
    }
}

#[cfg(test)]
mod tests;
