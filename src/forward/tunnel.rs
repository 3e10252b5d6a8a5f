//! The upstream's end of a tunnel: a connection that has switched protocols, as bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{label::Label, pool::Lease};
use crate::access_log::Entry;

/// A connection to an upstream that speaks another protocol from now on. It never goes back to the pool.
pub struct Tunnel {
    lease: Lease,
    /// The request that it began with.
    pub label: Option<Label>,
    /// How long it may last; `None`: as long as both ends go on.
    pub lifetime: Option<Duration>,
    /// Its line in the access log.
    pub entry: Option<Box<Entry>>,
}

impl Tunnel {
    pub(super) const fn new(lease: Lease) -> Self {
        Self {
            lease,
            label: None,
            lifetime: None,
            entry: None,
        }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut().lease.wire() {
            Some(wire) => wire.poll_read_raw(context, buffer),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut().lease.wire() {
            Some(wire) => wire.poll_write_raw(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut().lease.wire() {
            Some(wire) => wire.poll_flush_raw(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut().lease.wire() {
            Some(wire) => wire.poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}
