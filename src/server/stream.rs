//! A client's byte stream, watched: when a request begins, when the client stalls, when it is over.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    client::{Client, Phase},
    farewell,
};
use crate::{
    gateway::{Code, Gateway},
    gather::Gathering,
};

/// A stream that tells its [`Client`] what happens on it.
pub(super) struct ClientStream<S: AsyncWrite + Unpin> {
    stream: Gathering<S>,
    client: Rc<Client>,
    gateway: Arc<Gateway>,
    blocked: bool,
    discarded: usize,
}

/// How much is read and thrown away after the last response, so that the client can read that response
/// before it hears that its bytes were not wanted.
const LINGER_BYTES: usize = 1024 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> ClientStream<S> {
    pub(super) const fn new(stream: S, client: Rc<Client>, gateway: Arc<Gateway>) -> Self {
        Self {
            stream: Gathering(stream),
            client,
            gateway,
            blocked: false,
            discarded: 0,
        }
    }

    fn written(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match (&result, self.blocked) {
            (Poll::Pending, _) => {
                self.blocked = true;
                self.client.blocks();
            }
            (Poll::Ready(_), true) => {
                self.blocked = false;
                self.client.unblocks();
            }
            (Poll::Ready(_), false) => {}
        }
        result
    }

    /// What is written instead of `bytes`, if nobody but the HTTP library meant them.
    fn instead_of(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if !matches!(self.client.phase(), Phase::Idle | Phase::Head) {
            return None;
        }
        let code = farewell::code_of_unread(bytes)?;
        self.gateway.refuse_unread(code);
        Some(farewell::response(code))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.client.has_read();
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(other) = this.instead_of(bytes) {
            // The connection is new or drained, so that these few bytes go out in one piece.
            let written = Pin::new(&mut this.stream).poll_write(context, &other);
            return written.map(|result| result.map(|_| bytes.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let first = slices.first().map(|slice| &**slice).unwrap_or_default();
        if this.instead_of(first).is_some() {
            return Pin::new(this).poll_write(context, first);
        }
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
        std::task::ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        this.client.lingers();
        let mut space = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            std::task::ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer))?;
            this.discarded += buffer.filled().len();
            if buffer.filled().is_empty() || this.discarded > LINGER_BYTES {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Drop for ClientStream<S> {
    /// A head that came too slowly is answered, if the client takes the answer at once.
    fn drop(&mut self) {
        if self.client.phase() == Phase::Head && self.client.pace.client.has_fired() {
            self.gateway.refuse_unread(Code::RequestTimeout);
            let mut context = Context::from_waker(Waker::noop());
            let response = farewell::response(Code::RequestTimeout);
            let _ = Pin::new(&mut self.stream).poll_write(&mut context, &response);
        }
    }
}
