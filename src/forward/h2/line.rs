//! One connection to an upstream that carries many requests at once.

use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use h2::{
    Ping, PingPong, SendStream,
    client::{Builder, Connection, ResponseFuture, SendRequest},
};
use http::Request;

use super::{
    keepalive::{Keepalive, Verdict},
    pool::Multiplexed,
    socket::Socket,
};
use crate::forward::wire::Stream;

/// A connection, as those see it who send requests on it. Its bytes are moved by a task of its own, which
/// ends it when nobody needs it any more.
pub(super) struct Line {
    requests: RefCell<SendRequest<Bytes>>,
    in_flight: Cell<usize>,
    /// Whether it has carried a request.
    used: Cell<bool>,
    /// Whether somebody waited in vain for an answer on it.
    doubted: Cell<bool>,
    /// When its last request ended.
    idle_since: Cell<Instant>,
    idle_timeout: Duration,
    heard: Rc<Cell<u64>>,
    health: RefCell<(Keepalive, Option<PingPong>)>,
    fate: Rc<Fate>,
}

/// What becomes of a connection.
#[derive(Default)]
struct Fate {
    /// No more requests go out on it.
    retired: Cell<bool>,
    /// It ends now, with whatever is on it.
    cut: Cell<bool>,
    /// Of the task that moves its bytes.
    waker: RefCell<Option<Waker>>,
}

/// The most requests at once on one connection, whatever the upstream allows: the room for what comes in is
/// meant for so many.
const MAX_STREAMS: usize = 100;
/// How much of a response may wait in memory for its client, in bytes.
const STREAM_WINDOW: u32 = 64 * 1024;
/// As much for every request, so that a client that does not read keeps nobody else waiting.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * 100;
/// The largest head of a response, in bytes.
const MAX_HEAD: u32 = 64 * 1024;

impl Line {
    /// Speaks HTTP/2 on `stream`, and returns when the upstream has done so too: a request goes only to an
    /// upstream that is known to understand it.
    ///
    /// # Errors
    /// Of the connection, and when what comes is no HTTP/2.
    pub(super) async fn open(
        stream: Stream,
        idle_timeout: Duration,
        home: Weak<Multiplexed>,
    ) -> io::Result<Rc<Self>> {
        let heard = Rc::new(Cell::new(0));
        let socket = Socket::new(stream, Rc::clone(&heard));
        let handshake = Builder::new()
            .enable_push(false)
            // None until the upstream has said how many it takes.
            .initial_max_send_streams(0)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEAD)
            .handshake(socket);
        let (requests, mut connection) = handshake.await.map_err(broken)?;
        std::future::poll_fn(|context| {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(context) {
                let end = || io::ErrorKind::UnexpectedEof.into();
                return Poll::Ready(Err(ended.map_or_else(broken, |()| end())));
            }
            match requests.current_max_send_streams() {
                0 => Poll::Pending,
                _ => Poll::Ready(Ok(())),
            }
        })
        .await?;
        let now = Instant::now();
        let fate = Rc::new(Fate::default());
        let line = Rc::new(Self {
            requests: RefCell::new(requests),
            in_flight: Cell::new(0),
            used: Cell::new(false),
            doubted: Cell::new(false),
            idle_since: Cell::new(now),
            idle_timeout,
            heard,
            health: RefCell::new((Keepalive::new(now), connection.ping_pong())),
            fate: Rc::clone(&fate),
        });
        tokio::task::spawn_local(drive(connection, fate, home));
        Ok(line)
    }

    /// Takes a place for one more request, if there is one.
    pub(super) fn sit(&self) -> bool {
        let most = self.requests.borrow().current_max_send_streams();
        let free = self.in_flight.get() < most.min(MAX_STREAMS)
            && !self.fate.retired.get()
            && !self.doubted.get();
        if free {
            self.in_flight.set(self.in_flight.get() + 1);
        }
        free
    }

    /// Gives a place back.
    pub(super) fn stand_up(&self) {
        let left = self.in_flight.get().saturating_sub(1);
        self.in_flight.set(left);
        if left == 0 {
            self.idle_since.set(Instant::now());
        }
    }

    /// Sends the head of a request.
    ///
    /// # Errors
    /// When the connection takes no more requests: then nothing was sent.
    pub(super) fn send(
        &self,
        head: Request<()>,
        is_all: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        self.used.set(true);
        // A copy has no request of its own that waits for its turn.
        let mut requests = self.requests.borrow().clone();
        requests.send_request(head, is_all)
    }

    /// Whether it has carried a request.
    pub(super) const fn is_used(&self) -> bool {
        self.used.get()
    }

    /// No more requests go out on it; those that are on it go on.
    pub(super) fn retire(&self) {
        self.fate.retired.set(true);
    }

    /// How much has come on it, in bytes.
    pub(super) fn heard(&self) -> u64 {
        self.heard.get()
    }

    /// Somebody waited in vain for an answer. If nothing at all has come since `heard`, nobody else does
    /// before something has.
    pub(super) fn doubt(&self, heard: u64) {
        if self.heard.get() == heard {
            self.doubted.set(true);
        }
    }

    /// Whether it is of no more use to anybody new.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let idle = now.saturating_duration_since(self.idle_since.get());
        self.fate.retired.get() || (self.in_flight.get() == 0 && idle > self.idle_timeout)
    }

    /// Asks whether the upstream is still there, if there is a doubt, and ends what is dead.
    pub(super) fn look(&self, now: Instant) {
        let heard = self.heard.get();
        let mut health = self.health.borrow_mut();
        let (keepalive, pings) = &mut *health;
        let awaited = self.in_flight.get() > 0;
        match keepalive.look(now, heard, awaited, self.doubted.get()) {
            Verdict::Fine if keepalive.is_asked() => {}
            Verdict::Fine => self.doubted.set(false),
            Verdict::Ask => ask(pings),
            Verdict::Dead => self.cut(),
        }
    }

    /// Ends it, with whatever is on it.
    fn cut(&self) {
        self.fate.retired.set(true);
        self.fate.cut.set(true);
        if let Some(waker) = self.fate.waker.take() {
            waker.wake();
        }
    }
}

/// Sends a PING. That anything comes is answer enough; the library wants its own taken nevertheless.
fn ask(pings: &mut Option<PingPong>) {
    if let Some(pings) = pings {
        let mut context = std::task::Context::from_waker(Waker::noop());
        let _ = pings.poll_pong(&mut context);
        let _ = pings.send_ping(Ping::opaque());
    }
}

/// Moves a connection's bytes until it ends.
async fn drive(mut connection: Connection<Socket>, fate: Rc<Fate>, home: Weak<Multiplexed>) {
    std::future::poll_fn(|context| {
        if fate.cut.get() {
            return Poll::Ready(());
        }
        *fate.waker.borrow_mut() = Some(context.waker().clone());
        Pin::new(&mut connection).poll(context).map(|_| ())
    })
    .await;
    // Every request that is still on it hears of it now.
    drop(connection);
    fate.retired.set(true);
    if let Some(home) = home.upgrade() {
        home.has_changed();
    }
}

/// An error of the library as one of a connection.
pub(super) fn broken(error: h2::Error) -> io::Error {
    if error.is_io() {
        let text = error.to_string();
        return error.into_io().unwrap_or_else(|| io::Error::other(text));
    }
    io::Error::other(error)
}
