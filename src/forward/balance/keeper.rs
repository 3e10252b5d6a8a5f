//! The background work for upstreams: names are looked up, and addresses are checked.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinSet};

use super::{super::Upstream, Group, Resolver, health, resolve};
use crate::clock::Clock;

/// Keeps what is known of upstreams up to date, on the runtime that runs it.
#[derive(Debug)]
pub struct Keeper {
    resolver: Resolver,
    clock: Clock,
    upstreams: watch::Receiver<Vec<Upstream>>,
}

/// Tells a [`Keeper`] which upstreams there are.
#[derive(Clone, Debug)]
pub struct Roster(watch::Sender<Vec<Upstream>>);

impl Keeper {
    /// A keeper for `upstreams`.
    #[must_use]
    pub fn new(upstreams: Vec<Upstream>, resolver: Resolver, clock: Clock) -> (Self, Roster) {
        let (sender, upstreams) = watch::channel(upstreams);
        let keeper = Self {
            resolver,
            clock,
            upstreams,
        };
        (keeper, Roster(sender))
    }

    /// Runs until it is dropped, in a `LocalSet`.
    pub async fn run(mut self) {
        let mut tended: Vec<(Arc<Group>, JoinSet<()>)> = Vec::new();
        loop {
            let upstreams = self.upstreams.borrow_and_update().clone();
            let stays = |group: &Arc<Group>| {
                let mut all = upstreams.iter();
                all.any(|upstream| Arc::ptr_eq(&upstream.group, group))
            };
            // Who is dropped here ends with what it does.
            tended.retain(|(group, _)| stays(group));
            for upstream in upstreams {
                let known = |(group, _): &(Arc<Group>, _)| Arc::ptr_eq(group, &upstream.group);
                if !tended.iter().any(known) {
                    let group = Arc::clone(&upstream.group);
                    tended.push((group, self.tend(upstream)));
                }
            }
            if self.upstreams.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn tend(&self, upstream: Upstream) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for (number, server) in upstream.group.servers().iter().enumerate() {
            if server.fixed().is_none() {
                let group = Arc::clone(&upstream.group);
                tasks.spawn_local(resolve::keep(group, number, self.resolver.clone()));
            }
        }
        if upstream.group.settings().health.is_some() {
            tasks.spawn_local(health::keep(upstream, self.clock.clone()));
        }
        tasks
    }
}

impl Roster {
    /// From now on there are these.
    pub fn tell(&self, upstreams: Vec<Upstream>) {
        self.0.send_replace(upstreams);
    }
}
