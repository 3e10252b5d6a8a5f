//! Deadlines of one worker: one coarse timer for all of them instead of a timer for each request.
//!
//! A deadline fires at the first tick after it has passed, so it is late by a tick at most.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// All deadlines of one worker.
#[derive(Clone)]
pub struct Deadlines(Rc<Wheel>);

/// One deadline: set, cleared and set again at will. It is not set when it is made.
pub struct Deadline {
    wheel: Rc<Wheel>,
    entry: Rc<Entry>,
}

struct Wheel {
    start: Instant,
    tick: Duration,
    /// Milliseconds since `start`, as of the last tick.
    now: Cell<u64>,
    entries: RefCell<Vec<Rc<Entry>>>,
}

struct Entry {
    place: Cell<usize>,
    at: Cell<u64>,
    fired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

const NEVER: u64 = u64::MAX;

impl Wheel {
    /// A deadline that is not set.
    fn deadline(self: &Rc<Self>) -> Deadline {
        let mut entries = self.entries.borrow_mut();
        let entry = Rc::new(Entry {
            place: Cell::new(entries.len()),
            at: Cell::new(NEVER),
            fired: Cell::new(false),
            waker: RefCell::new(None),
        });
        entries.push(Rc::clone(&entry));
        Deadline {
            wheel: Rc::clone(self),
            entry,
        }
    }
}

impl Deadlines {
    /// Deadlines that fire up to `tick` late.
    #[must_use]
    pub fn new(tick: Duration) -> Self {
        Self(Rc::new(Wheel {
            start: Instant::now(),
            tick,
            now: Cell::new(0),
            entries: RefCell::new(Vec::new()),
        }))
    }

    /// A deadline that is not set.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.0.deadline()
    }

    /// Milliseconds since this was made, as of the last tick.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.now.get()
    }

    /// Ticks until it is dropped.
    pub async fn run(self) {
        let mut interval = tokio::time::interval(self.0.tick);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.fire();
        }
    }

    fn fire(&self) {
        let now = millis(self.0.start.elapsed());
        self.0.now.set(now);
        // Whoever is woken may make or drop deadlines, so nobody is woken while the list is borrowed.
        let mut woken = Vec::new();
        for entry in self
            .0
            .entries
            .borrow()
            .iter()
            .filter(|entry| entry.at.get() <= now)
        {
            entry.at.set(NEVER);
            entry.fired.set(true);
            woken.extend(entry.waker.take());
        }
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Deadline {
    /// One more of the same worker, which is not set.
    #[must_use]
    pub fn another(&self) -> Self {
        self.wheel.deadline()
    }

    /// Fires `after` from now on, or from the last tick if that is what the worker knows as now.
    pub fn set(&self, after: Duration) {
        let late = millis(self.wheel.tick);
        self.entry.fired.set(false);
        self.entry.at.set(
            self.wheel
                .now
                .get()
                .saturating_add(millis(after))
                .saturating_add(late),
        );
    }

    /// Does not fire any more.
    pub fn clear(&self) {
        self.entry.fired.set(false);
        self.entry.at.set(NEVER);
    }

    /// Whether it is set and has not fired.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.entry.at.get() != NEVER
    }

    /// The worker's time: milliseconds, as of the last tick.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.wheel.now.get()
    }

    /// Whether it has fired.
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.entry.fired.get()
    }

    /// Wakes the task that polls it, although it has not fired.
    pub fn nudge(&self) {
        if let Some(waker) = &*self.entry.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Ready once it has fired; until then the task is woken when it does.
    pub fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.entry.fired.get() {
            return Poll::Ready(());
        }
        let mut waker = self.entry.waker.borrow_mut();
        match &mut *waker {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let mut entries = self.wheel.entries.borrow_mut();
        let place = self.entry.place.get();
        if place < entries.len() {
            entries.swap_remove(place);
            if let Some(moved) = entries.get(place) {
                moved.place.set(place);
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(deadline: &Deadline) -> bool {
        deadline
            .poll(&Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn fires_once_it_has_passed_and_not_when_cleared() {
        let deadlines = Deadlines::new(Duration::ZERO);
        let (soon, later, cleared) = (
            deadlines.deadline(),
            deadlines.deadline(),
            deadlines.deadline(),
        );
        soon.set(Duration::ZERO);
        later.set(Duration::from_secs(3600));
        cleared.set(Duration::ZERO);
        cleared.clear();
        deadlines.fire();
        assert!(fired(&soon) && soon.has_fired());
        assert!(!fired(&later) && later.is_set());
        assert!(!fired(&cleared));
        soon.set(Duration::from_secs(3600));
        assert!(!fired(&soon));
    }

    #[test]
    fn a_dropped_deadline_leaves_the_others_in_place() {
        let deadlines = Deadlines::new(Duration::ZERO);
        let first = deadlines.deadline();
        let second = deadlines.deadline();
        let third = deadlines.deadline();
        drop(first);
        third.set(Duration::ZERO);
        deadlines.fire();
        assert!(third.has_fired() && !second.has_fired());
        drop(third);
        drop(second);
        assert!(deadlines.0.entries.borrow().is_empty());
    }
}
