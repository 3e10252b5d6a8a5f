//! Who waits for an upstream that has as much as it may have: so many at most, and not for long.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;

/// Those who wait, on all workers.
#[derive(Debug, Default)]
pub(in super::super) struct Queue {
    waiting: AtomicUsize,
    freed: Notify,
}

/// A place in the queue, until it is dropped.
pub(in super::super) struct Waiting<'q>(&'q Queue);

impl Queue {
    /// A place, if fewer than `limit` wait.
    pub(in super::super) fn join(&self, limit: usize) -> Option<Waiting<'_>> {
        let more = |waiting: usize| (waiting < limit).then_some(waiting.saturating_add(1));
        let joined = self.waiting.fetch_update(Relaxed, Relaxed, more);
        joined.ok().map(|_| Waiting(self))
    }

    /// How many wait.
    pub(in super::super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// There is room for one more.
    pub(in super::super) fn frees(&self) {
        // A notice that nobody waits for is kept for the next one, who then looks in vain: no harm.
        self.freed.notify_one();
    }

    /// Tries `enter` until it gives something, each time that there is room.
    pub(in super::super) async fn wait<T>(&self, mut enter: impl FnMut() -> Option<T>) -> T {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // First in line, then a look: who leaves in between is heard.
            freed.as_mut().enable();
            if let Some(entered) = enter() {
                return entered;
            }
            freed.await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}
