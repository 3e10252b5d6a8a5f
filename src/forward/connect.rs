//! New connections to an upstream.

use std::io;

use tokio::net::{TcpStream, UnixStream};

use super::{
    Upstream,
    balance::{Endpoint, Place},
    error::ForwardError,
    wire::{Stream, Wire},
};

/// Connects to `endpoint` of `upstream`, within its connect time-out.
///
/// # Errors
/// [`ForwardError::Connect`] and [`ForwardError::ConnectTimeout`].
pub(super) async fn connect(
    upstream: &Upstream,
    endpoint: &Endpoint,
) -> Result<Wire, ForwardError> {
    tokio::time::timeout(upstream.connect_timeout, open(&endpoint.place))
        .await
        .map_err(|_| ForwardError::ConnectTimeout)?
        .map_err(ForwardError::Connect)
}

async fn open(place: &Place) -> io::Result<Wire> {
    Ok(Wire::new(match place {
        Place::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Stream::Tcp(stream)
        }
        Place::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    }))
}
