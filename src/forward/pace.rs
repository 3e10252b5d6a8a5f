//! Who is awaited in an exchange, and for how long: whoever is has a deadline, and the other has none.

use std::{
    cell::{Cell, OnceCell},
    task::{Context, Poll},
    time::Duration,
};

use crate::deadline::{Deadline, Deadlines};

/// The deadlines of a client's connection and of the exchange on it.
pub struct Pace {
    /// Set while the client is awaited outside of a body: with a head, or to read what is written.
    pub client: Deadline,
    /// Set while the client is awaited in the middle of a request's body.
    pub upload: Deadline,
    /// Set while the upstream is awaited.
    pub upstream: Deadline,
    /// Set while the upstream is awaited in the middle of a response's body; made when one first is.
    stall: OnceCell<Deadline>,
    client_stall: Duration,
    /// The least that a body brings, in bytes a second.
    body_rate: Option<u64>,
    /// How long he may at most, in milliseconds.
    longest_patience: u64,
    /// How much longer the client may keep the body at hand waiting, in milliseconds.
    patience: Cell<u64>,
    /// When it began to, in milliseconds of the worker's deadlines.
    awaited_since: Cell<u64>,
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
            stall: OnceCell::new(),
            client_stall,
            body_rate: None,
            longest_patience: millis(client_stall),
            patience: Cell::new(0),
            awaited_since: Cell::new(0),
            response_timeout: Cell::new(Duration::MAX),
            turn: Cell::new(0),
        }
    }

    /// The same, for a client whose bodies must bring `rate` bytes a second while they are awaited. Who
    /// sends a byte just before each deadline would else have a place for as long as he likes.
    #[must_use]
    pub fn at_least(mut self, rate: Option<u64>) -> Self {
        self.body_rate = rate;
        self
    }

    /// A request begins. A body of an earlier one, which may still be on its way to an upstream that
    /// answered without it, has no say any more.
    pub fn begins(&self) {
        self.turn.set(self.turn.get().wrapping_add(1));
        self.patience.set(self.longest_patience);
        self.client.clear();
        self.upload.clear();
        self.upstream.clear();
        self.flows();
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

    /// The upstream is silent in the middle of a response's body, and may be for `stall`.
    pub(super) fn stalls(&self, stall: Duration) {
        self.stall
            .get_or_init(|| self.upstream.another())
            .set(stall);
    }

    /// The upstream goes on with a response's body.
    pub(super) fn flows(&self) {
        if let Some(stall) = self.stall.get() {
            stall.clear();
        }
    }

    /// Ready once the upstream has been silent for too long.
    pub(super) fn poll_stalled(&self, context: &Context<'_>) -> Poll<()> {
        self.stall
            .get()
            .map_or(Poll::Pending, |stall| stall.poll(context))
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
            self.upload.set(self.stall());
            self.upstream.clear();
        }
    }

    /// The body of request number `turn` went on, or is done.
    pub(super) fn awaits_upstream(&self, turn: u64) {
        if turn == self.turn.get() {
            self.has_waited();
            self.upload.clear();
            self.upstream.set(self.response_timeout.get());
        }
    }

    /// So many bytes of the body of request number `turn` came. They earn the client as much time as
    /// they may take at the least rate, and never more than there was in the beginning.
    pub(super) fn comes(&self, turn: u64, bytes: usize) {
        if let Some(rate) = self.body_rate
            && turn == self.turn.get()
        {
            let earned = (bytes as u64).saturating_mul(1000) / rate.max(1);
            let patience = self.patience.get().saturating_add(earned);
            self.patience.set(patience.min(self.longest_patience));
        }
    }

    /// How long the client may keep the body waiting this time.
    fn stall(&self) -> Duration {
        if self.body_rate.is_none() {
            return self.client_stall;
        }
        self.awaited_since.set(self.upload.now());
        Duration::from_millis(self.patience.get())
    }

    fn has_waited(&self) {
        if self.body_rate.is_some() && self.upload.is_set() {
            let waited = self.upload.now().saturating_sub(self.awaited_since.get());
            self.patience
                .set(self.patience.get().saturating_sub(waited));
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
