//! One connection, from its first request to its last response.

use std::{convert::Infallible, pin::Pin, rc::Rc, task::Poll, time::Duration};

use http::{HeaderValue, Method, Request, header::CONNECTION};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{
    answer::Answer, client::Client, farewell, place::Place, socket::Connected,
    stream::ClientStream, worker::Shop,
};
use crate::{
    forward::ClientBody,
    gateway::{Code, Exchange, Gateway, request_id},
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

/// Serves a connection, and returns when it may be closed.
///
/// It begins at rest, and rests again when it has had nothing to do for a while. What it needs to serve
/// requests is in a future of its own, which exists only while it is awake.
pub(super) async fn serve<S: Connected>(stream: S, client: Rc<Client>, place: Place) {
    let mut stream = ClientStream::new(stream, Rc::clone(&client));
    loop {
        match rest(&stream, &client).await {
            Call::Readable => {}
            Call::Leaving => return close(&mut stream, &client).await,
            Call::Expired => return,
        }
        let waking = place.wakes(&client);
        match boxed(stream, &client, place.shop()).await {
            Some(rested) => stream = rested,
            None => return,
        }
        drop(waking);
    }
}

async fn rest<S: Connected>(stream: &ClientStream<S>, client: &Client) -> Call {
    std::future::poll_fn(|context| {
        if client.is_leaving() {
            return Poll::Ready(Call::Leaving);
        }
        if stream.poll_readable(context).is_ready() {
            return Poll::Ready(Call::Readable);
        }
        client.poll_expired(context).map(|()| Call::Expired)
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
) -> Pin<Box<impl Future<Output = Option<ClientStream<S>>> + use<'c, S>>> {
    Box::pin(be_awake(stream, client, shop))
}

/// Serves requests until the connection ends, or rests: then its stream comes back.
async fn be_awake<S: Connected>(
    stream: ClientStream<S>,
    client: &Rc<Client>,
    shop: &Shop,
) -> Option<ClientStream<S>> {
    let service = service_fn(|request: Request<Incoming>| {
        // Now and not when the answer is first polled: bytes that come until then are behind it.
        client.begins();
        answer(request.map(ClientBody::Http1), S::SCHEME, client, shop)
    });
    let mut connection = shop.http.serve_connection(TokioIo::new(stream), service);
    let mut told = false;
    let mut rests = false;
    std::future::poll_fn(|context| {
        if client.is_leaving() && !std::mem::replace(&mut told, true) {
            Pin::new(&mut connection).graceful_shutdown();
        }
        if Pin::new(&mut connection).poll(context).is_ready() {
            return Poll::Ready(());
        }
        rests = client.rests();
        if rests {
            return Poll::Ready(());
        }
        client.poll_expired(context)
    })
    .await;
    if rests {
        let parts = connection.into_parts();
        // There are none when it rests. If there were, what they begin would be lost.
        return parts.read_buf.is_empty().then(|| parts.io.into_inner());
    }
    if let Some(code) = client.take_farewell() {
        let mut stream = connection.into_parts().io.into_inner();
        say_farewell(&mut stream, code, client, &shop.gateway).await;
    }
    None
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
    };
    // Whoever asks for a tunnel may go on as if there were one.
    let tunnel = request.method() == Method::CONNECT;
    let response = shop.gateway.handle(request, &exchange).await;
    let (mut head, body) = response.into_parts();
    if tunnel || client.is_last(shop.deadlines.now()) {
        head.headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(http::Response::from_parts(
        head,
        Answer::new(body, Rc::clone(client)),
    ))
}
