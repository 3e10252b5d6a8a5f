//! One worker's HTTP/2 connections to one upstream. A request takes a place on one that has some left; when
//! all are full another is opened, up to a bound, and behind that requests wait.

use std::{
    cell::RefCell,
    io,
    rc::{Rc, Weak},
    sync::Arc,
    time::Instant,
};

use tokio::sync::Notify;

use super::line::Line;
use crate::forward::{Upstream, balance::Endpoint, connect, error::ForwardError};

/// The connections.
#[derive(Default)]
pub(in crate::forward) struct Multiplexed {
    lines: RefCell<Vec<Rc<Line>>>,
    /// The one that is being opened, for all who wait for it.
    opening: RefCell<Option<Rc<Opening>>>,
    /// A place has become free, or a connection has come or gone.
    changed: Notify,
}

/// A place for one request on a connection.
pub(super) struct Seat {
    pub(super) line: Rc<Line>,
    home: Weak<Multiplexed>,
}

/// A connection that is on its way.
#[derive(Default)]
struct Opening {
    failure: RefCell<Option<Failure>>,
    done: Notify,
}

/// Why there is none; for everyone who waits.
#[derive(Clone)]
enum Failure {
    Connect(io::ErrorKind, Rc<str>),
    Timeout,
}

/// The most connections of a worker to one upstream.
const MAX_LINES: usize = 64;

impl Multiplexed {
    /// A place, on a connection that is there or on a new one.
    ///
    /// # Errors
    /// [`ForwardError::Connect`] and [`ForwardError::ConnectTimeout`], the latter also when every connection
    /// is full for that long.
    pub(super) async fn seat(
        self: &Rc<Self>,
        upstream: &Upstream,
        endpoint: &Arc<Endpoint>,
    ) -> Result<Rc<Seat>, ForwardError> {
        if let Some(seat) = self.free_seat() {
            return Ok(seat);
        }
        // Boxed: most requests find a place, and would carry the room for this.
        let waiting = Box::pin(self.wait_for_seat(upstream, endpoint));
        tokio::time::timeout(upstream.connect_timeout, waiting)
            .await
            .map_err(|_| ForwardError::ConnectTimeout)?
    }

    /// Looks after the connections: ends the idle ones and the dead ones.
    pub(in crate::forward) fn look(&self, now: Instant) {
        self.lines.borrow_mut().retain(|line| !line.is_over(now));
        for line in self.lines.borrow().iter() {
            line.look(now);
        }
    }

    /// No more requests go out on those that are there.
    pub(in crate::forward) fn retire(&self) {
        for line in self.lines.borrow_mut().drain(..) {
            line.retire();
        }
    }

    /// Something is different for those who wait.
    pub(super) fn has_changed(&self) {
        self.changed.notify_waiters();
    }

    fn free_seat(self: &Rc<Self>) -> Option<Rc<Seat>> {
        let mut lines = self.lines.borrow_mut();
        let now = Instant::now();
        lines.retain(|line| !line.is_over(now));
        // The first that has room, so that those that nobody needs any more become idle.
        let line = lines.iter().find(|line| line.sit())?;
        Some(Rc::new(Seat {
            line: Rc::clone(line),
            home: Rc::downgrade(self),
        }))
    }

    async fn wait_for_seat(
        self: &Rc<Self>,
        upstream: &Upstream,
        endpoint: &Arc<Endpoint>,
    ) -> Result<Rc<Seat>, ForwardError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(seat) = self.free_seat() {
                return Ok(seat);
            }
            if self.lines.borrow().len() >= MAX_LINES {
                changed.await;
                continue;
            }
            let opening = self.open(upstream, endpoint);
            let done = opening.done.notified();
            tokio::select! {
                () = done => {}
                () = changed => {}
            }
            let failure = opening.failure.borrow().clone();
            if let Some(failure) = failure {
                return Err(failure.into());
            }
        }
    }

    /// The connection that is being opened; one begins if there is none. It goes on if whoever asked for it
    /// does not wait any more, because others may.
    fn open(self: &Rc<Self>, upstream: &Upstream, endpoint: &Arc<Endpoint>) -> Rc<Opening> {
        if let Some(opening) = &*self.opening.borrow() {
            return Rc::clone(opening);
        }
        let opening = Rc::new(Opening::default());
        *self.opening.borrow_mut() = Some(Rc::clone(&opening));
        let (this, upstream) = (Rc::clone(self), upstream.clone());
        let endpoint = Arc::clone(endpoint);
        let told = Rc::clone(&opening);
        tokio::task::spawn_local(async move {
            let opened = open(&upstream, &endpoint, Rc::downgrade(&this)).await;
            this.opening.take();
            match opened {
                Ok(line) => this.lines.borrow_mut().push(line),
                Err(failure) => *told.failure.borrow_mut() = Some(failure),
            }
            told.done.notify_waiters();
            this.has_changed();
        });
        opening
    }
}

async fn open(
    upstream: &Upstream,
    endpoint: &Endpoint,
    home: Weak<Multiplexed>,
) -> Result<Rc<Line>, Failure> {
    let opening = async {
        let stream = connect::open(endpoint).await?;
        Line::open(stream, upstream.idle_timeout, home).await
    };
    match tokio::time::timeout(upstream.connect_timeout, opening).await {
        Ok(opened) => opened.map_err(|e| Failure::Connect(e.kind(), e.to_string().into())),
        Err(_) => Err(Failure::Timeout),
    }
}

impl From<Failure> for ForwardError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connect(kind, text) => Self::Connect(io::Error::new(kind, &*text)),
            Failure::Timeout => Self::ConnectTimeout,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.line.stand_up();
        if let Some(home) = self.home.upgrade() {
            home.changed.notify_one();
        }
    }
}
