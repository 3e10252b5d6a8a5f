//! One address that requests go to. What is known about it is shared by all workers.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
};

use super::{Server, ejection::Conduct};
use crate::clock::{Clock, UnixTime};

/// One address of a server.
#[derive(Debug)]
pub struct Endpoint {
    /// The URL that it comes from.
    pub server: Arc<Server>,
    /// Where it is.
    pub place: Place,
    /// Requests under way, where there is a choice between several.
    pub(super) load: AtomicUsize,
    pub(super) conduct: Conduct,
    /// Checks say that it does not serve.
    unhealthy: AtomicBool,
    /// How many checks in a row have said otherwise.
    streak: AtomicU32,
    last: Mutex<Option<Fault>>,
}

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// What went wrong, and when.
#[derive(Clone, Debug)]
pub struct Fault {
    /// When.
    pub at: UnixTime,
    /// What.
    pub error: Arc<str>,
}

/// Whether an endpoint gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Healthy,
    /// Checks say that it does not serve.
    Unhealthy,
    /// It failed too often, and is left alone until then.
    Ejected(UnixTime),
}

impl Endpoint {
    pub(super) fn new(server: &Arc<Server>, place: Place) -> Self {
        Self {
            server: Arc::clone(server),
            place,
            load: AtomicUsize::new(0),
            conduct: Conduct::default(),
            unhealthy: AtomicBool::new(false),
            streak: AtomicU32::new(0),
            last: Mutex::default(),
        }
    }

    /// Requests under way, of all workers; counted where there is a choice.
    #[must_use]
    pub fn load(&self) -> usize {
        self.load.load(Relaxed)
    }

    /// Whether it gets requests. The clock is read only for one that was ejected.
    #[must_use]
    pub fn state(&self, clock: &Clock) -> State {
        if self.unhealthy.load(Relaxed) {
            return State::Unhealthy;
        }
        match self.conduct.out_until(clock) {
            Some(until) => State::Ejected(until),
            None => State::Healthy,
        }
    }

    pub(super) fn is_available(&self, clock: &Clock) -> bool {
        self.state(clock) == State::Healthy
    }

    /// The last that went wrong with it.
    #[must_use]
    pub fn last_fault(&self) -> Option<Fault> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    pub(super) fn remember(&self, error: &dyn fmt::Display, at: UnixTime) {
        let fault = Fault {
            at,
            error: error.to_string().into(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// A check has ended; so many of one kind in a row change its state. True when this one did.
    pub(super) fn is_checked(&self, good: bool, needed: u32) -> bool {
        if good != self.unhealthy.load(Relaxed) {
            self.streak.store(0, Relaxed);
            return false;
        }
        let streak = self.streak.load(Relaxed).saturating_add(1);
        self.streak.store(streak, Relaxed);
        if streak < needed {
            return false;
        }
        self.streak.store(0, Relaxed);
        self.unhealthy.store(!good, Relaxed);
        true
    }

    /// Counts one more request, unless there are `limit` already; 0 is no limit.
    pub(in super::super) fn enter(&self, limit: usize) -> bool {
        if limit == 0 {
            self.load.fetch_add(1, Relaxed);
            return true;
        }
        let more = |load: usize| (load < limit).then_some(load.saturating_add(1));
        self.load.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// A request that was counted is over.
    pub(in super::super) fn leave(&self) {
        self.load.fetch_sub(1, Relaxed);
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
