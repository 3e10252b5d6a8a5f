//! One connection to an upstream, as bytes: what is to be written, and what was read.

use std::{
    future::Future,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, BufMut, BytesMut};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

use tokio_rustls::client::TlsStream;

use super::output::Output;
use crate::{gather::PIECE, tls::Intake};

/// A connection to an upstream. It never leaves its worker.
pub(super) struct Wire {
    stream: Stream,
    /// What was read and not yet taken.
    pub(super) input: BytesMut,
    /// What is to be written: a head or a chunk's size, then data, then what ends a chunk.
    pub(super) output: Output,
    read_size: usize,
}

/// How the upstream is reached.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<Intake<TcpStream>>>),
}

/// How closely one looks whether a connection that nobody used is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// At what the worker has been told: enough for a request that can be sent once more.
    Told,
    /// At the socket too, which costs a system call: the end may be there already, and the worker not be told.
    Socket,
}

/// How much is read at once, at first; [`PIECE`] when much comes.
const READ: usize = 8 * 1024;

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: Output::default(),
            read_size: READ,
        }
    }

    /// Whether nothing has come on a connection that nobody uses. Whatever came belongs to no
    /// request: most often it is the end.
    pub(super) fn is_quiet(&mut self, look: Look) -> bool {
        self.was_told_nothing() && (look == Look::Told || self.stream.holds_nothing())
    }

    fn was_told_nothing(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let is_ready = match &self.stream {
            Stream::Tcp(stream) => stream.poll_read_ready(&mut context).is_ready(),
            Stream::Unix(stream) => stream.poll_read_ready(&mut context).is_ready(),
            Stream::Tls(_) => true,
        };
        if !is_ready {
            return true;
        }
        let mut byte = [0];
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.try_read(&mut byte),
            Stream::Unix(stream) => stream.try_read(&mut byte),
            Stream::Tls(stream) => return is_quiet(stream, &mut context),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads more; `Ok(0)` is the upstream's end.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(self.read_size);
        // There may be more room than was asked for.
        let mut room = (&mut self.input).limit(self.read_size);
        let read = match &mut self.stream {
            Stream::Tcp(stream) => pin!(stream.read_buf(&mut room)).poll(context),
            Stream::Unix(stream) => pin!(stream.read_buf(&mut room)).poll(context),
            Stream::Tls(stream) => pin!(stream.read_buf(&mut room)).poll(context),
        };
        if matches!(read, Poll::Ready(Ok(count)) if count == self.read_size) {
            self.read_size = (self.read_size * 2).min(PIECE);
        }
        read
    }

    /// So many bytes are to come, which are then read in as few pieces as possible.
    pub(super) fn expects(&mut self, length: u64) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.read_size = length.clamp(READ, PIECE);
    }

    /// Writes what is to be written; ready when all of it is.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = match self.output.parts() {
                (only, [], []) | ([], only, []) => self.stream.poll_write(context, only),
                (head, data, tail) => {
                    let slices = [head, data, tail].map(IoSlice::new);
                    self.stream.poll_write_vectored(context, &slices)
                }
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.output.advance(count),
            }
        }
        match &mut self.stream {
            Stream::Tcp(_) | Stream::Unix(_) => Poll::Ready(Ok(())),
            // It is encrypted, and some of it may still be here.
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Reads what comes in a tunnel; first what came behind the head that began it.
    pub(super) fn poll_read_raw(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            return self.stream.poll_read(context, buffer);
        }
        let count = self.input.len().min(buffer.remaining());
        buffer.put_slice(self.input.get(..count).unwrap_or_default());
        self.input.advance(count);
        if self.input.is_empty() {
            // A tunnel may be silent for long, and holds no buffers meanwhile.
            self.input = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Writes in a tunnel, behind what is left of the head that asked for it.
    pub(super) fn poll_write_raw(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(context))?;
        self.output = Output::default();
        self.stream.poll_write(context, bytes)
    }

    /// Ready when all that was written in a tunnel is on its way.
    pub(super) fn poll_flush_raw(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(context))?;
        self.stream.poll_flush(context)
    }

    /// Says that nothing more will be written.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(context))?;
        self.stream.poll_shutdown(context)
    }

    /// Gives up what it holds room in; the next request makes it anew.
    pub(super) fn rest(&mut self) {
        if self.input.is_empty() && self.output.is_empty() {
            self.input = BytesMut::new();
            self.output = Output::default();
        }
    }

    /// Ready for the next request: nothing of this one stays.
    pub(super) fn reset(&mut self) {
        if self.read_size > READ {
            // An unused connection holds no large buffer.
            self.input = BytesMut::new();
        }
        self.read_size = READ;
        self.output.clear();
    }
}

impl Stream {
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }
}

impl Stream {
    /// Whether nothing is in the socket, not even the end.
    fn holds_nothing(&self) -> bool {
        let socket = match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
            Self::Tls(stream) => SockRef::from(stream.get_ref().0.get_ref()),
        };
        let peeked = socket.peek(&mut [MaybeUninit::uninit()]);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Whether no data and no end has come on a stream with TLS. What the upstream says of the connection
/// itself, such as its tickets for later (RFC 8446 §4.6.1), is taken in by this.
fn is_quiet(stream: &mut TlsStream<Intake<TcpStream>>, context: &mut Context<'_>) -> bool {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    Pin::new(stream)
        .poll_read(context, &mut buffer)
        .is_pending()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn wires() -> (Wire, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (Wire::new(Stream::Unix(here)), there)
    }

    async fn read(wire: &mut Wire) -> usize {
        std::future::poll_fn(|context| wire.poll_read(context))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn an_end_that_the_worker_was_not_told_of_is_in_the_socket() {
        let (mut wire, upstream) = wires();
        assert!(wire.is_quiet(Look::Told) && wire.is_quiet(Look::Socket));
        drop(upstream);
        // Nothing was awaited since, so nobody told it.
        assert!(wire.is_quiet(Look::Told) && !wire.is_quiet(Look::Socket));
    }

    #[tokio::test]
    async fn what_is_expected_is_read_at_once() {
        let (mut wire, mut upstream) = wires();
        upstream.write_all(&[b'x'; 2 * PIECE]).await.unwrap();
        wire.expects(PIECE as u64 - 1);
        assert_eq!(read(&mut wire).await, PIECE - 1);
    }

    #[tokio::test]
    async fn reads_grow_with_what_comes_up_to_a_piece() {
        let (mut wire, mut upstream) = wires();
        upstream.write_all(&[b'x'; 3 * PIECE]).await.unwrap();
        let mut reads = Vec::new();
        for _ in 0..5 {
            reads.push(read(&mut wire).await);
            wire.input.clear();
        }
        assert_eq!(reads, [READ, 2 * READ, 4 * READ, PIECE, PIECE]);
        wire.expects(u64::MAX);
        assert_eq!(wire.read_size, PIECE);
        wire.expects(1);
        assert_eq!(wire.read_size, READ);
    }

    #[tokio::test]
    async fn an_unused_connection_keeps_no_large_buffer() {
        let (mut wire, mut upstream) = wires();
        upstream.write_all(b"xy").await.unwrap();
        read(&mut wire).await;
        wire.input.clear();
        wire.reset();
        assert!(wire.input.capacity() > 0, "a small one serves again");
        wire.expects(PIECE as u64);
        wire.reset();
        assert_eq!(wire.input.capacity(), 0);
    }

    #[tokio::test]
    async fn a_wire_at_rest_holds_no_room_and_reads_on() {
        let (mut wire, mut other) = wires();
        for reply in [b"one", b"two"] {
            wire.output.head.extend_from_slice(b"ask");
            std::future::poll_fn(|context| wire.poll_flush(context))
                .await
                .unwrap();
            other.read_exact(&mut [0; 3]).await.unwrap();
            other.write_all(reply).await.unwrap();
            read(&mut wire).await;
            // What was read and not taken stays.
            wire.rest();
            assert_eq!(wire.input, &reply[..]);
            wire.input.clear();
            wire.reset();
            assert!(wire.input.capacity() >= READ - reply.len());
            wire.rest();
            assert_eq!(wire.input.capacity() + wire.output.head.capacity(), 0);
        }
    }
}
