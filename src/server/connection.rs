//! One connection, from its first request to its last response.

use std::{convert::Infallible, pin::Pin, rc::Rc, task::Poll, time::Duration};

use http::{HeaderValue, Method, Request, header::CONNECTION};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{
    accept::Place, answer::Answer, client::Client, farewell, stream::ClientStream, worker::Shop,
};
use crate::gateway::{Code, Exchange, Gateway, request_id};

/// How long a client may take to read the last that it is told.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// Serves a connection, and returns when it may be closed.
pub(super) async fn serve<S>(stream: S, client: Rc<Client>, place: Place)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let shop = Rc::clone(&place.shop);
    let stream = ClientStream::new(stream, Rc::clone(&client));
    let service = service_fn(|request: Request<Incoming>| {
        // Now and not when the answer is first polled: bytes that come until then are behind it.
        client.begins();
        answer(request, &client, &shop)
    });
    let mut connection = shop.http.serve_connection(TokioIo::new(stream), service);
    let mut told = false;
    std::future::poll_fn(|context| {
        if client.is_leaving() && !std::mem::replace(&mut told, true) {
            Pin::new(&mut connection).graceful_shutdown();
        }
        if Pin::new(&mut connection).poll(context).is_ready() {
            return Poll::Ready(());
        }
        client.poll_expired(context)
    })
    .await;
    if let Some(code) = client.take_farewell() {
        let mut stream = connection.into_parts().io.into_inner();
        say_farewell(&mut stream, code, &client, &shop.gateway).await;
    }
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
    request: Request<Incoming>,
    client: &Rc<Client>,
    shop: &Shop,
) -> Result<http::Response<Answer>, Infallible> {
    let exchange = Exchange {
        peer: &client.peer,
        pace: &client.pace,
        pool: &shop.pool,
        recent: &shop.recent,
        scheme: "http",
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
