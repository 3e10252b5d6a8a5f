//! The background work that keeps every issuer's keys fresh.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::mpsc::{self, UnboundedReceiver},
    task::{self, JoinError, JoinSet},
    time::Instant,
};

use super::{
    Issuer, KeySource, Registry,
    fetch::Clients,
    file::Stamp,
    read::{Attempt, Outcome, ReadError},
    schedule::{self, Schedule},
};
use crate::{
    clock::{Clock, UnixTime},
    jose::jwk::JwkSet,
};

/// How many attempts run at once when nobody waits for them.
const MAX_RUNNING: usize = 16;

/// How many run at once in all: those that requests wait for do not queue behind slow providers.
const MAX_RUNNING_ASKED: usize = 64;

/// Keeps the keys of a registry fresh, on the runtime that runs it. One task serves every issuer; a
/// registry has one refresher.
#[derive(Debug)]
pub struct Refresher {
    slots: Vec<Slot>,
    clock: Clock,
    clients: Clients,
    schedule: Schedule,
    /// The rings that somebody waits for; each asks at most once until its attempt begins.
    asks: UnboundedReceiver<usize>,
    asked: VecDeque<usize>,
    running: JoinSet<Outcome>,
    /// Which slot each running attempt is for: the only trace that one leaves when it panics.
    places: HashMap<task::Id, usize>,
}

/// One issuer whose keys can change.
#[derive(Debug)]
struct Slot {
    issuer: Arc<Issuer>,
    /// Failures since the last success.
    failures: u32,
    /// What its file looked like when it was last read.
    stamp: Option<Stamp>,
}

impl Refresher {
    /// A refresher for every active issuer of `registry` whose keys are not fixed. From now on
    /// requests may ask it; it answers once it runs.
    #[must_use]
    pub fn new(registry: &Registry, clock: Clock) -> Self {
        let (sender, asks) = mpsc::unbounded_channel();
        let slots: Vec<_> = registry
            .iter()
            .filter(|i| is_refreshed(i))
            .map(Slot::new)
            .collect();
        for (index, slot) in slots.iter().enumerate() {
            slot.issuer.keys.attach(sender.clone(), index);
        }
        Self {
            slots,
            clock,
            clients: Clients::default(),
            schedule: Schedule::default(),
            asks,
            asked: VecDeque::new(),
            running: JoinSet::new(),
            places: HashMap::new(),
        }
    }

    /// Runs until it is dropped; who waits for it then is let go.
    pub async fn run(mut self) {
        self.schedule = Schedule::all_at(Instant::now(), self.slots.len());
        loop {
            self.start_what_is_due(Instant::now());
            let next = if self.is_full() {
                None
            } else {
                self.schedule.next()
            };
            tokio::select! {
                Some(ended) = self.running.join_next_with_id() => self.end(ended),
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
                .get(index)
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
        let Some(slot) = self.slots.get(index) else {
            return;
        };
        self.schedule.clear(index);
        slot.issuer.keys.begin();
        let client = match slot.issuer.keys.source() {
            KeySource::Remote(remote) => Some(self.clients.get(remote)),
            KeySource::File(_) | KeySource::Fixed(_) => None,
        };
        let unless = if asked { None } else { slot.stamp.clone() };
        let attempt = Attempt {
            issuer: Arc::clone(&slot.issuer),
            client,
            unless,
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
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let pause = slot.settle(outcome, &self.clock);
        self.schedule.set(index, Instant::now() + pause);
    }
}

impl Slot {
    fn new(issuer: &Arc<Issuer>) -> Self {
        Self {
            issuer: Arc::clone(issuer),
            failures: 0,
            stamp: None,
        }
    }

    /// Takes over what came of an attempt, and gives the pause until the next.
    fn settle(&mut self, outcome: Outcome, clock: &Clock) -> Duration {
        let result = match outcome {
            Outcome::Unchanged => {
                let pause = self.pause();
                self.issuer.keys.land_unchanged(after(clock, pause));
                return pause;
            }
            Outcome::Read(result) => result,
            Outcome::File(stamp, result) => {
                self.stamp = Some(stamp);
                result
            }
        };
        self.count(&result);
        let pause = self.pause();
        self.issuer.keys.land(result, after(clock, pause));
        pause
    }

    /// Counts, and logs what is new: a provider that stays down is one line, not one an attempt.
    fn count(&mut self, result: &Result<JwkSet, ReadError>) {
        let issuer = &*self.issuer.name;
        match result {
            Ok(_) if self.failures == 0 => tracing::debug!(issuer, "keys read"),
            Ok(_) => tracing::info!(issuer, "keys read again"),
            Err(error) if self.failures == 0 => tracing::warn!(issuer, %error, "keys not read"),
            Err(error) => tracing::debug!(issuer, %error, "keys not read"),
        }
        self.failures = if result.is_ok() {
            0
        } else {
            self.failures.saturating_add(1)
        };
    }

    fn pause(&self) -> Duration {
        match self.issuer.keys.source() {
            KeySource::Remote(remote) => schedule::pause(remote, self.failures),
            KeySource::File(_) | KeySource::Fixed(_) => schedule::LOOK,
        }
    }
}

fn is_refreshed(issuer: &Issuer) -> bool {
    issuer.active && !matches!(issuer.keys.source(), KeySource::Fixed(_))
}

/// The time of day after `pause`, for the status.
fn after(clock: &Clock, pause: Duration) -> UnixTime {
    clock
        .now()
        .plus(i64::try_from(pause.as_secs()).unwrap_or(i64::MAX))
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
    use crate::issuer::tests::{issuer, unreachable};

    #[test]
    fn fixed_and_inactive_issuers_cost_nothing() {
        let clock = Clock::standing_at(UnixTime(0));
        let fixed = KeySource::Fixed(Arc::default());
        let mut issuers: Vec<_> = (0..100_000)
            .map(|i| issuer(&i.to_string(), fixed.clone(), &clock))
            .collect();
        issuers.push(Issuer {
            active: false,
            ..issuer("inactive", unreachable(), &clock)
        });
        issuers.push(issuer("active", unreachable(), &clock));
        let registry = Registry::new(issuers);
        let refresher = Refresher::new(&registry, clock);
        let names: Vec<_> = refresher
            .slots
            .iter()
            .map(|slot| &*slot.issuer.name)
            .collect();
        assert_eq!(names, ["active"]);
    }
}
