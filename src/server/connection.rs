//! One connection, from its first request to its last response.

use std::{convert::Infallible, pin::Pin, rc::Rc, task::Poll, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Version, header::CONNECTION};
use http_body::Body as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{
    answer::Answer, client::Client, farewell, place::Place, socket::Connected,
    stream::ClientStream, tunnel, worker::Shop,
};
use crate::{
    forward::{ClientBody, ResponseBody, Tunnel},
    gateway::{Code, Exchange, Gateway, request_id},
    telemetry::Closed,
};

/// How long a client may take to read the last that it is told.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// Why a connection that rests does so no more.
enum Call {
    /// There is something to read.
    Readable,
    /// The worker leaves.
    Leaving,
    /// It has rested for too long.
    Expired,
}

/// What comes after a connection was awake.
enum After<S> {
    /// It rests.
    Rest(ClientStream<S>),
    /// It goes on in another protocol.
    Tunnel(ClientStream<S>, Box<Tunnel>),
    /// Nothing.
    End,
}

/// Serves a connection, and returns when it may be closed.
///
/// It begins at rest, and rests again when it has had nothing to do for a while. What it needs to serve
/// requests is in a future of its own, which exists only while it is awake.
pub(super) async fn serve<S: Connected>(stream: S, client: Rc<Client>, place: Place) {
    let mut stream = ClientStream::new(stream, Rc::clone(&client));
    loop {
        match rest(&stream, &client).await {
            Call::Readable => {}
            Call::Leaving => {
                client.closes(Closed::Drain);
                return close(&mut stream, &client).await;
            }
            Call::Expired => return client.expires(),
        }
        let waking = place.wakes(&client);
        match boxed(stream, &client, place.shop()).await {
            After::Rest(rested) => stream = rested,
            After::Tunnel(stream, upstream) => {
                drop(waking);
                let (stream, early) = stream.into_parts();
                // Boxed: every connection would have the room for it.
                let carrying = tunnel::carry(stream, upstream, early, &client, place.shop());
                return Box::pin(carrying).await;
            }
            After::End => return,
        }
        drop(waking);
    }
}

async fn rest<S: Connected>(stream: &ClientStream<S>, client: &Client) -> Call {
    std::future::poll_fn(|context| {
        if client.is_leaving() && !client.is_new() {
            return Poll::Ready(Call::Leaving);
        }
        if stream.poll_readable(context).is_ready() {
            return Poll::Ready(Call::Readable);
        }
        client.poll_expired(context).map(|()| {
            if client.is_leaving() {
                Call::Leaving
            } else {
                Call::Expired
            }
        })
    })
    .await
}

/// Ends a connection on which nothing is going on, and waits for the client's end, but not for long.
async fn close<S: Connected>(stream: &mut ClientStream<S>, client: &Client) {
    std::future::poll_fn(|context| {
        if Pin::new(&mut *stream).poll_shutdown(context).is_ready() {
            return Poll::Ready(());
        }
        client.poll_expired(context)
    })
    .await;
}

/// A function of its own, because a future also has room for those that it boxes itself.
fn boxed<'c, S: Connected>(
    stream: ClientStream<S>,
    client: &'c Rc<Client>,
    shop: &'c Shop,
) -> Pin<Box<impl Future<Output = After<S>> + use<'c, S>>> {
    Box::pin(be_awake(stream, client, shop))
}

/// Serves requests until the connection ends, or rests: then its stream comes back.
async fn be_awake<S: Connected>(
    stream: ClientStream<S>,
    client: &Rc<Client>,
    shop: &Shop,
) -> After<S> {
    let service = service_fn(|request: Request<Incoming>| {
        // Now and not when the answer is first polled: bytes that come until then are behind it.
        client.begins();
        answer(request.map(ClientBody::Http1), S::SCHEME, client, shop)
    });
    let mut connection = shop.http.serve_connection(TokioIo::new(stream), service);
    let mut told = false;
    let (mut rests, mut good) = (false, false);
    std::future::poll_fn(|context| {
        if let Poll::Ready(outcome) = Pin::new(&mut connection).poll(context) {
            good = outcome.is_ok();
            return Poll::Ready(());
        }
        // After it has read: told before its first request, the library would close at once.
        if client.is_leaving() && !client.is_new() && !std::mem::replace(&mut told, true) {
            Pin::new(&mut connection).graceful_shutdown();
            if Pin::new(&mut connection).poll(context).is_ready() {
                return Poll::Ready(());
            }
        }
        rests = client.rests();
        if rests {
            return Poll::Ready(());
        }
        client.poll_expired(context).map(|()| client.expires())
    })
    .await;
    if told {
        client.closes(Closed::Drain);
    }
    if rests {
        let parts = connection.into_parts();
        // There are none when it rests. If there were, what they begin would be lost.
        return match parts.read_buf.is_empty() {
            true => After::Rest(parts.io.into_inner()),
            false => After::End,
        };
    }
    if let Some(tunnel) = client.switch.take_tunnel().filter(|_| good) {
        // The library has written the 101 and is done. It has read nothing behind the request.
        return After::Tunnel(connection.into_parts().io.into_inner(), tunnel);
    }
    if let Some(cut) = client.take_cut_off() {
        shop.gateway.tell_cut_off(&cut, &client.peer);
        if client.is_without_framing() {
            connection.into_parts().io.inner().breaks();
        }
        return After::End;
    }
    if let Some(code) = client.take_farewell() {
        let mut stream = connection.into_parts().io.into_inner();
        say_farewell(&mut stream, code, client, &shop.gateway).await;
    }
    After::End
}

/// Tells the client `code`, and gives it a moment to read that before the connection is closed.
pub(super) async fn say_farewell<S>(
    stream: &mut ClientStream<S>,
    code: Code,
    client: &Client,
    gateway: &Gateway,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let id = request_id::new();
    gateway.refuse_unread(code, &id, &client.peer);
    let response = farewell::response(code, &id);
    let telling = async {
        stream.write_all(&response).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(FAREWELL, telling).await;
}

async fn answer(
    request: Request<ClientBody>,
    scheme: &'static str,
    client: &Rc<Client>,
    shop: &Shop,
) -> Result<http::Response<Answer>, Infallible> {
    let exchange = Exchange {
        peer: &client.peer,
        pace: &client.pace,
        pool: &shop.pool,
        recent: &shop.recent,
        scheme,
        door: client.door,
    };
    // Whoever asks for a tunnel may go on as if there were one.
    let tunnel = request.method() == Method::CONNECT;
    let is_old = request.version() == Version::HTTP_10;
    let response = shop.gateway.handle(request, &exchange).await;
    let (mut head, body) = response.into_parts();
    if let Some(code) = head.extensions.get::<Code>() {
        client.closes_with(*code);
    }
    let body = match body {
        ResponseBody::Tunnel(tunnel) => {
            client.switch.happens(tunnel);
            let empty = Answer::new(ResponseBody::Own(Bytes::new()), Rc::clone(client));
            return Ok(http::Response::from_parts(head, empty));
        }
        body => body,
    };
    client.stays();
    // Chunks are nothing to an old client, whose body then ends with the connection.
    client.frames(!is_old || body.size_hint().exact().is_some());
    if tunnel || client.is_last(shop.deadlines.now()) {
        head.headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(http::Response::from_parts(
        head,
        Answer::new(body, Rc::clone(client)),
    ))
}
