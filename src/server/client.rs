//! One client's connection: how far it is, and how long it may take.

use std::{
    cell::Cell,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use super::switch::Switch;
use crate::{
    forward::{Pace, Peer},
    gateway::{Code, CutOff, Door},
    limits::Limits,
    telemetry::Closed,
};

/// The state of a connection, shared by its stream, its requests and the worker.
pub(super) struct Client {
    pub(super) peer: Peer,
    /// What it came in by.
    pub(super) door: Door,
    pub(super) pace: Rc<Pace>,
    pub(super) limits: Rc<Limits>,
    pub(super) switch: Switch,
    phase: Cell<Phase>,
    requests: Cell<u64>,
    /// How many requests were read when the last byte that was read ended one.
    whole: Cell<Option<u64>>,
    /// How many requests there were at the last look.
    looked_at: Cell<Option<u64>>,
    /// Whether it may rest, if it still has nothing to do.
    tired: Cell<bool>,
    /// Its place among those that are awake.
    place: Cell<usize>,
    /// When it was accepted, in milliseconds of the worker's deadlines.
    since: u64,
    leaving: Cell<bool>,
    ended: Cell<bool>,
    blocked: Cell<bool>,
    /// Whether a head has begun and not ended, maybe behind a request that is still served.
    in_head: Cell<bool>,
    /// Whether the stream ends as soon as nothing is to be answered any more.
    to_end: Cell<bool>,
    /// What the client is told when the HTTP library has let go of the stream.
    farewell: Cell<Option<Code>>,
    /// Why it ends, as far as that is known.
    closed: Cell<Option<Closed>>,
    /// Why the last response broke off.
    cut_off: Cell<Option<Box<CutOff>>>,
    /// Whether the response at hand tells its end by itself.
    framed: Cell<bool>,
}

/// How long a new connection's first request may be on its way when the worker leaves.
const MOMENT: Duration = Duration::from_millis(500);

/// How far a connection is with its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No byte of a request has come.
    Idle,
    /// A request's head is coming.
    Head,
    /// A request is being decided and forwarded.
    Serving,
    /// A response is on its way.
    Answering,
}

impl Client {
    pub(super) fn new(
        peer: Peer,
        door: Door,
        pace: Rc<Pace>,
        limits: Rc<Limits>,
        since: u64,
    ) -> Self {
        // Who connects has something to say, so the first request has less time than later ones.
        pace.client.set(limits.header_timeout);
        Self {
            peer,
            door,
            pace,
            limits,
            phase: Cell::new(Phase::Idle),
            requests: Cell::new(0),
            whole: Cell::new(Some(0)),
            looked_at: Cell::new(None),
            tired: Cell::new(false),
            place: Cell::new(0),
            since,
            leaving: Cell::new(false),
            ended: Cell::new(false),
            blocked: Cell::new(false),
            in_head: Cell::new(false),
            to_end: Cell::new(false),
            farewell: Cell::new(None),
            closed: Cell::new(None),
            switch: Switch::default(),
            cut_off: Cell::new(None),
            framed: Cell::new(true),
        }
    }

    /// Whether a request is served or answered, or a response is still to be taken by the client.
    pub(super) fn is_busy(&self) -> bool {
        self.blocked.get() || matches!(self.phase.get(), Phase::Serving | Phase::Answering)
    }

    /// Bytes came, and ended inside a head or not.
    pub(super) fn has_read(&self, in_head: bool) {
        self.in_head.set(in_head);
        if in_head && self.phase.get() == Phase::Idle {
            self.awaits_head();
        }
    }

    /// As many requests were read and nothing behind them; `None` in the middle of one.
    pub(super) fn has_whole_requests(&self, requests: Option<u64>) {
        self.whole.set(requests);
    }

    fn awaits_head(&self) {
        self.phase.set(Phase::Head);
        self.pace.client.set(self.limits.header_timeout);
    }

    /// A request's head is there.
    pub(super) fn begins(&self) {
        self.phase.set(Phase::Serving);
        self.requests.set(self.requests.get().saturating_add(1));
        self.pace.begins();
    }

    /// The response's head is there.
    pub(super) fn answers(&self) {
        self.phase.set(Phase::Answering);
        self.pace.answers();
    }

    /// The response is done.
    pub(super) fn has_answered(&self) {
        if self.in_head.get() {
            self.awaits_head();
        } else {
            self.phase.set(Phase::Idle);
            self.pace.client.set(self.limits.idle_timeout);
        }
        self.goes_on_to_end();
    }

    /// The stream ends when every request is answered.
    pub(super) fn waits_to_end(&self) {
        self.to_end.set(true);
    }

    /// The stream may be waiting for this very moment, and nobody else wakes it.
    fn goes_on_to_end(&self) {
        if self.to_end.get() {
            self.pace.client.nudge();
        }
    }

    /// The request at hand is answered in this protocol.
    pub(super) fn stays(&self) {
        self.switch.does_not_happen(self.requests.get());
    }

    /// Whether the response at hand tells its end by itself, and not by that of the connection.
    pub(super) fn frames(&self, framed: bool) {
        self.framed.set(framed);
    }

    /// Whether only a break tells the client that a response was not whole.
    pub(super) fn is_without_framing(&self) -> bool {
        !self.framed.get()
    }

    /// The response broke off.
    pub(super) fn is_cut_off(&self, cut_off: CutOff) {
        self.cut_off.set(Some(Box::new(cut_off)));
    }

    /// Why the last response broke off, once.
    pub(super) fn take_cut_off(&self) -> Option<Box<CutOff>> {
        self.cut_off.take()
    }

    /// `code` is the last that the client hears.
    pub(super) fn says_farewell(&self, code: Code) {
        self.farewell.set(Some(code));
    }

    pub(super) fn has_a_farewell(&self) -> bool {
        self.farewell.get().is_some()
    }

    /// What the client is still to be told, once: that it was not understood, or that it was too slow.
    pub(super) fn take_farewell(&self) -> Option<Code> {
        let is_late = self.phase.get() == Phase::Head && self.pace.client.has_fired();
        // In the middle of a response it would be taken for a part of that.
        let audible = !self.blocked.get() && !self.ended.get();
        let late = (is_late && audible).then_some(Code::RequestTimeout);
        if let Some(code) = self.farewell.take() {
            self.closes_with(code);
            return Some(code);
        }
        late
    }

    /// The client does not take what is written.
    pub(super) fn blocks(&self) {
        self.blocked.set(true);
        // One that has fired is seen after this very write, so it must not begin anew.
        if !self.pace.client.is_set() && !self.pace.client.has_fired() {
            self.pace.client.set(self.limits.idle_timeout);
        }
    }

    /// The client takes what is written.
    pub(super) fn unblocks(&self) {
        if !self.blocked.replace(false) {
            return;
        }
        if self.phase.get() == Phase::Answering {
            self.pace.client.clear();
        }
        self.goes_on_to_end();
    }

    /// Nothing more will be written: what is left is to wait for the client's end, and not for long.
    pub(super) fn lingers(&self) {
        if !self.ended.replace(true) {
            self.pace.client.set(Duration::from_secs(2));
        }
    }

    /// Whether this request is the connection's last: by number, by age, or because the worker leaves.
    pub(super) fn is_last(&self, now: u64) -> bool {
        let age = now.saturating_sub(self.since);
        let last = if self.leaving.get() {
            Closed::Drain
        } else if self.requests.get() >= u64::from(self.limits.requests_per_connection) {
            Closed::Requests
        } else if u128::from(age) >= self.limits.connection_age.as_millis() {
            Closed::Age
        } else {
            return false;
        };
        self.closes(last);
        true
    }

    /// Notes why the connection ends; the first reason is the one that counts.
    pub(super) fn closes(&self, closed: Closed) {
        if self.closed.get().is_none() {
            self.closed.set(Some(closed));
        }
    }

    /// Notes that it ends with `code`.
    pub(super) fn closes_with(&self, code: Code) {
        match code {
            Code::RequestTimeout => self.closes(Closed::BodyTimeout),
            Code::BodyTooLarge | Code::UriTooLong | Code::HeadersTooLarge => {
                self.closes(Closed::TooLarge);
            }
            Code::Overloaded => self.closes(Closed::Overloaded),
            Code::InternalError => self.closes(Closed::Panic),
            _ => self.closes(Closed::Malformed),
        }
    }

    /// Notes that it ends because the client kept the gateway waiting.
    pub(super) fn expires(&self) {
        self.closes(if self.leaving.get() && self.is_new() {
            Closed::Drain
        } else if self.pace.upload.has_fired() {
            Closed::BodyTimeout
        } else if self.blocked.get() {
            Closed::SlowReader
        } else if self.phase.get() == Phase::Head || self.requests.get() == 0 {
            Closed::HeaderTimeout
        } else {
            Closed::Idle
        });
    }

    /// Why it ends.
    pub(super) fn closed(&self) -> Closed {
        self.closed.get().unwrap_or(Closed::Client)
    }

    /// It is awake, at `place` among those that are.
    pub(super) fn wakes(&self, place: usize) {
        self.place.set(place);
        self.looked_at.set(None);
        self.tired.set(false);
    }

    /// Its place among those that are awake.
    pub(super) const fn place(&self) -> usize {
        self.place.get()
    }

    /// Its place is another.
    pub(super) fn moves_to(&self, place: usize) {
        self.place.set(place);
    }

    /// Tells it to rest if it has begun no request since the last look.
    pub(super) fn is_looked_at(&self) {
        let requests = Some(self.requests.get());
        if self.looked_at.replace(requests) == requests && self.phase.get() == Phase::Idle {
            self.tired.set(true);
            self.pace.client.nudge();
        }
    }

    /// Whether it was told to rest, and every byte that came and went belongs to a request that is
    /// answered: then the HTTP library holds nothing that is still needed. It asks once.
    pub(super) fn rests(&self) -> bool {
        self.tired.replace(false)
            && self.phase.get() == Phase::Idle
            && self.whole.get() == Some(self.requests.get())
            && ![&self.blocked, &self.ended, &self.leaving, &self.to_end]
                .into_iter()
                .any(Cell::get)
            && !self.has_a_farewell()
            && !self.switch.is_done()
    }

    /// How many requests it has begun.
    pub(super) const fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Whether it was told to rest, and nothing is going on. It asks once.
    pub(super) fn is_tired(&self) -> bool {
        self.tired.replace(false) && self.phase.get() == Phase::Idle
    }

    /// The worker leaves: the request at hand is the last. Who connected a moment ago and has not asked
    /// yet has its request on the way, and may have one answer.
    pub(super) fn leave(&self) {
        self.leaving.set(true);
        if self.is_new() {
            self.awaits_first_request();
        }
        self.pace.client.nudge();
    }

    /// Its first request has so long from now on.
    pub(super) fn awaits_first_request(&self) {
        let time = self.limits.header_timeout;
        let time = if self.leaving.get() {
            time.min(MOMENT)
        } else {
            time
        };
        self.pace.client.set(time);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.get()
    }

    /// Whether it has asked nothing yet.
    pub(super) fn is_new(&self) -> bool {
        self.requests.get() == 0 && matches!(self.phase.get(), Phase::Idle)
    }

    /// Whether the client has kept the gateway waiting for too long. While a request is served, that
    /// is the request's own affair.
    pub(super) fn poll_expired(&self, context: &Context<'_>) -> Poll<()> {
        let client = self.pace.client.poll(context);
        // The response may have begun, or even ended, before the client has sent the whole body.
        let upload = self.pace.upload.poll(context);
        if self.phase.get() == Phase::Serving && !self.ended.get() {
            return Poll::Pending;
        }
        if upload.is_ready() { upload } else { client }
    }
}
