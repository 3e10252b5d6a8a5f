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
}

impl Waiting<'_> {
    /// Tries `enter` until it gives something, each time that there is room. Who comes behind others does
    /// not go before them.
    pub(in super::super) async fn until<T>(&self, mut enter: impl FnMut() -> Option<T>) -> T {
        let mut looks = self.0.waiting() == 1;
        loop {
            let mut freed = std::pin::pin!(self.0.freed.notified());
            // First in line, then a look: who leaves in between is heard.
            freed.as_mut().enable();
            if looks && let Some(entered) = enter() {
                return entered;
            }
            freed.await;
            looks = true;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // Who leaves lets the next one look: two may have left at once, and been heard as one.
        if self.0.waiting.fetch_sub(1, Relaxed) > 1 {
            self.0.frees();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;

    #[test]
    fn so_many_wait_and_not_one_more() {
        let queue = Queue::default();
        let places = [queue.join(2), queue.join(2)];
        assert!(places.iter().all(Option::is_some) && queue.join(2).is_none());
        assert_eq!(queue.waiting(), 2);
        drop(places);
        assert!(queue.waiting() == 0 && queue.join(0).is_none() && queue.join(1).is_some());
    }

    #[tokio::test]
    async fn everybody_gets_in_once_there_is_room_for_all() {
        let (queue, room) = (Rc::new(Queue::default()), Rc::new(Cell::new(0)));
        let local = LocalSet::new();
        local
            .run_until(async {
                let enter = |room: &Cell<u32>| (room.get() > 0).then(|| room.set(room.get() - 1));
                let waiting: Vec<_> = (0..5)
                    .map(|_| {
                        let (queue, room) = (Rc::clone(&queue), Rc::clone(&room));
                        spawn_local(async move {
                            let place = queue.join(5).unwrap();
                            place.until(|| enter(&room)).await;
                        })
                    })
                    .collect();
                yield_now().await;
                assert_eq!(queue.waiting(), 5);
                // Heard as one.
                room.set(5);
                queue.frees();
                for one in waiting {
                    one.await.unwrap();
                }
                assert_eq!((queue.waiting(), room.get()), (0, 0));
            })
            .await;
    }
}
