//! The way to the upstream: headers, target, connections, bodies.

use std::{io, rc::Rc, task::Poll};

use http::{
    HeaderValue, Method, Response, StatusCode, Version,
    header::{CONNECTION, TRAILER},
    request::Parts,
};

mod attempt;
pub mod balance;
pub mod body;
pub mod client_body;
mod compose;
mod connect;
mod credential;
mod decode;
pub mod error;
mod exchange;
mod fields;
mod grpc_timeout;
pub mod h2;
pub mod headers;
pub mod hop;
mod label;
mod logged;
mod output;
pub mod pace;
mod pool;
mod reply;
mod spread;
pub mod trailers;
mod tunnel;
pub mod upgrade;
mod upload;
pub mod upstream;
mod wire;
mod with_trailers;

pub use body::{BodyError, RequestBody, ResponseBody};
pub use client_body::{ClientBody, Expected};
pub use credential::{Credential, forward_with};
pub use error::ForwardError;
pub use exchange::{Exchange, ResponseError};
pub use hop::{Hop, Peer};
pub use label::Label;
pub use logged::Logged;
pub use pace::Pace;
pub use pool::Pool;
pub use reply::BadReply;
pub use tunnel::Tunnel;
pub use upgrade::Upgrade;
pub use upstream::{Protocol, Upstream, UpstreamAddress};
pub use with_trailers::WithTrailers;

use attempt::Failure;
use balance::Endpoint;
use compose::Composition;
use decode::Decoder;
use pool::{Lanes, Lease};
use reply::Reply;
use wire::Look;

use crate::{access_log::Entry, authz::Permit, clock::Clock};

/// Everything about the way but the request itself.
pub struct Way<'w> {
    /// Where it leads.
    pub upstream: &'w Upstream,
    /// This worker's connections to it.
    pub lanes: &'w Rc<Lanes>,
    /// The deadlines of this exchange.
    pub pace: &'w Rc<Pace>,
    /// The protocol that the request asks for, where its route lets it.
    pub upgrade: Option<&'w Upgrade>,
    /// The time, for who is left alone for a while.
    pub clock: &'w Clock,
    /// The request's line in the access log.
    pub entry: Option<&'w Entry>,
}

impl Way<'_> {
    /// Tells where the request goes.
    fn tells(&self, endpoint: &Endpoint) {
        if let Some(entry) = self.entry {
            entry.goes_to(&endpoint.place);
        }
    }
}

/// Forwards a permitted request. This is the only way to an upstream, and it takes a [`Permit`].
///
/// # Errors
/// [`ForwardError`] when there is no response.
pub async fn forward(
    permit: Permit,
    body: RequestBody,
    hop: &Hop<'_>,
    way: &Way<'_>,
) -> Result<Response<ResponseBody>, ForwardError> {
    let (head, route, principal) = permit.into_parts();
    let composition = Composition {
        head: &head,
        identity: principal.as_ref().map(|principal| principal.headers()),
        upstream: way.upstream,
        hop,
        one_method: route.methods.is_some(),
        upgrade: way.upgrade,
        token_header: route.token.header.as_ref(),
        credential: None,
    };
    attempt(&composition, body, way).await
}

/// Sends what `composition` says to the upstream.
async fn attempt(
    composition: &Composition<'_>,
    body: RequestBody,
    way: &Way<'_>,
) -> Result<Response<ResponseBody>, ForwardError> {
    let Some(connections) = way.lanes.only() else {
        // Boxed: a request to the only address of its upstream would carry the room for the choice.
        return Box::pin(spread::spread(composition, body, way)).await;
    };
    way.tells(connections.endpoint());
    if way.upstream.protocol == Protocol::Http2 {
        // Boxed: a request that goes another way would carry the room for it.
        return Box::pin(h2::forward(composition, body, connections, way)).await;
    }
    let look = look(&body, composition);
    let lease = match connections.lease(way.upstream, look).await {
        Ok(lease) => lease,
        Err(error) => {
            connections.judge(&error, way.clock);
            return Err(error);
        }
    };
    let again = body
        .again()
        .filter(|_| lease.reused && can_be_repeated(composition.head));
    let sent = match send(composition, body, lease, way).await {
        Err(Failure {
            error: ForwardError::Closed(_),
            unanswered: true,
        }) if let Some(body) = again => {
            // Boxed: it is rare, and every request would carry the room for it.
            let again = Box::pin(async {
                let lease = connections.new_lease(way.upstream).await?;
                send(composition, body, lease, way).await
            });
            again.await
        }
        sent => sent,
    };
    connections.judge(&sent, way.clock);
    sent.map_err(|failure| failure.error)
}

/// Whether a request may be sent once more on a new connection, when the one that it was sent on
/// turned out to be closed: an upstream may close an unused connection at any time (RFC 9110 §9.2.2).
fn can_be_repeated(head: &Parts) -> bool {
    head.method.is_idempotent() && head.method != Method::CONNECT
}

/// How closely a connection is looked at before it carries this request: one that cannot be sent once more is
/// lost on a connection that was closed.
fn look(body: &RequestBody, composition: &Composition<'_>) -> Look {
    match body.has_another() && can_be_repeated(composition.head) {
        true => Look::Told,
        false => Look::Socket,
    }
}

async fn send(
    composition: &Composition<'_>,
    body: RequestBody,
    mut lease: Lease,
    way: &Way<'_>,
) -> Result<Response<ResponseBody>, Failure> {
    let Some((wire, server)) = lease.wire_of() else {
        let error = ForwardError::Closed(io::ErrorKind::NotConnected.into());
        return Err(Failure {
            error,
            unanswered: true,
        });
    };
    let coding = composition.write(&mut wire.output.head, server, &body);
    let mut exchange = Box::new(Exchange::new(
        lease,
        body,
        coding,
        way.upstream,
        Rc::clone(way.pace),
    ));
    way.pace.goes_out(way.upstream.response_timeout);
    let reply = std::future::poll_fn(|context| {
        if let ready @ Poll::Ready(_) =
            exchange.poll_reply(context, &composition.head.method, way.upgrade)
        {
            return ready;
        }
        if way.pace.upload.poll(context).is_ready() {
            return Poll::Ready(Err(ForwardError::Body(BodyError::Stalled)));
        }
        way.pace
            .upstream
            .poll(context)
            .map(|()| Err(ForwardError::ResponseTimeout))
    })
    .await;
    way.pace.upstream.clear();
    match reply {
        Ok(reply) => Ok(respond(reply, exchange, composition)),
        Err(error) => Err(Failure {
            error,
            unanswered: exchange.is_unanswered(),
        }),
    }
}

fn respond(
    mut reply: Reply,
    mut exchange: Box<Exchange>,
    composition: &Composition<'_>,
) -> Response<ResponseBody> {
    if reply.status == StatusCode::SWITCHING_PROTOCOLS {
        return switch(reply, *exchange);
    }
    match reply.body {
        Some(Decoder::Chunked(_)) => {
            exchange.takes_trailers(trailers::prepare(&mut reply.headers, composition));
        }
        // Nothing can follow a body that comes in no chunks.
        _ if reply.announces => {
            reply.headers.remove(TRAILER);
        }
        _ => {}
    }
    exchange.begins_body();
    let mut response = Response::new(ResponseBody::Upstream(exchange));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    *response.version_mut() = Version::HTTP_11;
    response
}

/// A 101 that was asked for: its head is answered like any other, and the connection is not HTTP any more.
fn switch(reply: Reply, exchange: Exchange) -> Response<ResponseBody> {
    let tunnel = Box::new(exchange.into_tunnel());
    let mut response = Response::new(ResponseBody::Tunnel(tunnel));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    let upgrade = HeaderValue::from_static("upgrade");
    response.headers_mut().insert(CONNECTION, upgrade);
    response
}
