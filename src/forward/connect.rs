//! New connections to an upstream.

use std::{io, pin::Pin, sync::Arc};

use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::{
    Upstream, UpstreamAddress,
    error::ForwardError,
    wire::{Stream, Wire},
};
use crate::tls::{Intake, Outgoing};

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
            match &upstream.tls {
                None => Stream::Tcp(stream),
                Some(tls) => secured(stream, tls).await?,
            }
        }
        UpstreamAddress::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    }))
}

/// The stream once the upstream has shown who it is. Boxed: most connections need no room for it.
fn secured<'t>(
    stream: TcpStream,
    tls: &'t Outgoing,
) -> Pin<Box<impl Future<Output = io::Result<Stream>> + use<'t>>> {
    Box::pin(async move {
        let connector = TlsConnector::from(Arc::clone(tls.config()));
        let shaken = connector.connect(tls.name().clone(), Intake::new(stream));
        shaken.await.map(|stream| Stream::Tls(Box::new(stream)))
    })
}
