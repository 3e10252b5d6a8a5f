//! New connections to an upstream.

use std::io;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use super::{Upstream, UpstreamAddress, body::RequestBody, error::ForwardError};
use crate::gather::Gathering;

/// Connects to `upstream`, within its connect time-out. The connection runs on the worker's own thread.
///
/// # Errors
/// [`ForwardError::Connect`] and [`ForwardError::ConnectTimeout`].
pub(super) async fn connect(upstream: &Upstream) -> Result<SendRequest<RequestBody>, ForwardError> {
    tokio::time::timeout(upstream.connect_timeout, open(upstream))
        .await
        .map_err(|_| ForwardError::ConnectTimeout)?
        .map_err(ForwardError::Connect)
}

async fn open(upstream: &Upstream) -> io::Result<SendRequest<RequestBody>> {
    match &upstream.address {
        UpstreamAddress::Http(authority) => {
            let host = authority
                .host()
                .trim_start_matches('[')
                .trim_end_matches(']');
            let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
            stream.set_nodelay(true)?;
            handshake(TokioIo::new(Gathering(stream))).await
        }
        UpstreamAddress::Unix(path) => {
            handshake(TokioIo::new(Gathering(UnixStream::connect(path).await?))).await
        }
    }
}

async fn handshake<S>(stream: TokioIo<S>) -> io::Result<SendRequest<RequestBody>>
where
    TokioIo<S>: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    tokio::task::spawn_local(async move {
        // Whoever waits for a response is told of the error; nobody else needs it.
        let _ = connection.await;
    });
    Ok(sender)
}
