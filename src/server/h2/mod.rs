//! HTTP/2 towards clients (RFC 9113): one task for a connection, and one for each of its requests.

mod frames;
mod request;
mod session;
mod watched;

use std::{
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{Reason, server};

pub(super) use frames::PREFACE;
use request::Asked;
use session::Session;
use watched::Watched;

use super::{client::Client, place::Place, socket::Connected};
use crate::{limits::Limits, telemetry::Closed};

/// How many times the window of one request a connection's window is: some requests may be stuck, and
/// the others go on.
const SHARES: u32 = 8;

/// How many streams `h2` may reset because of what the client did, in the whole life of a connection:
/// whoever provokes them makes the gateway begin what nobody waits for.
const PROVOKED_RESETS: usize = 200;

/// How many streams may be reset before the gateway has so much as looked at them.
const UNSEEN_RESETS: usize = 20;

/// What `h2` adds to each field when it counts their size (RFC 9113 §6.5.2).
const FIELD_OVERHEAD: usize = 32;

/// A connection that is awake.
struct Serving<'s, S> {
    connection: server::Connection<Watched<S>, Bytes>,
    session: Rc<Session>,
    place: &'s Place,
    /// How many requests there were when the client was told to go.
    told: Option<u64>,
    is_broken: bool,
}

/// Serves a connection whose preface comes next, and returns when it may be closed.
pub(super) async fn serve<S: Connected>(stream: S, client: Rc<Client>, place: Place) {
    let shop = place.shop();
    let session = Rc::new(Session::new(Rc::clone(&client), &shop.deadlines));
    let watched = Watched::new(stream, Rc::clone(&session));
    let mut handshake = pin!(builder(&shop.limits).handshake(watched));
    let connection = std::future::poll_fn(|context| {
        if let Poll::Ready(done) = handshake.as_mut().poll(context) {
            return Poll::Ready(done.map_err(|error| client.closes(reason(&error))).ok());
        }
        if session.poll_stuck(context).is_ready() {
            client.closes(Closed::SlowReader);
            return Poll::Ready(None);
        }
        // When the worker leaves, it has a moment.
        session.poll_idle(context).map(|()| {
            client.expires();
            None
        })
    })
    .await;
    let Some(connection) = connection else {
        return;
    };
    let mut serving = Serving {
        connection,
        session,
        place: &place,
        told: None,
        is_broken: false,
    };
    let mut waking = None;
    std::future::poll_fn(|context| {
        let polled = serving.poll(context);
        if client.is_busy() {
            waking.get_or_insert_with(|| place.wakes(&client));
        } else if client.is_tired() {
            waking = None;
        }
        polled
    })
    .await;
}

fn builder(limits: &Limits) -> server::Builder {
    let names = FIELD_OVERHEAD * (limits.header_fields + 8);
    // Twice what is let through, so that the gateway itself can say what is wrong.
    let list = 2 * (limits.header_bytes + limits.request_line_bytes + names);
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(limits.http2_streams)
        .initial_window_size(limits.http2_window)
        .initial_connection_window_size(limits.http2_window.saturating_mul(SHARES))
        .max_send_buffer_size(limits.http2_window as usize)
        .max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(Some(PROVOKED_RESETS));
    builder
}

/// Why a connection ends with this error.
fn reason(error: &h2::Error) -> Closed {
    match error.reason() {
        // Of the client itself, or of the network.
        _ if !error.is_library() => Closed::Client,
        Some(Reason::ENHANCE_YOUR_CALM) => Closed::Flood,
        _ => Closed::Malformed,
    }
}

impl<S: Connected> Serving<'_, S> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            self.say_goodbye();
            let Poll::Ready(accepted) = pin!(self.connection.accept()).poll(context) else {
                if self.session.is_flooded() && !self.is_broken {
                    continue;
                }
                break;
            };
            match accepted {
                Some(Ok(asked)) => self.open(asked),
                Some(Err(error)) => {
                    self.session.client.closes(reason(&error));
                    return Poll::Ready(());
                }
                None => return Poll::Ready(()),
            }
        }
        let client = &self.session.client;
        if self.session.poll_stuck(context).is_ready() {
            client.closes(Closed::SlowReader);
            return Poll::Ready(());
        }
        if self.session.poll_block(context).is_ready() {
            client.closes(Closed::HeaderTimeout);
            self.session.breaks();
            context.waker().wake_by_ref();
        }
        if self.session.poll_idle(context).is_ready() {
            if self.told.is_some() || self.is_broken {
                return Poll::Ready(());
            }
            if self.session.is_in_block() {
                self.session.stays();
            } else {
                client.expires();
                self.end();
            }
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Tells the client to go, if it is time for that.
    fn say_goodbye(&mut self) {
        let client = &self.session.client;
        if let Some(told) = self.told {
            // It has not heard it yet, or does not listen.
            let more = client.requests().saturating_sub(told);
            if more > u64::from(client.limits.http2_streams) && !self.session.is_flooded() {
                self.session.breaks();
            }
        } else if client.is_last(self.place.shop().deadlines.now()) {
            self.end();
        }
        if self.session.is_flooded() && !self.is_broken {
            self.is_broken = true;
            self.session.client.closes(Closed::Flood);
            self.session.breaks();
            self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        }
    }

    fn end(&mut self) {
        self.told = Some(self.session.client.requests());
        self.connection.graceful_shutdown();
        self.session.ends();
    }

    fn open(&self, asked: Asked) {
        let open = self.session.opens();
        let client = Rc::clone(&self.session.client);
        let shop = Rc::clone(self.place.shop());
        tokio::task::spawn_local(request::answer(asked, S::SCHEME, client, shop, open));
    }
}
