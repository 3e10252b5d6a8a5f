//! Who is awaited in an exchange, and for how long: whoever is has a deadline, and the other has none.

use std::{cell::Cell, time::Duration};

use crate::deadline::{Deadline, Deadlines};

/// The deadlines of a client's connection and of the exchange on it.
pub struct Pace {
    /// Set while the client is awaited outside of a body: with a head, or to read what is written.
    pub client: Deadline,
    /// Set while the client is awaited in the middle of a request's body.
    pub upload: Deadline,
    /// Set while the upstream is awaited.
    pub upstream: Deadline,
    client_stall: Duration,
    response_timeout: Cell<Duration>,
    turn: Cell<u64>,
}

impl Pace {
    /// For a client that may stall for `client_stall` in the middle of a body.
    #[must_use]
    pub fn new(deadlines: &Deadlines, client_stall: Duration) -> Self {
        Self {
            client: deadlines.deadline(),
            upload: deadlines.deadline(),
            upstream: deadlines.deadline(),
            client_stall,
            response_timeout: Cell::new(Duration::MAX),
            turn: Cell::new(0),
        }
    }

    /// A request begins. A body of an earlier one, which may still be on its way to an upstream that
    /// answered without it, has no say any more.
    pub fn begins(&self) {
        self.turn.set(self.turn.get().wrapping_add(1));
        self.client.clear();
        self.upload.clear();
        self.upstream.clear();
    }

    /// The request goes to an upstream that may take `response_timeout` once it has the whole of it.
    pub fn goes_out(&self, response_timeout: Duration) {
        self.response_timeout.set(response_timeout);
        self.upstream.set(response_timeout);
    }

    /// The response begins. What is left of the request's body keeps its deadline.
    pub fn answers(&self) {
        self.client.clear();
        self.upstream.clear();
    }

    /// The client has to make room for more of the response.
    pub fn awaits_room(&self) {
        self.client.set(self.client_stall);
    }

    /// Which of the connection's requests this is.
    pub(super) fn turn(&self) -> u64 {
        self.turn.get()
    }

    /// The body of request number `turn` waits for the client.
    pub(super) fn awaits_client(&self, turn: u64) {
        if turn == self.turn.get() && !self.upload.is_set() && !self.upload.has_fired() {
            self.upload.set(self.client_stall);
            self.upstream.clear();
        }
    }

    /// The body of request number `turn` went on, or is done.
    pub(super) fn awaits_upstream(&self, turn: u64) {
        if turn == self.turn.get() {
            self.upload.clear();
            self.upstream.set(self.response_timeout.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn one_of_the_two_is_awaited() {
        let pace = Pace::new(&Deadlines::new(Duration::ZERO), LONG);
        pace.begins();
        pace.goes_out(LONG);
        assert!(pace.upstream.is_set() && !pace.upload.is_set());
        pace.awaits_client(pace.turn());
        assert!(!pace.upstream.is_set() && pace.upload.is_set());
        pace.awaits_upstream(pace.turn());
        assert!(pace.upstream.is_set() && !pace.upload.is_set());
    }

    #[test]
    fn a_body_that_outlives_its_request_sets_and_clears_nothing() {
        let pace = Pace::new(&Deadlines::new(Duration::ZERO), LONG);
        let stale = pace.turn();
        pace.begins();
        pace.awaits_client(stale);
        assert!(!pace.upload.is_set());
        pace.awaits_client(pace.turn());
        pace.awaits_upstream(stale);
        assert!(pace.upload.is_set() && !pace.upstream.is_set());
    }

    #[test]
    fn the_response_leaves_the_upload_its_deadline() {
        let pace = Pace::new(&Deadlines::new(Duration::ZERO), LONG);
        pace.awaits_client(pace.turn());
        pace.answers();
        assert!(pace.upload.is_set());
    }
}
