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
    tokio::time::timeout(upstream.connect_timeout, open(upstream))
        .await
        .map_err(|_| ForwardError::ConnectTimeout)?
        .map_err(ForwardError::Connect)
}

async fn open(upstream: &Upstream) -> io::Result<Wire> {
    Ok(Wire::new(match &upstream.address {
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
    }))
}
