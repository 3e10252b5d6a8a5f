//! One worker's connections to the upstreams. No connection ever crosses a thread.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
    time::Instant,
};

use hyper::client::conn::http1::SendRequest;

use super::{Upstream, body::RequestBody, connect, error::ForwardError};

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
    idle: RefCell<Vec<Idle>>,
}

struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

/// A connection in use. It goes back to the pool only by [`Lease::give_back`].
pub struct Lease {
    sender: Option<SendRequest<RequestBody>>,
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
            Some(sender) => Ok(self.lend(sender, true)),
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

    fn lend(self: &Rc<Self>, sender: SendRequest<RequestBody>, reused: bool) -> Lease {
        Lease {
            sender: Some(sender),
            home: Rc::downgrade(self),
            reused,
        }
    }

    fn unused(&self, upstream: &Upstream) -> Option<SendRequest<RequestBody>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { sender, since }) = idle.pop() {
            // The youngest is on top: when it is too old, so are all the others.
            if since.elapsed() > upstream.idle_timeout {
                idle.clear();
                return None;
            }
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }
}

impl Lease {
    /// The connection itself; `None` once it was given back or discarded.
    pub const fn sender(&mut self) -> Option<&mut SendRequest<RequestBody>> {
        self.sender.as_mut()
    }

    /// Gives the connection back for the next request.
    pub fn give_back(&mut self) {
        let Some(sender) = self.sender.take().filter(|sender| !sender.is_closed()) else {
            return;
        };
        let Some(home) = self.home.upgrade() else {
            return;
        };
        let mut idle = home.idle.borrow_mut();
        if idle.len() < MAX_IDLE {
            idle.push(Idle {
                sender,
                since: Instant::now(),
            });
        }
    }

    /// Never uses the connection again.
    pub fn discard(&mut self) {
        self.sender = None;
    }
}
