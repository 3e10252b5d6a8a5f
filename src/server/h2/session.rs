//! One connection over HTTP/2: what its stream of bytes, its requests and its task know of each other.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use super::frames::Frames;
use crate::{
    deadline::{Deadline, Deadlines},
    server::client::Client,
};

/// The state of a connection.
pub(super) struct Session {
    pub(super) client: Rc<Client>,
    deadlines: Deadlines,
    frames: RefCell<Frames>,
    /// Set while a header block has not ended.
    block: Deadline,
    /// Set while the client does not take what is written.
    write: Deadline,
    is_flooded: Cell<bool>,
    /// How many requests are under way.
    open: Cell<usize>,
    /// Whether the client was told that no more requests are taken.
    is_ending: Cell<bool>,
}

/// That a request is under way, until it is dropped.
pub(super) struct Open(Rc<Session>);

/// How long a client may take to go when nothing is going on and it was told to.
const GOODBYE: Duration = Duration::from_secs(2);

impl Session {
    /// A connection of `client`.
    pub(super) fn new(client: Rc<Client>, deadlines: &Deadlines) -> Self {
        Self {
            client,
            frames: RefCell::new(Frames::new()),
            block: deadlines.deadline(),
            write: deadlines.deadline(),
            deadlines: deadlines.clone(),
            is_flooded: Cell::new(false),
            open: Cell::new(0),
            is_ending: Cell::new(false),
        }
    }

    /// These bytes came.
    pub(super) fn has_read(&self, bytes: &[u8]) {
        let mut frames = self.frames.borrow_mut();
        if frames.follow(bytes, self.deadlines.now()).is_err() {
            self.is_flooded.set(true);
        }
        if !frames.is_in_block() {
            self.block.clear();
        } else if !self.block.is_set() && !self.block.has_fired() {
            self.block.set(self.client.limits.header_timeout);
        }
    }

    /// So many bytes were written, or none can be.
    pub(super) fn has_written(&self, written: Option<usize>) {
        match written {
            Some(bytes) => {
                self.write.clear();
                self.frames.borrow_mut().has_written(bytes);
            }
            None if self.write.is_set() || self.write.has_fired() => {}
            None => self.write.set(self.client.limits.idle_timeout),
        }
    }

    /// Whether the client wastes the gateway's time.
    pub(super) fn is_flooded(&self) -> bool {
        self.is_flooded.get()
    }

    /// A request begins.
    pub(super) fn opens(self: &Rc<Self>) -> Open {
        self.client.begins();
        self.open.set(self.open.get() + 1);
        Open(Rc::clone(self))
    }

    /// The client is told to go: it has a moment for that once nothing is going on.
    pub(super) fn ends(&self) {
        self.is_ending.set(true);
        if self.open.get() == 0 {
            self.client.pace.client.set(GOODBYE);
        }
    }

    /// The client is told to go at once.
    pub(super) fn breaks(&self) {
        self.is_flooded.set(true);
        self.block.clear();
        self.client.pace.client.set(GOODBYE);
    }

    /// Whether a header block took too long.
    pub(super) fn poll_block(&self, context: &Context<'_>) -> Poll<()> {
        self.block.poll(context)
    }

    /// Whether a header block is on its way. It has a deadline of its own, and its client is not idle.
    pub(super) fn is_in_block(&self) -> bool {
        self.block.is_set()
    }

    /// The client may go on for as long as a header block may take.
    pub(super) fn stays(&self) {
        self.client
            .pace
            .client
            .set(self.client.limits.header_timeout);
    }

    /// Whether the client has taken nothing for too long.
    pub(super) fn poll_stuck(&self, context: &Context<'_>) -> Poll<()> {
        self.write.poll(context)
    }

    /// Whether nothing was going on for too long.
    pub(super) fn poll_idle(&self, context: &Context<'_>) -> Poll<()> {
        self.client.pace.client.poll(context)
    }
}

impl Open {
    /// The request was answered to its end.
    pub(super) fn is_done(&self) {
        self.0.frames.borrow_mut().has_answered();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Self(session) = self;
        let open = session.open.get().saturating_sub(1);
        session.open.set(open);
        if open > 0 || session.is_flooded() {
            return;
        }
        session.client.has_answered();
        if session.is_ending.get() {
            session.client.pace.client.set(GOODBYE);
        }
    }
}
