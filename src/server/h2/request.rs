//! One request over HTTP/2, on a stream of its own.

use std::{
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::SystemTime,
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, DATE, TE, TRANSFER_ENCODING, UPGRADE},
    response::Parts,
};
use http_body::Body as _;

use super::session::Open;
use crate::{
    forward::{ClientBody, Pace, ResponseBody},
    gateway::Exchange,
    http2::{Received, Sending},
    server::{client::Client, worker::Shop},
};

/// A client's request, and the way back.
pub(super) type Asked = (Request<RecvStream>, SendResponse<Bytes>);

/// Fields that belong to a connection of HTTP/1 (RFC 9113 §8.2.2).
const OF_THE_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Answers a request.
pub(super) async fn answer(
    (request, mut respond): Asked,
    scheme: &'static str,
    client: Rc<Client>,
    shop: Rc<Shop>,
    open: Open,
) {
    if request.headers().values().any(is_padded) {
        return respond.send_reset(Reason::PROTOCOL_ERROR);
    }
    let is_head = request.method() == Method::HEAD;
    let pace = Rc::new(Pace::new(&shop.deadlines, shop.limits.idle_timeout));
    pace.begins();
    let exchange = Exchange {
        peer: &client.peer,
        pace: &pace,
        pool: &shop.pool,
        recent: &shop.recent,
        scheme,
    };
    let response = {
        let mut handling = pin!(shop.gateway.handle(arriving(request), &exchange));
        std::future::poll_fn(|context| {
            if let Poll::Ready(response) = handling.as_mut().poll(context) {
                return Poll::Ready(Some(response));
            }
            // Nobody waits for it any more.
            respond.poll_reset(context).map(|_| None)
        })
        .await
    };
    let Some(response) = response else {
        return;
    };
    pace.answers();
    let (mut head, body) = response.into_parts();
    let is_whole = is_head || has_no_body(head.status) || body.is_end_stream();
    settle(&mut head, &body, is_head);
    let Ok(stream) = respond.send_response(Response::from_parts(head, ()), is_whole) else {
        return;
    };
    if !is_whole && !send(Sending::new(body, stream, Reason::INTERNAL_ERROR), &pace).await {
        return;
    }
    open.is_done();
}

/// Whether a value begins or ends with a space, which only HTTP/1 takes away (RFC 9113 §8.2.1).
fn is_padded(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.into_iter()
        .flatten()
        .any(|byte| matches!(byte, b' ' | b'\t'))
}

fn arriving(request: Request<RecvStream>) -> Request<ClientBody> {
    let length = length(request.headers());
    request.map(|body| ClientBody::Http2(Received::new(body, length)))
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// What HTTP/1 says of the connection goes, and what its library would add comes.
fn settle(head: &mut Parts, body: &ResponseBody, is_head: bool) {
    for name in OF_THE_CONNECTION {
        head.headers.remove(name);
    }
    if !is_head
        && !has_no_body(head.status)
        && let Some(length) = body.size_hint().exact()
    {
        let entry = head.headers.entry(CONTENT_LENGTH);
        entry.or_insert_with(|| HeaderValue::from(length));
    }
    if !head.headers.contains_key(DATE)
        && let Ok(now) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now()))
    {
        head.headers.insert(DATE, now);
    }
}

/// Sends a body; false when it, the client or the upload that it waits for came to no end.
async fn send(mut sending: Sending<ResponseBody>, pace: &Pace) -> bool {
    let mut held = 0;
    std::future::poll_fn(|context| {
        if let Poll::Ready(sent) = Pin::new(&mut sending).poll(context) {
            return Poll::Ready(sent.is_ok());
        }
        let moves = std::mem::replace(&mut held, sending.held()) != sending.held();
        if !sending.awaits_room() {
            pace.client.clear();
        } else if moves {
            pace.awaits_room();
        }
        // The client makes no room for the answer, or sends no more of its request.
        let client = pace.client.poll(context);
        if client.is_pending() && pace.upload.poll(context).is_pending() {
            return Poll::Pending;
        }
        sending.reset(Reason::CANCEL);
        Poll::Ready(false)
    })
    .await
}
