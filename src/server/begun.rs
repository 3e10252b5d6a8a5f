//! A stream of which some bytes were read already.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Connected;

/// A stream that gives the bytes that were read of it once more, and then goes on.
pub(super) struct Begun<S> {
    begun: Vec<u8>,
    stream: S,
}

impl<S> Begun<S> {
    /// `stream`, with `begun` before what comes next.
    pub(super) const fn new(begun: Vec<u8>, stream: S) -> Self {
        Self { begun, stream }
    }
}

impl<S: Connected> Connected for Begun<S> {
    const SCHEME: &'static str = S::SCHEME;

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.begun.is_empty() {
            return self.stream.poll_readable(context);
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.begun.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let count = this.begun.len().min(buffer.remaining());
        buffer.put_slice(this.begun.get(..count).unwrap_or_default());
        this.begun.drain(..count);
        if this.begun.is_empty() {
            this.begun = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
