//! The encrypted bytes of a connection, on their way to the TLS library.
//!
//! The library reads four kilobytes at a time. While much comes, it is read in large pieces here, and the
//! library is given them bit by bit; while little comes, nothing is held.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use crate::gather::PIECE;

/// A stream whose bytes can be looked at before they are read.
pub struct Intake<S> {
    stream: S,
    /// What was read and not yet taken.
    held: BytesMut,
    /// The last read filled all the room that there was: more is to come.
    much: bool,
}

/// How much is read to look at.
const LOOK: usize = 4096;

impl<S: AsyncRead + AsyncWrite + Unpin> Intake<S> {
    /// The bytes of `stream`.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            held: BytesMut::new(),
            much: false,
        }
    }

    /// The stream itself.
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Whether something was read that nobody has taken.
    pub fn holds_something(&self) -> bool {
        !self.held.is_empty()
    }

    /// The first byte that nobody has taken, which stays; `None` at the end.
    ///
    /// # Errors
    /// The stream's.
    pub fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        if self.held.is_empty() {
            ready!(self.poll_fill(context, LOOK))?;
        }
        Poll::Ready(Ok(self.held.first().copied()))
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        self.held.reserve(most);
        let mut room = (&mut self.held).limit(most);
        pin!(self.stream.read_buf(&mut room)).poll(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Intake<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.held.is_empty() {
            if !this.much || buffer.remaining() >= PIECE {
                let before = buffer.remaining();
                ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
                this.much = before > 0 && buffer.remaining() == 0;
                return Poll::Ready(Ok(()));
            }
            let count = match this.poll_fill(context, PIECE) {
                Poll::Pending => {
                    // Nobody knows for how long: what waits holds no room.
                    this.held = BytesMut::new();
                    return Poll::Pending;
                }
                Poll::Ready(count) => count?,
            };
            this.much = count == PIECE;
        }
        let count = this.held.len().min(buffer.remaining());
        buffer.put_slice(this.held.get(..count).unwrap_or_default());
        this.held.advance(count);
        if this.held.is_empty() && !this.much {
            this.held = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Intake<S> {
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
        slices: &[IoSlice<'_>],
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    fn intake() -> (Intake<DuplexStream>, DuplexStream) {
        let (here, there) = duplex(1 << 20);
        (Intake::new(here), there)
    }

    #[tokio::test]
    async fn what_was_looked_at_is_still_read() {
        let (mut intake, mut other) = intake();
        other.write_all(b"hello").await.unwrap();
        let first = std::future::poll_fn(|context| intake.poll_first(context)).await;
        assert_eq!(first.unwrap(), Some(b'h'));
        assert!(intake.holds_something());
        let mut bytes = [0; 5];
        intake.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
        assert!(!intake.holds_something());
        assert_eq!(intake.held.capacity(), 0);
        drop(other);
        let first = std::future::poll_fn(|context| intake.poll_first(context)).await;
        assert_eq!(first.unwrap(), None);
    }

    #[tokio::test]
    async fn much_is_read_in_large_pieces_and_in_order() {
        let (mut intake, mut other) = intake();
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        other.write_all(&bytes).await.unwrap();
        let mut read = Vec::new();
        let mut room = [0; 4096];
        let mut most = 0;
        while read.len() < bytes.len() {
            let count = intake.read(&mut room).await.unwrap();
            read.extend_from_slice(&room[..count]);
            most = most.max(intake.held.len());
        }
        assert!(read == bytes && most > PIECE - 8192);
        // Nothing is held while nothing comes.
        let mut buffer = ReadBuf::new(&mut room);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(
            Pin::new(&mut intake)
                .poll_read(&mut context, &mut buffer)
                .is_pending()
        );
        assert_eq!(intake.held.capacity(), 0);
    }
}
