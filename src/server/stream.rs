//! A client's byte stream, watched: when a request begins, whether it is one, when the client stalls.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    client::Client,
    socket::Connected,
    watch::{Stop, Watch},
};
use crate::gather::Gathering;

/// A stream that tells its [`Client`] what happens on it, and that ends where a request is malformed.
pub(super) struct ClientStream<S> {
    stream: Gathering<S>,
    client: Rc<Client>,
    watch: Watch,
    /// Nothing after what was read so far is good.
    stop: Option<Stop>,
    /// What came behind a head that asks for another protocol, one read's worth at most.
    held: BytesMut,
    discarded: usize,
}

/// How much is read and thrown away after the last response, so that the client can read that response
/// before it hears that its bytes were not wanted.
const LINGER_BYTES: usize = 1024 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> ClientStream<S> {
    pub(super) fn new(stream: S, client: Rc<Client>) -> Self {
        Self {
            stream: Gathering::new(stream),
            client,
            watch: Watch::new(),
            stop: None,
            held: BytesMut::new(),
            discarded: 0,
        }
    }

    fn written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_pending() {
            self.client.blocks();
        } else {
            self.client.unblocks();
        }
        result
    }

    /// Lets through what is good of the bytes that came after the first `before`.
    fn judge(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        let followed = self.watch.follow(bytes, &self.client.limits);
        self.client.has_read(self.watch.is_in_head());
        // Nothing is whole after bytes that are no request.
        let whole = (followed.is_ok() && self.watch.is_between()).then(|| self.watch.heads());
        self.client.has_whole_requests(whole);
        if let Err(stop) = followed {
            buffer.set_filled(before + stop.good);
            self.stop = Some(stop);
        } else if let Some(behind) = self.watch.waits_to_switch() {
            self.hold_back(behind, buffer);
        }
    }

    /// Keeps the last `behind` bytes: whose they are is open until the request is answered.
    fn hold_back(&mut self, behind: usize, buffer: &mut ReadBuf<'_>) {
        let end = buffer.filled().len() - behind;
        let mut held = BytesMut::from(buffer.filled().get(end..).unwrap_or_default());
        held.extend_from_slice(&self.held);
        self.held = held;
        buffer.set_filled(end);
        self.client.switch.is_asked_for(self.watch.heads());
    }

    /// Nothing is to be read until it is clear in which protocol. Only the client's end is told.
    fn poll_behind(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.client.switch.is_open() && self.held.is_empty() {
            let mut room = [const { MaybeUninit::uninit() }; 4096];
            let mut buffer = ReadBuf::uninit(&mut room);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.held.extend_from_slice(buffer.filled());
        }
        // Whoever answers the request is the one who reads, and does so again.
        Poll::Pending
    }

    /// The request was answered in this protocol, and so what was held back is in it too.
    fn goes_on(&mut self) {
        self.watch.goes_on();
        if self.held.is_empty() {
            self.client.has_whole_requests(Some(self.watch.heads()));
        }
    }

    /// What came, from the stream or from what was held back.
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = self.held.len().min(buffer.remaining());
        buffer.put_slice(self.held.get(..count).unwrap_or_default());
        self.held.advance(count);
        Poll::Ready(Ok(()))
    }

    /// The stream itself and what was held back, for another protocol.
    pub(super) fn into_parts(self) -> (S, BytesMut) {
        (self.stream.into_inner(), self.held)
    }

    /// Ends the stream where the good bytes end, but not before every request in them is answered.
    fn end(&self, stop: &Stop) -> Poll<io::Result<()>> {
        match stop.code {
            Some(_) if self.client.is_busy() => {
                self.client.waits_to_end();
                return Poll::Pending;
            }
            Some(code) => self.client.says_farewell(code),
            None => {}
        }
        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
    }
}

impl<S: AsyncRead + Connected> ClientStream<S> {
    /// Has its end look like a break.
    pub(super) fn breaks(&self) {
        self.stream.get_ref().breaks();
    }

    /// Ready when something can be read.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.stream.get_ref().poll_readable(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.watch.waits_to_switch().is_some() {
            if this.client.switch.is_open() || this.client.switch.is_done() {
                return this.poll_behind(context);
            }
            this.goes_on();
        }
        if this.stop.is_none() {
            let before = buffer.filled().len();
            ready!(this.poll_next(context, buffer))?;
            this.judge(buffer, before);
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
        this.stop
            .as_ref()
            .map_or(Poll::Ready(Ok(())), |stop| this.end(stop))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
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
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        // With TLS, what was taken may still be on its way; a socket has nothing to flush.
        if flushed.is_pending() {
            this.client.blocks();
        } else {
            this.client.unblocks();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.client.has_a_farewell() {
            // The last word is still to be said.
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        this.client.lingers();
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
