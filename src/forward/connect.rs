//! New connections to an upstream.

use std::{io, pin::Pin, sync::Arc};

use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::{
    Upstream,
    balance::{Endpoint, Place},
    error::ForwardError,
    wire::{Stream, Wire},
};
use crate::tls::{Intake, Outgoing};

/// Connects to `endpoint` of `upstream`, within its connect time-out.
///
/// # Errors
/// [`ForwardError::Connect`] and [`ForwardError::ConnectTimeout`].
pub(super) async fn connect(
    upstream: &Upstream,
    endpoint: &Endpoint,
) -> Result<Wire, ForwardError> {
    let stream = tokio::time::timeout(upstream.connect_timeout, open(endpoint))
        .await
        .map_err(|_| ForwardError::ConnectTimeout)?;
    stream.map(Wire::new).map_err(ForwardError::Connect)
}

/// Connects to `endpoint`, however long that takes.
///
/// # Errors
/// Whatever the system says, and what is wrong with the upstream's certificate.
pub(super) async fn open(endpoint: &Endpoint) -> io::Result<Stream> {
    Ok(match &endpoint.place {
        Place::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            match &endpoint.server.tls {
                None => Stream::Tcp(stream),
                Some(tls) => secured(stream, tls).await?,
            }
        }
        Place::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    })
}

/// The stream once the upstream has shown who it is. Boxed: most connections need no room for it.
fn secured<'t>(
    stream: TcpStream,
    tls: &'t Outgoing,
) -> Pin<Box<impl Future<Output = io::Result<Stream>> + use<'t>>> {
    Box::pin(async move {
        let connector = TlsConnector::from(Arc::clone(tls.config()));
        let shaken = connector.connect(tls.name().clone(), Intake::new(stream));
        let stream = shaken.await?;
        let agreed = stream.get_ref().1.alpn_protocol();
        if !tls.takes(agreed) {
            let message = "the upstream does not speak HTTP/2 (it did not choose h2 by ALPN)";
            return Err(io::Error::other(message));
        }
        Ok(Stream::Tls(Box::new(stream)))
    })
}
