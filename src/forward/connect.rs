//! New connections to an upstream.

use std::io;

use tokio::net::{TcpStream, UnixStream};

use super::{
    Upstream, UpstreamAddress,
    error::ForwardError,
    wire::{Stream, Wire},
};

/// Connects to `upstream`, within its connect time-out.
///
/// # Errors
/// [`ForwardError::Connect`] and [`ForwardError::ConnectTimeout`].
pub(super) async fn connect(upstream: &Upstream) -> Result<Wire, ForwardError> {
    let stream = tokio::time::timeout(upstream.connect_timeout, open(upstream))
        .await
        .map_err(|_| ForwardError::ConnectTimeout)?;
    stream.map(Wire::new).map_err(ForwardError::Connect)
}

/// Connects to `upstream`, however long that takes.
///
/// # Errors
/// Whatever the system says.
pub(super) async fn open(upstream: &Upstream) -> io::Result<Stream> {
    Ok(match &upstream.address {
        UpstreamAddress::Http(authority) => {
            let host = authority
                .host()
                .trim_start_matches('[')
                .trim_end_matches(']');
            let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
            stream.set_nodelay(true)?;
            Stream::Tcp(stream)
        }
        UpstreamAddress::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    })
}
