//! One connection to an upstream, as bytes: what is to be written, and what was read.

use std::{
    future::Future,
    io::{self, IoSlice, Write as _},
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use super::exchange::Coding;
use crate::gather::PIECE;
use bytes::{Buf, BufMut, Bytes, BytesMut};
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
        // There may be more room than was asked for.
        let mut room = (&mut self.input).limit(self.read_size);
        let read = match &mut self.stream {
            Stream::Tcp(stream) => pin!(stream.read_buf(&mut room)).poll(context),
            Stream::Unix(stream) => pin!(stream.read_buf(&mut room)).poll(context),
        };
        if matches!(read, Poll::Ready(Ok(count)) if count == self.read_size) {
            self.read_size = (self.read_size * 2).min(PIECE);
        }
        read
    }

    /// Writes what is to be written; ready when all of it is.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let output = &self.output;
            let written = match (output.rest_of_head(), &*output.data, output.tail) {
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
        Poll::Ready(Ok(()))
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
        if self.data.is_empty() {
            // Even an empty one keeps the buffer of the client's stream from being used again.
            self.data = Bytes::new();
        }
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
