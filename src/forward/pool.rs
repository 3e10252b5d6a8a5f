//! One worker's connections to the upstreams. No connection ever crosses a thread.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Upstream,
    attempt::Attempt,
    balance::{Endpoint, Group, Outcome, Slot},
    error::ForwardError,
    h2::Multiplexed,
    wire::{Look, Wire},
};
use crate::clock::Clock;

mod lanes;
mod lease;

pub(super) use lanes::Lanes;
pub(super) use lease::Lease;
pub(super) use lease::Stay;

/// The most unused connections that a worker keeps to one address.
const MAX_IDLE: usize = 256;

/// After how long without a request a connection gives up its buffers.
const REST: Duration = Duration::from_secs(1);

/// The connections of one worker, by upstream.
#[derive(Default)]
pub struct Pool {
    generation: RefCell<(u64, Vec<Rc<Lanes>>)>,
}

/// The unused connections to one address; the last one used is the next one used.
pub(super) struct Connections {
    idle: RefCell<VecDeque<Idle>>,
    group: Arc<Group>,
    endpoint: Arc<Endpoint>,
    slot: Arc<Slot>,
    /// Whether its requests are counted for all workers: there is a choice, or a limit.
    is_shared: bool,
    /// Nothing is kept any more: the address or the upstream has gone.
    is_retired: Cell<bool>,
    /// Those over HTTP/2.
    pub(super) multiplexed: Rc<Multiplexed>,
}

struct Idle {
    wire: Box<Wire>,
    since: Instant,
}

impl Pool {
    /// The connections to upstream number `number` of `upstreams`, which came with this `generation`; `None`
    /// if there is no such upstream. Those to older ones are given up, but for the very same upstreams.
    #[must_use]
    pub(crate) fn of(
        &self,
        generation: u64,
        upstreams: &[Upstream],
        number: usize,
    ) -> Option<Rc<Lanes>> {
        let mut current = self.generation.borrow_mut();
        if current.0 < generation {
            let old = std::mem::take(&mut current.1);
            *current = (generation, take_over(&old, upstreams));
        }
        if current.0 == generation {
            return current.1.get(number).map(Rc::clone);
        }
        // A request that began before the upstreams changed keeps nothing for later.
        let upstream = upstreams.get(number)?;
        let known = current.1.iter().find(|lanes| lanes.are_of(upstream));
        Some(known.map_or_else(|| Lanes::for_once(upstream), Rc::clone))
    }

    /// Has those connections give up their buffers that have been unused for a while.
    pub(crate) fn look(&self) {
        let now = Instant::now();
        for lanes in &self.generation.borrow().1 {
            lanes.look(now);
        }
    }
}

/// The connections to `upstreams`, with those of `old` that lead to the very same ones.
fn take_over(old: &[Rc<Lanes>], upstreams: &[Upstream]) -> Vec<Rc<Lanes>> {
    let lanes = |upstream: &Upstream| {
        let known = old.iter().find(|lanes| lanes.are_of(upstream));
        known.map_or_else(|| Lanes::new(upstream), Rc::clone)
    };
    let new: Vec<_> = upstreams.iter().map(lanes).collect();
    for gone in old {
        if !new.iter().any(|lanes| Rc::ptr_eq(lanes, gone)) {
            gone.retire();
        }
    }
    new
}

impl Connections {
    fn new(group: &Arc<Group>, endpoint: &Arc<Endpoint>) -> Rc<Self> {
        Rc::new(Self {
            idle: RefCell::default(),
            is_shared: group.only().is_none(),
            group: Arc::clone(group),
            endpoint: Arc::clone(endpoint),
            slot: Group::slot(endpoint),
            is_retired: Cell::new(false),
            multiplexed: Rc::default(),
        })
    }

    /// A connection that is ready for a request: an unused one that stands the `look`, or a new one.
    ///
    /// # Errors
    /// [`ForwardError`] when a new one cannot be made.
    pub(super) async fn lease(
        self: &Rc<Self>,
        upstream: &Upstream,
        look: Look,
    ) -> Result<Lease, ForwardError> {
        match self.unused(upstream, look) {
            Some(wire) => Ok(Lease::of(wire, self.stay(), true)),
            None => self.new_lease(upstream).await,
        }
    }

    /// A new connection, whatever the pool holds.
    ///
    /// # Errors
    /// As [`Connections::lease`].
    pub(super) async fn new_lease(
        self: &Rc<Self>,
        upstream: &Upstream,
    ) -> Result<Lease, ForwardError> {
        self.stay().new_lease(upstream).await
    }

    /// Where it leads.
    pub(super) const fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// What came of an attempt, where that says nothing about the address.
    pub(super) fn count(&self, outcome: Outcome) {
        self.slot.count(outcome);
    }

    /// What came of an attempt.
    pub(super) fn judge(&self, attempt: &impl Attempt, clock: &Clock) {
        if let Some(outcome) = attempt.outcome() {
            self.slot.count(outcome);
            let error = attempt.error();
            self.group.judge(&self.endpoint, outcome, error, clock);
        }
    }

    /// A request is under way here.
    pub(super) fn stay(self: &Rc<Self>) -> Stay {
        self.slot.begins();
        Stay::at(self)
    }

    fn look(&self, now: Instant) {
        // The oldest is in front.
        for idle in self.idle.borrow_mut().iter_mut() {
            if now.saturating_duration_since(idle.since) < REST {
                break;
            }
            idle.wire.rest();
        }
        self.multiplexed.look(now);
    }

    /// Lets go of all connections, and keeps none from now on.
    fn retire(&self) {
        self.is_retired.set(true);
        self.idle.borrow_mut().clear();
        self.multiplexed.retire();
    }

    fn unused(&self, upstream: &Upstream, look: Look) -> Option<Box<Wire>> {
        let mut idle = self.idle.borrow_mut();
        // The oldest is in front, and the youngest is the next one used.
        while let Some(oldest) = idle.front()
            && oldest.since.elapsed() > upstream.idle_timeout
        {
            idle.pop_front();
        }
        while let Some(Idle { mut wire, .. }) = idle.pop_back() {
            if wire.is_quiet(look) {
                return Some(wire);
            }
        }
        None
    }

    fn keep(&self, mut wire: Box<Wire>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MAX_IDLE && !self.is_retired.get() {
            wire.reset();
            idle.push_back(Idle {
                wire,
                since: Instant::now(),
            });
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        Group::retire(&self.endpoint, &self.slot);
    }
}

#[cfg(test)]
mod tests;
