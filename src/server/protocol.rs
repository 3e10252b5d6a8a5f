//! Which version of HTTP a client speaks: HTTP/2 begins with a preface that is no request of HTTP/1
//! (RFC 9113 §3.4).

use std::{pin::Pin, rc::Rc, task::Poll};

use tokio::io::ReadBuf;

use super::{
    begun::Begun,
    client::Client,
    connection,
    h2::{self, PREFACE},
    place::Place,
    socket::Connected,
};

/// Serves a connection without TLS, and returns when it may be closed.
pub(super) async fn serve<S: Connected>(stream: S, client: Rc<Client>, place: Place) {
    if place.shop().http2_cleartext {
        return either(stream, client, place).await;
    }
    connection::serve(stream, client, place).await;
}

/// Serves a connection that may begin with HTTP/2 at once. A function of its own, because a future also has
/// room for those that it boxes itself.
pub(super) fn either<S: Connected>(
    stream: S,
    client: Rc<Client>,
    place: Place,
) -> Pin<Box<impl Future<Output = ()>>> {
    Box::pin(async move {
        let mut stream = stream;
        let Some(begun) = begin(&mut stream, &client).await else {
            return;
        };
        let is_http2 = begun == PREFACE;
        let stream = Begun::new(begun, stream);
        if is_http2 {
            h2::serve(stream, client, place).await;
        } else {
            connection::serve(stream, client, place).await;
        }
    })
}

/// Reads until it is clear whether the preface comes. `None` when the client says nothing, or the worker
/// leaves.
async fn begin<S: Connected>(stream: &mut S, client: &Client) -> Option<Vec<u8>> {
    let mut begun = Vec::with_capacity(PREFACE.len());
    while begun.len() < PREFACE.len() && PREFACE.starts_with(&begun) {
        let mut space = [0; PREFACE.len()];
        let rest = space.get_mut(begun.len()..)?;
        let mut buffer = ReadBuf::new(rest);
        let read = std::future::poll_fn(|context| {
            // When the worker leaves, it has a moment.
            if client.poll_expired(context).is_ready() {
                client.expires();
                return Poll::Ready(false);
            }
            Pin::new(&mut *stream)
                .poll_read(context, &mut buffer)
                .map(|read| read.is_ok())
        });
        if !read.await || buffer.filled().is_empty() {
            return None;
        }
        begun.extend_from_slice(buffer.filled());
    }
    Some(begun)
}
