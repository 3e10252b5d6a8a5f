//! One recorded request: what its spans are made of.

use std::{
    cell::{Cell, RefCell},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Method;

use super::{Context, Tracer, Wait, context::new_span};

/// The most waits of one request that are kept.
const MAX_WAITS: usize = 8;

/// What is known of a request when it comes.
#[derive(Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Its version of HTTP.
    pub version: http::Version,
    /// Who it is from.
    pub client: Option<IpAddr>,
    /// Its identifier, which the log has too.
    pub request_id: Box<str>,
}

/// The route that a request took, as it is configured.
#[derive(Debug)]
pub struct Matched {
    /// Its name in metrics.
    pub name: Arc<str>,
    /// Its pattern.
    pub path: Box<str>,
    /// Its host, where it is for one.
    pub host: Option<Box<str>>,
}

/// How a request ended. Every text is one of the configuration or of the program.
#[derive(Debug)]
pub struct Ended {
    /// The status of the response.
    pub status: u16,
    /// Why it was refused, if it was.
    pub code: Option<&'static str>,
    /// Its route.
    pub route: Option<Matched>,
    /// The issuer that its token names, if that is in the registry.
    pub issuer: Option<Arc<str>>,
}

/// A request on its way.
#[derive(Debug)]
pub struct Record {
    tracer: Arc<Tracer>,
    started: Instant,
    waits: RefCell<Vec<(Wait, Instant, Instant)>>,
    sent: RefCell<Option<(Arc<str>, Instant)>>,
    attempts: Cell<u32>,
    /// Taken out at the end.
    finished: Option<Box<Finished>>,
    outgoing: Context,
}

/// A request that has ended, with all that its spans say. Times are counted from the beginning.
#[derive(Debug)]
pub struct Finished {
    /// The trace, the request's own span, and the flags.
    pub own: Context,
    /// The span that asked, in another program.
    pub parent: Option<[u8; 8]>,
    /// The span of what the upstream did.
    pub upstream: [u8; 8],
    /// When it came, since 1970.
    pub began: Duration,
    /// How long it took until the head of its response.
    pub took: Duration,
    /// What is known from the beginning.
    pub asked: Asked,
    /// How it ended; `None`: it was given up.
    pub ended: Option<Ended>,
    /// What was waited for, from when until when.
    pub waits: Vec<(Wait, Duration, Duration)>,
    /// The server that it was sent to last, and since when.
    pub sent: Option<(Arc<str>, Duration)>,
    /// How often it was sent.
    pub attempts: u32,
}

impl Record {
    /// A request that begins now, `began` after 1970, in the trace of `own`.
    pub(super) fn new(
        tracer: Arc<Tracer>,
        own: Context,
        parent: Option<[u8; 8]>,
        began: Duration,
        asked: Asked,
    ) -> Self {
        let outgoing = own.sibling();
        Self {
            tracer,
            started: Instant::now(),
            waits: RefCell::default(),
            sent: RefCell::default(),
            attempts: Cell::new(0),
            outgoing,
            finished: Some(Box::new(Finished {
                own,
                parent,
                upstream: outgoing.span(),
                began,
                took: Duration::ZERO,
                asked,
                ended: None,
                waits: Vec::new(),
                sent: None,
                attempts: 0,
            })),
        }
    }

    /// What the upstream is told.
    #[must_use]
    pub const fn outgoing(&self) -> Context {
        self.outgoing
    }

    /// It is about to be sent to the server that the configuration calls `label`.
    pub fn sends_to(&self, label: &Arc<str>) {
        let now = Instant::now();
        let mut sent = self.sent.borrow_mut();
        let since = sent.as_ref().map_or(now, |(_, since)| *since);
        *sent = Some((Arc::clone(label), since));
        self.attempts.set(self.attempts.get().saturating_add(1));
    }

    /// It has waited since `began`.
    pub(super) fn waited(&self, wait: Wait, began: Instant) {
        let mut waits = self.waits.borrow_mut();
        if waits.len() < MAX_WAITS {
            waits.push((wait, began, Instant::now()));
        }
    }

    /// It is answered: hands it to whoever sends it.
    pub fn end(mut self, ended: Ended) {
        self.finish(Some(ended));
    }

    fn finish(&mut self, ended: Option<Ended>) {
        let Some(mut finished) = self.finished.take() else {
            return;
        };
        let since = |at: Instant| at.saturating_duration_since(self.started);
        finished.took = self.started.elapsed();
        finished.ended = ended;
        let waits = self.waits.take().into_iter();
        finished.waits = waits
            .map(|(wait, from, to)| (wait, since(from), since(to)))
            .collect();
        finished.sent = self.sent.take().map(|(label, at)| (label, since(at)));
        finished.attempts = self.attempts.get();
        self.tracer.take(finished);
    }
}

impl Drop for Record {
    /// A request that is given up has spans too: its upstream may have been told of them.
    fn drop(&mut self) {
        self.finish(None);
    }
}

impl Finished {
    /// How many spans it has.
    #[must_use]
    pub fn spans(&self) -> u64 {
        1 + u64::from(self.sent.is_some()) + self.waits.len() as u64
    }

    /// An identifier for one more span.
    #[must_use]
    pub fn new_span() -> [u8; 8] {
        new_span()
    }
}
