//! One request over HTTP/2, on a stream of its own.

use std::{
    cell::Cell,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::SystemTime,
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, DATE, EXPECT, TE, TRANSFER_ENCODING, UPGRADE},
    response::Parts,
};
use http_body::Body as _;

use super::session::Open;
use crate::{
    forward::{ClientBody, Expected, Pace, ResponseBody},
    gateway::{CutOff, Exchange},
    http2::{Received, SendError, Sending},
    server::{client::Client, worker::Shop},
    telemetry::Metrics,
};

/// A client's request, and the way back.
pub(super) type Asked = (Request<RecvStream>, SendResponse<Bytes>);

/// Tells of a panic outside of the gateway's own guard. It ends its stream and nothing else.
struct Witness(Arc<Metrics>);

/// Why an answer has no end.
enum Unsent {
    /// Its body broke off.
    CutOff(CutOff),
    /// The client does not want it any more, or takes nothing.
    Given,
}

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
    let _witness = Witness(Arc::clone(shop.gateway.metrics()));
    if request.headers().values().any(is_padded) {
        return respond.send_reset(Reason::PROTOCOL_ERROR);
    }
    let is_head = request.method() == Method::HEAD;
    let pace = Pace::new(&shop.deadlines, shop.limits.idle_timeout);
    let pace = Rc::new(pace.at_least(shop.limits.body_rate));
    pace.begins();
    let exchange = Exchange {
        peer: &client.peer,
        pace: &pace,
        pool: &shop.pool,
        recent: &shop.recent,
        scheme,
        door: client.door,
    };
    let mut wanted = None;
    let response = {
        let request = arriving(request, &mut wanted);
        let mut handling = pin!(shop.gateway.handle(request, &exchange));
        std::future::poll_fn(|context| {
            if let Poll::Ready(response) = handling.as_mut().poll(context) {
                return Poll::Ready(Some(response));
            }
            if wanted.take_if(|wanted| wanted.get()).is_some() {
                // It fails only where nobody waits for it any more.
                let _ = respond.send_informational(continues());
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
    if is_whole {
        return open.is_done();
    }
    let sending = Sending::new(body, stream, Reason::INTERNAL_ERROR);
    match send(sending, &pace).await {
        Ok(()) => open.is_done(),
        Err(Unsent::CutOff(cut)) => shop.gateway.tell_cut_off(&cut, &client.peer),
        Err(Unsent::Given) => {}
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a request over HTTP/2 has panicked; its stream is reset");
            self.0.panics.inc();
        }
    }
}

/// Whether a value begins or ends with a space, which only HTTP/1 takes away (RFC 9113 §8.2.1).
fn is_padded(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.into_iter()
        .flatten()
        .any(|byte| matches!(byte, b' ' | b'\t'))
}

/// The request as the gateway takes it. If its client waits for a 100, `wanted` says when it is to have one.
fn arriving(
    request: Request<RecvStream>,
    wanted: &mut Option<Rc<Cell<bool>>>,
) -> Request<ClientBody> {
    let length = length(request.headers());
    let waits = request.headers().contains_key(EXPECT);
    request.map(|body| {
        let body = Received::new(body, length);
        if !waits || body.is_end_stream() {
            return ClientBody::Http2(body);
        }
        let wanted = wanted.insert(Rc::default());
        ClientBody::Expected(Box::new(Expected::new(body, Rc::clone(wanted))))
    })
}

fn continues() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::CONTINUE;
    response
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

/// Sends a body.
///
/// # Errors
/// [`Unsent`] when it, the client or the upload that it waits for came to no end.
async fn send(mut sending: Sending<ResponseBody>, pace: &Pace) -> Result<(), Unsent> {
    let mut held = 0;
    let sent = std::future::poll_fn(|context| {
        match Pin::new(&mut sending).poll(context) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(SendError::Body(error))) => return Poll::Ready(Err(Some(error))),
            Poll::Ready(Err(SendError::Reset(_) | SendError::Broken(_))) => {
                return Poll::Ready(Err(None));
            }
            Poll::Pending => {}
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
        Poll::Ready(Err(None))
    })
    .await;
    sent.map_err(|error| match error {
        Some(error) => Unsent::CutOff(CutOff::new(&error, &mut sending.into_body())),
        None => Unsent::Given,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_stream_is_counted_and_its_end_is_not() {
        let metrics = Arc::new(Metrics::default());
        drop(Witness(Arc::clone(&metrics)));
        assert_eq!(metrics.panics.get(), 0);
        let witness = Witness(Arc::clone(&metrics));
        let panics = move || {
            let _witness = witness;
            panic!("this panic is part of the test");
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(metrics.panics.get(), 1);
    }
}
