//! What the workers know of the connection.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

use super::error::RedisError;

/// The state of the connection, and what became of it so far.
#[derive(Default)]
pub(super) struct Shared {
    is_open: AtomicBool,
    was_open: AtomicBool,
    evicts: AtomicBool,
    pub(super) commands: AtomicU64,
    pub(super) connects: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) refused: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
}

struct Trouble {
    text: String,
    since: Instant,
}

/// How long the same trouble is not told of again while the connection stands.
const QUIET: Duration = Duration::from_secs(10);

impl Shared {
    /// Whether commands can be sent.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Acquire)
    }

    /// Whether they ever could.
    pub(super) fn was_open(&self) -> bool {
        self.was_open.load(Relaxed)
    }

    /// Whether it throws keys away when it is full.
    pub(super) fn evicts(&self) -> bool {
        self.evicts.load(Relaxed)
    }

    /// What is wrong with it, or was a moment ago.
    pub(super) fn trouble(&self) -> Option<String> {
        let is_open = self.is_open();
        let trouble = self.lock();
        let lasts = |trouble: &&Trouble| !is_open || trouble.since.elapsed() < QUIET;
        trouble.as_ref().filter(lasts).map(|one| one.text.clone())
    }

    /// It can be used from now on.
    pub(super) fn open(&self, server: &str, evicts: bool) {
        self.connects.fetch_add(1, Relaxed);
        self.evicts.store(evicts, Relaxed);
        *self.lock() = None;
        self.was_open.store(true, Relaxed);
        self.is_open.store(true, Release);
        tracing::info!(server, "the store is connected");
        if evicts {
            tracing::warn!(
                server,
                "the store throws keys away when its memory is full, and a token that was used once would \
                 be good again: set its maxmemory-policy to noeviction"
            );
        }
    }

    /// It cannot be used. As long as the trouble is the same, it is told of once.
    pub(super) fn close(&self, error: &RedisError) {
        self.is_open.store(false, Release);
        self.note(error, None);
    }

    /// A command was refused, and the connection stands. The same reason is not told of too often.
    pub(super) fn refuse(&self, error: &RedisError) {
        self.note(error, Some(QUIET));
    }

    /// Nobody asks any more.
    pub(super) fn end(&self) {
        self.is_open.store(false, Release);
    }

    fn note(&self, error: &RedisError, again: Option<Duration>) {
        self.errors.fetch_add(1, Relaxed);
        let text = error.to_string();
        let mut trouble = self.lock();
        let is_known = trouble.as_ref().is_some_and(|known| {
            known.text == text && again.is_none_or(|again| known.since.elapsed() < again)
        });
        if !is_known {
            tracing::error!(error = text, "the store cannot be used");
            let since = Instant::now();
            *trouble = Some(Trouble { text, since });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
