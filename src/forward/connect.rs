//! New connections to an upstream.

use std::{io, time::Duration};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, UnixStream},
    task::AbortHandle,
};

use super::{Upstream, UpstreamAddress, body::RequestBody, error::ForwardError};
use crate::gather::Gathering;

/// A connection to an upstream: what sends on it, and what runs it.
pub(super) struct Connection {
    /// Sends requests.
    pub(super) sender: SendRequest<RequestBody>,
    running: Running,
}

/// The task that runs a connection; it ends when this is dropped. Without that, a connection whose
/// upstream does not read would wait for ever to write the rest, long after everybody has given up.
struct Running(AbortHandle);

/// How much of a response is held for a client that reads slowly; a response's head is no larger.
const BUFFER: usize = 64 * 1024;

impl Connection {
    /// Lets it finish what it does, for `time` at most, and then end.
    pub(super) fn finish(self, time: Duration) {
        let Self { sender, running } = self;
        drop(sender);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(time).await;
            drop(running);
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects to `upstream`, within its connect time-out. The connection runs on the worker's own thread.
///
/// # Errors
/// [`ForwardError::Connect`] and [`ForwardError::ConnectTimeout`].
pub(super) async fn connect(upstream: &Upstream) -> Result<Connection, ForwardError> {
    tokio::time::timeout(upstream.connect_timeout, open(upstream))
        .await
        .map_err(|_| ForwardError::ConnectTimeout)?
        .map_err(ForwardError::Connect)
}

async fn open(upstream: &Upstream) -> io::Result<Connection> {
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

async fn handshake<S>(stream: TokioIo<S>) -> io::Result<Connection>
where
    TokioIo<S>: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER)
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    let task = tokio::task::spawn_local(async move {
        // Whoever waits for a response is told of the error; nobody else needs it.
        let _ = connection.await;
    });
    let running = Running(task.abort_handle());
    Ok(Connection { sender, running })
}
