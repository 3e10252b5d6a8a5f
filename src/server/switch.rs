//! Whether a connection goes on in another protocol.

use std::cell::Cell;

use crate::forward::Tunnel;

/// How far a connection is with that.
#[derive(Default)]
pub(super) struct Switch {
    state: Cell<State>,
    /// The upstream's end, until somebody takes it.
    tunnel: Cell<Option<Box<Tunnel>>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody has asked.
    #[default]
    No,
    /// The request of this number asks. What comes behind its head is held back until it is answered.
    Asked(u64),
    /// It does.
    Done,
}

impl Switch {
    /// The request of this number asks for another protocol.
    pub(super) fn is_asked_for(&self, request: u64) {
        self.state.set(State::Asked(request));
    }

    /// Whether it is open what comes behind a head that asks for another protocol.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state.get(), State::Asked(_))
    }

    /// Whether the protocol is another.
    pub(super) fn is_done(&self) -> bool {
        self.state.get() == State::Done
    }

    /// The request is answered by another protocol, with `tunnel` at the other end.
    pub(super) fn happens(&self, tunnel: Box<Tunnel>) {
        self.state.set(State::Done);
        self.tunnel.set(Some(tunnel));
    }

    /// The request of this number is answered in this protocol. One behind it may have asked already.
    pub(super) fn does_not_happen(&self, request: u64) {
        if self.state.get() == State::Asked(request) {
            self.state.set(State::No);
        }
    }

    /// The upstream's end of the tunnel, once.
    pub(super) fn take_tunnel(&self) -> Option<Box<Tunnel>> {
        self.tunnel.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_an_earlier_request_decides_nothing() {
        let switch = Switch::default();
        switch.is_asked_for(2);
        switch.does_not_happen(1);
        assert!(switch.is_open() && !switch.is_done());
        switch.does_not_happen(2);
        assert!(!switch.is_open() && !switch.is_done());
    }
}
