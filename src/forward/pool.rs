//! One worker's connections to the upstreams. No connection ever crosses a thread.

use std::{
    cell::RefCell,
    collections::VecDeque,
    rc::{Rc, Weak},
    time::Instant,
};

use hyper::client::conn::http1::SendRequest;

use super::{
    Upstream,
    body::RequestBody,
    connect::{self, Connection},
    error::ForwardError,
};

/// The most unused connections that a worker keeps to one upstream.
const MAX_IDLE: usize = 256;

/// The connections of one worker, by upstream.
#[derive(Default)]
pub struct Pool {
    generation: RefCell<(u64, Vec<Rc<Connections>>)>,
}

/// The unused connections to one upstream; the last one used is the next one used.
#[derive(Default)]
pub struct Connections {
    idle: RefCell<VecDeque<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection in use. It goes back to the pool only by [`Lease::give_back`], and ends otherwise.
pub struct Lease {
    connection: Option<Connection>,
    home: Weak<Connections>,
    /// Whether it has carried a request before this one.
    pub reused: bool,
}

impl Pool {
    /// The connections to upstream number `upstream` of the policy with this `generation`. Those of an
    /// older policy are given up.
    #[must_use]
    pub(crate) fn of(&self, generation: u64, upstream: usize) -> Rc<Connections> {
        let mut current = self.generation.borrow_mut();
        if generation < current.0 {
            // A request that began before the policy changed keeps nothing for later.
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
}

impl Connections {
    /// A connection that is ready for a request: an unused one, or a new one.
    ///
    /// # Errors
    /// [`ForwardError`] when a new one cannot be made.
    pub async fn lease(self: &Rc<Self>, upstream: &Upstream) -> Result<Lease, ForwardError> {
        match self.unused(upstream) {
            Some(connection) => Ok(self.lend(connection, true)),
            None => self.new_lease(upstream).await,
        }
    }

    /// A new connection, whatever the pool holds.
    ///
    /// # Errors
    /// As [`Connections::lease`].
    pub async fn new_lease(self: &Rc<Self>, upstream: &Upstream) -> Result<Lease, ForwardError> {
        Ok(self.lend(connect::connect(upstream).await?, false))
    }

    fn lend(self: &Rc<Self>, connection: Connection, reused: bool) -> Lease {
        Lease {
            connection: Some(connection),
            home: Rc::downgrade(self),
            reused,
        }
    }

    fn unused(&self, upstream: &Upstream) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        // The oldest is in front, and the youngest is the next one used.
        while let Some(oldest) = idle.front()
            && oldest.since.elapsed() > upstream.idle_timeout
        {
            idle.pop_front();
        }
        while let Some(Idle { connection, .. }) = idle.pop_back() {
            if connection.sender.is_ready() {
                return Some(connection);
            }
            if !connection.sender.is_closed() {
                // It still sends a body whose response came early.
                connection.finish(upstream.response_timeout);
            }
        }
        None
    }
}

impl Lease {
    /// The connection itself; `None` once it was given back or discarded.
    pub const fn sender(&mut self) -> Option<&mut SendRequest<RequestBody>> {
        match &mut self.connection {
            Some(connection) => Some(&mut connection.sender),
            None => None,
        }
    }

    /// Gives the connection back for the next request.
    pub fn give_back(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if connection.sender.is_closed() {
            return;
        }
        let Some(home) = self.home.upgrade() else {
            return;
        };
        let mut idle = home.idle.borrow_mut();
        if idle.len() < MAX_IDLE {
            idle.push_back(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }

    /// Never uses the connection again.
    pub fn discard(&mut self) {
        self.connection = None;
    }
}
