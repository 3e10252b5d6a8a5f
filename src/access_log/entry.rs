//! The line of a request that is under way.

use std::{
    cell::{Cell, RefCell},
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Method, Version, header::USER_AGENT};

use super::{AccessLog, Event, Outcome};

/// A request whose line is written when this is dropped, wherever that happens: at the end of its response, or
/// where a client leaves. Nothing in it is a piece of what was read from the connection, which would keep the rest.
#[derive(Debug)]
pub struct Entry {
    log: Arc<AccessLog>,
    began: Instant,
    event: RefCell<Event>,
    received: Rc<Cell<u64>>,
    /// Whether there is no body to come, whatever the response says.
    is_head: bool,
    is_whole: Cell<bool>,
}

/// What a request says of itself.
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path, as it came.
    pub path: &'a str,
    /// Its version of HTTP.
    pub version: Version,
    /// Its fields.
    pub fields: &'a HeaderMap,
    /// What it is called.
    pub request_id: &'a HeaderValue,
    /// Who sent it.
    pub client: Option<IpAddr>,
    /// The version of TLS that it came with.
    pub tls: Option<&'static str>,
}

/// How much of a path is told, in bytes.
const PATH: usize = 1024;
/// How much of a user agent.
const AGENT: usize = 256;
/// How much of anything else.
const NAME: usize = 256;

impl Entry {
    pub(super) fn new(log: &Arc<AccessLog>, asked: &Asked<'_>) -> Box<Self> {
        let agent = asked.fields.get(USER_AGENT).map(HeaderValue::as_bytes);
        let event = Event {
            time: log.clock.milliseconds(),
            request_id: start(asked.request_id.to_str().unwrap_or_default(), NAME).into(),
            line: Some((asked.method.clone(), asked.version)),
            path: start(asked.path, PATH).into(),
            client: asked.client,
            tls: asked.tls,
            user_agent: agent.map(|agent| agent.get(..AGENT).unwrap_or(agent).into()),
            ..Event::default()
        };
        Box::new(Self {
            log: Arc::clone(log),
            began: Instant::now(),
            event: RefCell::new(event),
            received: Rc::default(),
            is_head: asked.method == Method::HEAD,
            is_whole: Cell::new(false),
        })
    }

    /// Where what is read of the request's body is counted.
    #[must_use]
    pub fn received(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.received)
    }

    /// Its token proves that it is this subject's.
    pub fn is_of(&self, subject: Option<&str>) {
        if self.log.keeps_subject {
            self.event.borrow_mut().subject = subject.map(|subject| start(subject, NAME).into());
        }
    }

    /// It goes to the upstream at this address.
    pub fn goes_to(&self, address: &dyn std::fmt::Display) {
        let address = address.to_string();
        self.event.borrow_mut().upstream = Some(start(&address, NAME).into());
    }

    /// The upstream has begun its response, or failed, after so long.
    pub fn was_answered_in(&self, duration: Duration) {
        self.event.borrow_mut().upstream_duration = Some(duration);
    }

    /// The response begins.
    pub fn is_answered(
        &self,
        status: u16,
        outcome: Outcome,
        code: Option<&'static str>,
        route: Option<&Arc<str>>,
        issuer: Option<&Arc<str>>,
    ) {
        let mut event = self.event.borrow_mut();
        event.status = Some(status);
        event.outcome = outcome;
        event.code = code;
        event.route = route.map(Arc::clone);
        event.issuer = issuer.map(Arc::clone);
    }

    /// So many bytes of the response's body go to the client.
    pub fn sends(&self, bytes: usize) {
        let mut event = self.event.borrow_mut();
        event.sent = event.sent.saturating_add(bytes as u64);
    }

    /// A tunnel has carried so many bytes to the client, and so many from it.
    pub fn has_carried(&self, sent: u64, received: u64) {
        self.event.borrow_mut().sent = sent;
        self.received.set(received);
    }

    /// The response is at its end.
    pub fn is_whole(&self) {
        self.is_whole.set(true);
    }

    /// The response broke off.
    pub fn breaks_off(&self, code: &'static str) {
        let mut event = self.event.borrow_mut();
        event.outcome = Outcome::CutOff;
        event.code = Some(code);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut event = std::mem::take(self.event.get_mut());
        event.duration = self.began.elapsed();
        event.received = self.received.get();
        let whole = self.is_whole.get() || self.is_head;
        if event.outcome == Outcome::Allow && !whole {
            event.outcome = Outcome::Left;
        }
        self.log.queue(event);
    }
}

/// The first bytes of a text, not in the middle of a character.
fn start(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}
