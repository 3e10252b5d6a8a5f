//! One worker's connections to the upstreams. No connection ever crosses a thread.

use std::{
    cell::RefCell,
    collections::VecDeque,
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use super::{Upstream, connect, error::ForwardError, h2::Multiplexed, wire::Wire};

/// The most unused connections that a worker keeps to one upstream.
const MAX_IDLE: usize = 256;

/// After how long without a request a connection gives up its buffers.
const REST: Duration = Duration::from_secs(1);

/// The connections of one worker, by upstream.
#[derive(Default)]
pub struct Pool {
    generation: RefCell<(u64, Vec<Rc<Connections>>)>,
}

/// The unused connections to one upstream; the last one used is the next one used.
#[derive(Default)]
pub struct Connections {
    idle: RefCell<VecDeque<Idle>>,
    /// Those over HTTP/2.
    pub(super) multiplexed: Rc<Multiplexed>,
}

struct Idle {
    wire: Box<Wire>,
    since: Instant,
}

/// A connection in use. It goes back to the pool only by [`Lease::give_back`].
pub struct Lease {
    wire: Option<Box<Wire>>,
    home: Weak<Connections>,
    /// Whether it has carried a request before this one.
    pub reused: bool,
}

impl Pool {
    /// The connections to upstream number `upstream` of the upstreams that came with this `generation`.
    /// Those to older ones are given up.
    #[must_use]
    pub(crate) fn of(&self, generation: u64, upstream: usize) -> Rc<Connections> {
        let mut current = self.generation.borrow_mut();
        if generation < current.0 {
            // A request that began before the upstreams changed keeps nothing for later.
            return Rc::default();
        }
        if current.0 != generation {
            *current = (generation, Vec::new());
        }
        let connections = &mut current.1;
        while connections.len() <= upstream {
            connections.push(Rc::default());
        }
        connections.get(upstream).map(Rc::clone).unwrap_or_default()
    }

    /// Has those connections give up their buffers that have been unused for a while.
    pub(crate) fn look(&self) {
        let now = Instant::now();
        for connections in &self.generation.borrow().1 {
            connections.look(now);
        }
    }
}

impl Connections {
    /// A connection that is ready for a request: an unused one, or a new one.
    ///
    /// # Errors
    /// [`ForwardError`] when a new one cannot be made.
    pub async fn lease(self: &Rc<Self>, upstream: &Upstream) -> Result<Lease, ForwardError> {
        match self.unused(upstream) {
            Some(wire) => Ok(self.lend(wire, true)),
            None => self.new_lease(upstream).await,
        }
    }

    /// A new connection, whatever the pool holds.
    ///
    /// # Errors
    /// As [`Connections::lease`].
    pub async fn new_lease(self: &Rc<Self>, upstream: &Upstream) -> Result<Lease, ForwardError> {
        Ok(self.lend(Box::new(connect::connect(upstream).await?), false))
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

    fn lend(self: &Rc<Self>, wire: Box<Wire>, reused: bool) -> Lease {
        Lease {
            wire: Some(wire),
            home: Rc::downgrade(self),
            reused,
        }
    }

    fn unused(&self, upstream: &Upstream) -> Option<Box<Wire>> {
        let mut idle = self.idle.borrow_mut();
        // The oldest is in front, and the youngest is the next one used.
        while let Some(oldest) = idle.front()
            && oldest.since.elapsed() > upstream.idle_timeout
        {
            idle.pop_front();
        }
        while let Some(Idle { wire, .. }) = idle.pop_back() {
            if wire.is_quiet() {
                return Some(wire);
            }
        }
        None
    }
}

impl Lease {
    /// The connection itself; `None` once it was given back or discarded.
    pub(super) fn wire(&mut self) -> Option<&mut Wire> {
        self.wire.as_deref_mut()
    }

    /// As [`Lease::wire`], to look at.
    pub(super) fn wire_ref(&self) -> Option<&Wire> {
        self.wire.as_deref()
    }

    /// Gives the connection back for the next request.
    pub(super) fn give_back(&mut self) {
        let (Some(mut wire), Some(home)) = (self.wire.take(), self.home.upgrade()) else {
            return;
        };
        let mut idle = home.idle.borrow_mut();
        if idle.len() < MAX_IDLE {
            wire.reset();
            idle.push_back(Idle {
                wire,
                since: Instant::now(),
            });
        }
    }

    /// Hands the connection over; this lease has none any more.
    pub(super) fn take(&mut self) -> Self {
        Self {
            wire: self.wire.take(),
            home: Weak::clone(&self.home),
            reused: self.reused,
        }
    }

    /// Never uses the connection again.
    pub(super) fn discard(&mut self) {
        self.wire = None;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::{super::wire::Stream, *};

    #[tokio::test]
    async fn those_rest_that_have_been_unused_for_a_while() {
        let pool = Pool::default();
        let connections = pool.of(1, 0);
        let now = Instant::now();
        for since in [now.checked_sub(REST).unwrap(), now + REST] {
            let (own, _other) = UnixStream::pair().unwrap();
            let mut wire = Box::new(Wire::new(Stream::Unix(own)));
            wire.input.reserve(100);
            connections
                .idle
                .borrow_mut()
                .push_back(Idle { wire, since });
        }
        pool.look();
        let idle = connections.idle.borrow();
        let room: Vec<_> = idle.iter().map(|idle| idle.wire.input.capacity()).collect();
        assert_eq!(room[0], 0);
        assert!(room[1] >= 100);
    }
}
