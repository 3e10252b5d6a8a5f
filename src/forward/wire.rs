//! One connection to an upstream, as bytes: what is to be written, and what was read.

use std::{
    future::Future,
    io::{self, IoSlice, Write as _},
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use super::exchange::Coding;
use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    net::{TcpStream, UnixStream},
};

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
}

/// Bytes on their way out, in this order.
#[derive(Default)]
pub(super) struct Output {
    pub(super) head: Vec<u8>,
    written: usize,
    pub(super) data: Bytes,
    pub(super) tail: &'static [u8],
}

/// How much is read at once: at first, and when much comes.
const READ: usize = 8 * 1024;
const READ_MUCH: usize = 64 * 1024;

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
    pub(super) fn is_quiet(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let is_ready = match &self.stream {
            Stream::Tcp(stream) => stream.poll_read_ready(&mut context).is_ready(),
            Stream::Unix(stream) => stream.poll_read_ready(&mut context).is_ready(),
        };
        if !is_ready {
            return true;
        }
        let mut byte = [0];
        let read = match &self.stream {
            Stream::Tcp(stream) => stream.try_read(&mut byte),
            Stream::Unix(stream) => stream.try_read(&mut byte),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads more; `Ok(0)` is the upstream's end.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(self.read_size);
        let room = self.input.capacity() - self.input.len();
        let read = match &mut self.stream {
            Stream::Tcp(stream) => pin!(stream.read_buf(&mut self.input)).poll(context),
            Stream::Unix(stream) => pin!(stream.read_buf(&mut self.input)).poll(context),
        };
        if matches!(read, Poll::Ready(Ok(count)) if count == room) {
            self.read_size = (self.read_size * 2).min(READ_MUCH);
        }
        read
    }

    /// Writes what is to be written; ready when all of it is.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let output = &self.output;
            let written = if output.data.is_empty() && output.tail.is_empty() {
                self.stream.poll_write(context, output.rest_of_head())
            } else {
                let slices = [output.rest_of_head(), &output.data, output.tail].map(IoSlice::new);
                self.stream.poll_write_vectored(context, &slices)
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.output.advance(count),
            }
        }
        Poll::Ready(Ok(()))
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
        self.read_size = READ;
        self.output.clear();
    }
}

impl Output {
    /// Whether everything is written.
    pub(super) fn is_empty(&self) -> bool {
        self.written == self.head.len() && self.data.is_empty() && self.tail.is_empty()
    }

    /// Forgets what was written; the room stays.
    pub(super) fn clear(&mut self) {
        self.head.clear();
        self.written = 0;
        self.data = Bytes::new();
        self.tail = &[];
    }

    /// Whether data of a body, or what ends it, is still to be written.
    pub(super) fn holds_data(&self) -> bool {
        !self.data.is_empty() || !self.tail.is_empty()
    }

    /// Appends data of the request's body; what was staged before has been written, but for the head.
    pub(super) fn stage(&mut self, data: Bytes, coding: Coding) {
        if data.is_empty() {
            // An empty chunk would be the last one.
            return;
        }
        if self.is_empty() {
            self.clear();
        }
        if coding == Coding::Chunked {
            let _ = write!(self.head, "{:x}\r\n", data.len());
            self.tail = b"\r\n";
        }
        self.data = data;
    }

    /// Appends what says that the body has ended.
    pub(super) const fn stage_end(&mut self, coding: Coding) {
        if matches!(coding, Coding::Chunked) {
            self.tail = b"0\r\n\r\n";
        }
    }

    fn rest_of_head(&self) -> &[u8] {
        self.head.get(self.written..).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head.len() - self.written);
        self.written += of_head;
        let of_data = (count - of_head).min(self.data.len());
        self.data.advance(of_data);
        self.tail = self
            .tail
            .get(count - of_head - of_data..)
            .unwrap_or_default();
    }
}

impl Stream {
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_wire_at_rest_holds_no_room_and_reads_on() {
        let (own, mut other) = UnixStream::pair().unwrap();
        let mut wire = Wire::new(Stream::Unix(own));
        for reply in [b"one", b"two"] {
            wire.output.head.extend_from_slice(b"ask");
            poll_fn(|context| wire.poll_flush(context)).await.unwrap();
            other.read_exact(&mut [0; 3]).await.unwrap();
            other.write_all(reply).await.unwrap();
            poll_fn(|context| wire.poll_read(context)).await.unwrap();
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
