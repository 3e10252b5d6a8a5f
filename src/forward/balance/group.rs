//! The servers of one upstream, and the addresses that they are at now.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{
    Endpoint, Outcome, Queue, Retries, Server, Settings, Tried,
    choice::{self, NoChoice},
    tally::Slot,
};
use crate::{clock::Clock, forward::ForwardError};

mod names;

/// All addresses of one upstream, and what its workers share.
#[derive(Debug)]
pub struct Group {
    name: Arc<str>,
    servers: Vec<Arc<Server>>,
    settings: Settings,
    /// The one address, where there is nothing to choose and nothing to count.
    only: Option<Arc<Endpoint>>,
    endpoints: ArcSwap<Vec<Arc<Endpoint>>>,
    pub(in super::super) queue: Queue,
    retries: Retries,
    /// A look-up has ended.
    looked_up: Notify,
    /// A look-up is wanted before its time.
    wanted: Notify,
}

impl Group {
    /// A group of `servers`. Those with a name have no address yet.
    #[must_use]
    pub fn new(name: Arc<str>, servers: Vec<Server>, settings: Settings) -> Self {
        let servers = servers.into_iter().map(Arc::new).collect();
        Self::of(name, servers, settings, &[])
    }

    fn of(
        name: Arc<str>,
        servers: Vec<Arc<Server>>,
        settings: Settings,
        known: &[Arc<Endpoint>],
    ) -> Self {
        let mut endpoints: Vec<Arc<Endpoint>> = Vec::new();
        for server in &servers {
            let kept = known.iter().filter(|one| Arc::ptr_eq(&one.server, server));
            let before = endpoints.len();
            endpoints.extend(kept.map(Arc::clone));
            if endpoints.len() == before
                && let Some(place) = server.fixed()
            {
                endpoints.push(Arc::new(Endpoint::new(server, place)));
            }
        }
        let is_plain = servers.len() == 1
            && settings.share.requests == 0
            && settings.retry == super::Retry::default();
        let fixed = is_plain && servers.iter().all(|server| server.fixed().is_some());
        Self {
            name,
            only: endpoints.first().filter(|_| fixed).map(Arc::clone),
            servers,
            settings,
            endpoints: ArcSwap::from_pointee(endpoints),
            queue: Queue::default(),
            retries: Retries::default(),
            looked_up: Notify::new(),
            wanted: Notify::new(),
        }
    }

    /// The same servers and settings, with what `before` knows of the addresses that stay.
    pub(in super::super) fn succeed(&self, before: &Self) -> Self {
        let same = |server: &Arc<Server>| before.servers.iter().find(|old| *old == server);
        let servers = self.servers.iter();
        let servers = servers.map(|server| Arc::clone(same(server).unwrap_or(server)));
        Self::of(
            Arc::clone(&self.name),
            servers.collect(),
            self.settings.clone(),
            &before.endpoints.load(),
        )
    }

    /// The upstream's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its servers, as they are configured.
    #[must_use]
    pub fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// How it is treated.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The addresses that its servers are at now.
    #[must_use]
    pub fn endpoints(&self) -> Arc<Vec<Arc<Endpoint>>> {
        self.endpoints.load_full()
    }

    /// Its retries.
    #[must_use]
    pub const fn retries(&self) -> &Retries {
        &self.retries
    }

    /// How many requests wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// The one address, where there is nothing to choose and nothing to count.
    pub(crate) const fn only(&self) -> Option<&Arc<Endpoint>> {
        self.only.as_ref()
    }

    /// A slot of `endpoint` for one worker.
    pub(in super::super) fn slot(endpoint: &Endpoint) -> Arc<Slot> {
        endpoint.server.tally.slot()
    }

    /// Nobody counts in `slot` any more.
    pub(in super::super) fn retire(endpoint: &Endpoint, slot: &Arc<Slot>) {
        endpoint.server.tally.retire(slot);
    }

    /// Where a request goes next; it is counted there. `Ok(None)`: all have as much as they may have.
    ///
    /// # Errors
    /// When there is nowhere left to go.
    pub(in super::super) fn enter(
        &self,
        tried: &Tried,
        clock: &Clock,
    ) -> Result<Option<Arc<Endpoint>>, Nowhere> {
        let limit = self.settings.share.requests;
        let all = self.endpoints.load();
        loop {
            let mut random = fastrand::Rng::new();
            match choice::choose(&all, tried, limit, clock, &mut random) {
                Ok(endpoint) if endpoint.enter(limit) => return Ok(Some(Arc::clone(endpoint))),
                // Another worker was faster; then it is full, or the next look finds another one.
                Ok(_) => {}
                Err(NoChoice::Full) => return Ok(None),
                Err(NoChoice::Nobody) if all.is_empty() => return Err(Nowhere::NoAddress),
                Err(NoChoice::Nobody) => return Err(Nowhere::AllTried),
            }
        }
    }

    /// Requests under way at all addresses.
    pub(in super::super) fn load(&self) -> usize {
        self.endpoints.load().iter().map(|one| one.load()).sum()
    }

    /// An attempt at `endpoint` has come to this.
    pub(in super::super) fn judge(
        &self,
        endpoint: &Endpoint,
        outcome: Outcome,
        error: Option<&ForwardError>,
        clock: &Clock,
    ) {
        if outcome == Outcome::Answered {
            endpoint.conduct.succeeds();
            return;
        }
        match error {
            Some(error) => endpoint.remember(error, clock.now()),
            None => endpoint.remember(&"it answered with 502, 503 or 504", clock.now()),
        }
        let rule = &self.settings.ejection;
        let ejected = endpoint
            .conduct
            .fails(rule, clock, || self.may_lose_one(clock));
        if let Some(until) = ejected {
            let ejections = &endpoint.server.ejections;
            ejections.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tracing::warn!(upstream = &*self.name, endpoint = %endpoint.place, %until,
                "ejected: it failed too often");
        }
    }

    /// One may always be out, if there is another one, and then so many of a hundred.
    fn may_lose_one(&self, clock: &Clock) -> bool {
        let all = self.endpoints.load();
        let is_out = |one: &&Arc<Endpoint>| one.conduct.out_until(clock).is_some();
        let out = all.iter().filter(is_out).count();
        let percent = self.settings.ejection.max_percent as usize;
        all.len() > 1 && (out == 0 || (out + 1) * 100 <= all.len() * percent)
    }
}

/// Why a request cannot go anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Nowhere {
    /// No name has an address.
    NoAddress,
    /// No connection could be made to any of them.
    AllTried,
}

/// Two are the same when the configuration says the same of them.
impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.servers == other.servers && self.settings == other.settings
    }
}

impl Eq for Group {}
