//! The background work that keeps every issuer's keys fresh.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use tokio::{
    sync::mpsc::{self, Receiver, UnboundedReceiver},
    task::{self, JoinError, JoinSet},
    time::Instant,
};

use super::{
    Change, KeyCache, Registry,
    fetch::Clients,
    key_cache::Writer,
    read::{Attempt, Outcome, ReadError},
    schedule::Schedule,
};
use crate::clock::Clock;

mod roster;
mod slot;

pub use roster::Roster;
use slot::Slot;

/// How many attempts run at once when nobody waits for them.
const MAX_RUNNING: usize = 16;

/// How many run at once in all: those that requests wait for do not queue behind slow providers.
const MAX_RUNNING_ASKED: usize = 64;

/// Keeps the keys of a registry, and of those that succeed it, fresh, on the runtime that runs it. One
/// task serves every issuer.
#[derive(Debug)]
pub struct Refresher {
    slots: BTreeMap<usize, Slot>,
    clock: Clock,
    clients: Clients,
    /// Who keeps the keys for the next run, if they are to be kept.
    writer: Option<Writer>,
    schedule: Schedule,
    roster: Roster,
    changes: Receiver<Change>,
    /// The rings that somebody waits for; each asks at most once until its attempt begins.
    asks: UnboundedReceiver<usize>,
    asked: VecDeque<usize>,
    running: JoinSet<Outcome>,
    /// Which slot each running attempt is for: the only trace that one leaves when it panics.
    places: HashMap<task::Id, usize>,
}

impl Refresher {
    /// A refresher for every active issuer of `registry` whose keys are not fixed. From now on
    /// requests may ask it; it answers once it runs.
    #[must_use]
    pub fn new(registry: &Registry, clock: Clock) -> Self {
        Self::of([registry], clock)
    }

    /// As [`Refresher::new`], for several registries, in which no name stands twice.
    #[must_use]
    pub fn of<'r>(registries: impl IntoIterator<Item = &'r Registry>, clock: Clock) -> Self {
        let (sender, asks) = mpsc::unbounded_channel();
        let (roster, changes) = Roster::new(sender);
        let slots = registries
            .into_iter()
            .flat_map(Registry::iter)
            .filter(|issuer| issuer.is_refreshed())
            .map(|issuer| (roster.place(issuer), Slot::new(issuer)))
            .collect();
        Self {
            slots,
            roster,
            changes,
            clock,
            clients: Clients::default(),
            writer: None,
            schedule: Schedule::default(),
            asks,
            asked: VecDeque::new(),
            running: JoinSet::new(),
            places: HashMap::new(),
        }
    }

    /// Takes over what `cache` has of an earlier run, as far as it may still serve, and keeps there what
    /// is read from now on. Blocks while it reads.
    #[must_use]
    pub fn keeping(mut self, cache: KeyCache) -> Self {
        for slot in self.slots.values() {
            slot.restore(&cache, self.clock.now());
        }
        match Writer::start(cache) {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => tracing::warn!(%error, "keys are not kept: no thread"),
        }
        self
    }

    /// Runs until it is dropped; who waits for it then is let go.
    pub async fn run(mut self) {
        self.schedule = Schedule::all_at(Instant::now(), self.slots.keys().copied());
        loop {
            self.start_what_is_due(Instant::now());
            let next = if self.is_full() {
                None
            } else {
                self.schedule.next()
            };
            tokio::select! {
                Some(ended) = self.running.join_next_with_id() => self.end(ended),
                Some(change) = self.changes.recv() => self.change(change),
                Some(index) = self.asks.recv() => self.asked.push_back(index),
                () = until(next) => {}
            }
        }
    }

    fn is_full(&self) -> bool {
        self.running.len() >= MAX_RUNNING
    }

    fn start_what_is_due(&mut self, now: Instant) {
        while self.running.len() < MAX_RUNNING_ASKED
            && let Some(index) = self.asked.pop_front()
        {
            // Else the schedule was faster, and who asked has been served.
            if self
                .slots
                .get(&index)
                .is_some_and(|slot| slot.issuer.keys.is_asked())
            {
                self.start(index, true);
            }
        }
        while !self.is_full()
            && let Some(index) = self.schedule.pop(now)
        {
            self.start(index, false);
        }
    }

    fn start(&mut self, index: usize, asked: bool) {
        let Some(slot) = self.slots.get(&index) else {
            return;
        };
        self.schedule.clear(index);
        slot.issuer.keys.begin();
        let keeps = self.writer.is_some();
        let known = slot.known(keeps, self.clock.now());
        let unless = if asked { None } else { slot.stamp.clone() };
        let attempt = Attempt {
            issuer: Arc::clone(&slot.issuer),
            clients: self.clients.clone(),
            unless,
            known,
        };
        let task = self.running.spawn(attempt.make());
        self.places.insert(task.id(), index);
    }

    fn end(&mut self, ended: Result<(task::Id, Outcome), JoinError>) {
        let (task, outcome) = match ended {
            Ok(ended) => ended,
            Err(lost) => (lost.id(), Outcome::Read(Err(ReadError::Lost))),
        };
        let Some(index) = self.places.remove(&task) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(&index) else {
            return;
        };
        if slot.is_leaving {
            // What came of it is for those who wait, and not for the next run.
            slot.settle(outcome, &self.clock, None);
            slot.issuer.keys.detach();
            self.slots.remove(&index);
            return;
        }
        let pause = slot.settle(outcome, &self.clock, self.writer.as_ref());
        self.schedule.set(index, Instant::now() + pause);
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;
    use crate::issuer::{
        Issuer, KeySource,
        tests::{issuer, unreachable},
    };

    #[test]
    fn fixed_and_inactive_issuers_cost_nothing() {
        let clock = Clock::standing_at(UnixTime(0));
        let fixed = KeySource::Fixed(Arc::default());
        let mut issuers: Vec<_> = (0..100_000)
            .map(|i| issuer(&i.to_string(), fixed.clone(), &clock))
            .collect();
        issuers.push(Issuer {
            active: false,
            encryption_required: false,
            ..issuer("inactive", unreachable(), &clock)
        });
        issuers.push(issuer("active", unreachable(), &clock));
        let registry = Registry::new(issuers);
        let refresher = Refresher::new(&registry, clock);
        let names: Vec<_> = refresher
            .slots
            .values()
            .map(|slot| &*slot.issuer.name)
            .collect();
        assert_eq!(names, ["active"]);
    }
}
