//! One fetch for all who wait: the meeting point of requests and the refresher.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time::Instant,
};

use super::KeysStatus;

/// Where the attempts of one ring stand. Requests of any thread board it, the refresher flies it.
#[derive(Debug)]
pub(super) struct Flight {
    log: Mutex<Log>,
    /// How many attempts have ended.
    landed: watch::Sender<u64>,
}

/// What the mutex guards. It is taken when a key is *not* found, and once for each attempt.
#[derive(Debug, Default)]
struct Log {
    phase: Phase,
    /// Somebody wants an attempt that starts after the one under way.
    again: bool,
    /// When a request last caused an attempt.
    asked_at: Option<Instant>,
    /// The refresher, and this ring's place in it.
    refresher: Option<(UnboundedSender<usize>, usize)>,
    status: KeysStatus,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    /// The refresher has been asked, once.
    Asked,
    /// It is at it.
    Running,
}

/// Why somebody wants an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish {
    /// To join the attempt that is under way, if one is.
    Join,
    /// A key is not there: join, or cause an attempt unless there was one within this time.
    Missing { cooldown: Duration },
    /// A new attempt in any case.
    Order,
}

/// A place on an attempt.
struct Ticket {
    landed: watch::Receiver<u64>,
    number: u64,
    refresher: UnboundedSender<usize>,
}

impl Flight {
    /// One that nobody flies yet.
    pub(super) fn new() -> Self {
        Self {
            log: Mutex::default(),
            landed: watch::Sender::new(0),
        }
    }

    /// Waits until the attempt that `wish` leads to has ended. Returns at once when there is none,
    /// and early when the refresher is gone.
    pub(super) async fn wait(&self, wish: Wish) {
        let Some(Ticket {
            mut landed,
            number,
            refresher,
        }) = self.board(wish, Instant::now())
        else {
            return;
        };
        tokio::select! {
            _ = landed.wait_for(|count| *count >= number) => {}
            () = refresher.closed() => {}
        }
    }

    fn board(&self, wish: Wish, now: Instant) -> Option<Ticket> {
        let mut log = self.log();
        let (refresher, index) = log.refresher.clone().filter(|(r, _)| !r.is_closed())?;
        let landed = self.landed.subscribe();
        let mut number = landed.borrow().saturating_add(1);
        match (log.phase, wish) {
            (Phase::Asked, _) | (Phase::Running, Wish::Join | Wish::Missing { .. }) => {}
            (Phase::Running, Wish::Order) => {
                log.again = true;
                number = number.saturating_add(1);
            }
            (Phase::Idle, Wish::Join) => return None,
            (Phase::Idle, Wish::Missing { cooldown }) => {
                if !log.cooled_down(now, cooldown) {
                    return None;
                }
                log.asked_at = Some(now);
                log.ask(&refresher, index)?;
            }
            (Phase::Idle, Wish::Order) => log.ask(&refresher, index)?,
        }
        Some(Ticket {
            landed,
            number,
            refresher,
        })
    }

    /// Gives the ring to a refresher, in which it has the place `index`. With `expected`, whoever
    /// comes before its first attempt waits for it.
    pub(super) fn attach(&self, refresher: UnboundedSender<usize>, index: usize, expected: bool) {
        let mut log = self.log();
        log.phase = if expected { Phase::Asked } else { Phase::Idle };
        log.again = false;
        log.refresher = Some((refresher, index));
    }

    /// Takes the ring from its refresher: whoever waits is let go, and nobody waits any more.
    pub(super) fn detach(&self) {
        let mut log = self.log();
        log.phase = Phase::Idle;
        log.again = false;
        log.refresher = None;
        // An order that came in the middle of an attempt waits for the second one from here.
        self.landed
            .send_modify(|count| *count = count.saturating_add(2));
    }

    /// The ring's place in its refresher, if it has one.
    pub(super) fn place(&self) -> Option<usize> {
        self.log().refresher.as_ref().map(|(_, index)| *index)
    }

    /// Whether the refresher's attempt for those who asked is still to be made.
    pub(super) fn is_asked(&self) -> bool {
        self.log().phase == Phase::Asked
    }

    /// Says that an attempt begins.
    pub(super) fn begin(&self) {
        self.log().phase = Phase::Running;
    }

    /// Says that the attempt has ended: notes it in the status with `note`, and wakes who waits.
    pub(super) fn land(&self, note: impl FnOnce(&mut KeysStatus)) {
        let mut log = self.log();
        note(&mut log.status);
        log.phase = Phase::Idle;
        if std::mem::take(&mut log.again)
            && let Some((refresher, index)) = log.refresher.clone()
        {
            let _ = log.ask(&refresher, index);
        }
        // Under the lock: a count and a phase that disagree would lose a waiter.
        self.landed
            .send_modify(|count| *count = count.saturating_add(1));
    }

    /// Notes something in the status that is no attempt.
    pub(super) fn note(&self, note: impl FnOnce(&mut KeysStatus)) {
        note(&mut self.log().status);
    }

    /// The status as it is.
    pub(super) fn status(&self) -> KeysStatus {
        self.log().status.clone()
    }

    /// How many are waiting.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.landed.receiver_count()
    }

    /// Returns when the next attempt has ended.
    #[cfg(test)]
    pub(super) async fn next_landing(&self) {
        self.landed.subscribe().changed().await.unwrap();
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // Nothing in here is half-written when a panic unwinds through it.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Whether a request may cause an attempt: no request caused one within `cooldown`. What a request
    /// says (its `kid`) has no part in it, and neither have background attempts: a key that the issuer
    /// brought into use right after one of those must not wait.
    fn cooled_down(&self, now: Instant, cooldown: Duration) -> bool {
        self.asked_at
            .is_none_or(|at| now.saturating_duration_since(at) >= cooldown)
    }

    fn ask(&mut self, refresher: &UnboundedSender<usize>, index: usize) -> Option<()> {
        refresher.send(index).ok()?;
        self.phase = Phase::Asked;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{self, UnboundedReceiver};

    use super::*;

    const COOLDOWN: Duration = Duration::from_secs(30);
    const MISSING: Wish = Wish::Missing { cooldown: COOLDOWN };

    fn flight() -> (Flight, UnboundedReceiver<usize>) {
        let (sender, asks) = mpsc::unbounded_channel();
        let flight = Flight::new();
        flight.attach(sender, 7, false);
        (flight, asks)
    }

    fn asks(receiver: &mut UnboundedReceiver<usize>) -> Vec<usize> {
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }

    #[test]
    fn one_ask_for_all_and_then_none_within_the_cooldown() {
        let (flight, mut receiver) = flight();
        let start = Instant::now();
        assert!(flight.board(MISSING, start).is_some());
        assert!(flight.board(MISSING, start).is_some());
        flight.begin();
        assert!(flight.board(MISSING, start).is_some());
        flight.land(|_| {});
        assert_eq!(asks(&mut receiver), [7]);

        assert!(flight.board(MISSING, start + COOLDOWN / 2).is_none());
        assert!(asks(&mut receiver).is_empty());
        assert!(flight.board(MISSING, start + COOLDOWN * 2).is_some());
        assert_eq!(asks(&mut receiver), [7]);
    }

    #[test]
    fn an_attempt_that_nobody_asked_for_does_not_count() {
        let (flight, mut receiver) = flight();
        flight.begin();
        flight.land(|_| {});
        let now = Instant::now();
        assert!(flight.board(MISSING, now).is_some());
        flight.begin();
        flight.land(|_| {});
        assert!(flight.board(MISSING, now).is_none());
        assert_eq!(asks(&mut receiver), [7]);
    }

    #[test]
    fn an_order_does_not_mind_the_cooldown_and_is_placed_once() {
        let (flight, mut receiver) = flight();
        let now = Instant::now();
        flight.begin();
        flight.board(Wish::Order, now).unwrap();
        let ticket = flight.board(Wish::Order, now).unwrap();
        assert_eq!(ticket.number, 2);
        assert!(asks(&mut receiver).is_empty());
        flight.land(|_| {});
        assert_eq!(asks(&mut receiver), [7]);
        assert!(flight.is_asked());
        flight.begin();
        flight.land(|_| {});
        assert!(asks(&mut receiver).is_empty());
        assert_eq!(*ticket.landed.borrow(), 2);
    }

    #[test]
    fn joining_causes_nothing() {
        let (flight, mut receiver) = flight();
        let now = Instant::now();
        assert!(flight.board(Wish::Join, now).is_none());
        flight.begin();
        assert!(flight.board(Wish::Join, now).is_some());
        assert!(asks(&mut receiver).is_empty());
    }

    #[test]
    fn nobody_waits_without_a_refresher() {
        let now = Instant::now();
        assert!(Flight::new().board(MISSING, now).is_none());
        let (flight, receiver) = flight();
        drop(receiver);
        assert!(flight.board(Wish::Order, now).is_none());
    }

    #[test]
    fn an_earlier_time_than_the_last_is_within_the_cooldown() {
        let (flight, _receiver) = flight();
        let now = Instant::now();
        assert!(flight.board(MISSING, now + COOLDOWN).is_some());
        flight.begin();
        flight.land(|_| {});
        assert!(flight.board(MISSING, now).is_none());
    }
}
