//! The way to the upstream: headers, target, connections, bodies.

use std::{future::Future, rc::Rc};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING, VIA},
    request::Parts,
    uri::PathAndQuery,
};
use http_body::Body as _;
use hyper::body::Incoming;

pub mod body;
mod connect;
pub mod error;
pub mod headers;
pub mod hop;
pub mod pace;
mod pool;
pub mod upstream;

pub use body::{BodyError, RequestBody, ResponseBody};
pub use error::ForwardError;
pub use hop::{Hop, Peer};
pub use pace::Pace;
pub use pool::Pool;
pub use upstream::{Upstream, UpstreamAddress};

use pool::{Connections, Lease};

use crate::authz::Permit;

/// Everything about the way but the request itself.
pub struct Way<'w> {
    /// Where it leads.
    pub upstream: &'w Upstream,
    /// This worker's connections to it.
    pub connections: &'w Rc<Connections>,
    /// The deadlines of this exchange.
    pub pace: &'w Pace,
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
    let (mut head, route, principal) = permit.into_parts();
    prepare(&mut head, way.upstream, hop, &body, route.methods.is_some())?;
    for (name, value) in principal
        .iter()
        .flat_map(|principal| principal.headers().iter())
    {
        head.headers.insert(name.clone(), value.clone());
    }
    send(head, body, way).await
}

/// Sends a request whose head is ready ([`prepare`]) and returns the response when its head is there.
///
/// A connection that the upstream closed while nobody used it is no failure: nothing was sent on it,
/// and the request goes out on a new one.
///
/// # Errors
/// [`ForwardError`].
async fn send(
    head: Parts,
    body: RequestBody,
    way: &Way<'_>,
) -> Result<Response<ResponseBody>, ForwardError> {
    let mut request = Request::from_parts(head, body);
    let mut lease = way.connections.lease(way.upstream).await?;
    loop {
        way.pace.goes_out(way.upstream.response_timeout);
        let Some(sender) = lease.sender() else {
            return Err(ForwardError::ConnectTimeout);
        };
        let sent = in_time(sender.try_send_request(request), way.pace).await;
        way.pace.upstream.clear();
        match sent? {
            Ok(response) => return receive(response, lease),
            Err(mut error) => match error.take_message() {
                Some(unsent) if lease.reused => {
                    request = unsent;
                    lease = way.connections.new_lease(way.upstream).await?;
                }
                _ => return Err(ForwardError::from_send(error.into_error())),
            },
        }
    }
}

/// How many fields the gateway sets at most: identity, hop and framing.
const SET_FIELDS: usize = 16;

const OUR_VIA: HeaderValue = HeaderValue::from_static("1.1 portcullis");

/// Makes the head of a permitted request ready for its upstream.
///
/// # Errors
/// [`ForwardError::Target`].
fn prepare(
    head: &mut Parts,
    upstream: &Upstream,
    hop: &Hop<'_>,
    body: &RequestBody,
    one_method: bool,
) -> Result<(), ForwardError> {
    head.uri = target(&head.uri, &upstream.base_path)?;
    head.version = Version::HTTP_11;
    let fields = &mut head.headers;
    let client_host = fields.get(HOST).cloned();
    headers::clean_request(fields, hop.trusted, one_method);
    // What follows is set in one go, and a map that grows by and by is built again and again.
    fields.reserve(SET_FIELDS);
    set_framing(fields, body);
    hop.set(fields, client_host.as_ref());
    fields.append(VIA, OUR_VIA);
    if !upstream.preserve_host || client_host.is_none() {
        fields.insert(HOST, upstream.host.clone());
    } else if let Some(host) = client_host {
        fields.insert(HOST, host);
    }
    Ok(())
}

/// Waits for the response as long as the deadlines allow.
async fn in_time<T>(sending: impl Future<Output = T>, pace: &Pace) -> Result<T, ForwardError> {
    let mut sending = std::pin::pin!(sending);
    std::future::poll_fn(|context| {
        if let ready @ std::task::Poll::Ready(_) = sending.as_mut().poll(context) {
            return ready.map(Ok);
        }
        if pace.upload.poll(context).is_ready() {
            return std::task::Poll::Ready(Err(ForwardError::Body(BodyError::Stalled)));
        }
        pace.upstream
            .poll(context)
            .map(|()| Err(ForwardError::ResponseTimeout))
    })
    .await
}

fn receive(
    response: Response<Incoming>,
    mut lease: Lease,
) -> Result<Response<ResponseBody>, ForwardError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ForwardError::SwitchedProtocols);
    }
    let (mut head, body) = response.into_parts();
    if head.headers.contains_key(TRANSFER_ENCODING) {
        // A length beside chunks is not the length of anything (RFC 9112 §6.3).
        head.headers.remove(CONTENT_LENGTH);
    }
    headers::clean_response(&mut head.headers);
    head.version = Version::HTTP_11;
    if body.is_end_stream() {
        lease.give_back();
    }
    Ok(Response::from_parts(
        head,
        ResponseBody::Upstream(body, lease),
    ))
}

/// Path and query, behind the upstream's base path.
fn target(uri: &Uri, base: &str) -> Result<Uri, ForwardError> {
    let asked = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if base.is_empty() && uri.authority().is_none() {
        return Ok(uri.clone());
    }
    Ok(Uri::builder()
        .path_and_query(format!("{base}{asked}"))
        .build()?)
}

/// One framing and no other: a plain length, or chunks.
fn set_framing(fields: &mut HeaderMap, body: &RequestBody) {
    const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");
    if body.is_chunked() {
        fields.remove(CONTENT_LENGTH);
        fields.insert(TRANSFER_ENCODING, CHUNKED);
        return;
    }
    if let Some(length) = fields.get(CONTENT_LENGTH) {
        let exact = HeaderValue::from(body.size_hint().exact().unwrap_or(0));
        if *length != exact {
            fields.insert(CONTENT_LENGTH, exact);
        }
    }
}
