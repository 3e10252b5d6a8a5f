//! A client's byte stream under HTTP/2, watched.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::session::Session;
use crate::gather::Gathering;

/// A stream that tells its [`Session`] what passes, and that is read no further once that is a flood.
pub(super) struct Watched<S> {
    stream: Gathering<S>,
    session: Rc<Session>,
    discarded: usize,
}

/// How much is read and thrown away at the end, so that the client can read why.
const LINGER_BYTES: usize = 1024 * 1024;

impl<S: AsyncRead> Watched<S> {
    pub(super) fn new(stream: S, session: Rc<Session>) -> Self {
        Self {
            stream: Gathering::new(stream),
            session,
            discarded: 0,
        }
    }

    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.session.has_written(Some(*bytes)),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.session.has_written(None),
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.session.is_flooded() {
            // Whoever polls sees to it that the connection ends.
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        this.session.has_read(bytes);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        // Bytes that nobody read would make the system forget what was written.
        this.session.client.lingers();
        let mut space = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer))?;
            this.discarded += buffer.filled().len();
            if buffer.filled().is_empty() || this.discarded > LINGER_BYTES {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
