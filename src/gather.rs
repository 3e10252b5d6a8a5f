//! How bytes are moved: long bodies in pieces of one size, and short messages put together before they are
//! written, which for a few hundred bytes costs less than having the system gather them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};

/// How much of a body is read, and then written, at once, in bytes.
///
/// The system makes packets of 64 KiB at most, their headers included, be it for the loopback or for a
/// network card that cuts them up. Whoever writes a round 64 KiB sends a full packet and a tiny one, and
/// that takes twice the processor time of this; larger pieces are no better and take more memory.
pub const PIECE: usize = 60 * 1024;

/// A stream that gathers what is short, and reads [`PIECE`] at most at once, however much room there is.
pub struct Gathering<S>(Take<S>);

/// How long a message is that is put together, in bytes.
const SHORT: usize = 2048;

impl<S: AsyncRead> Gathering<S> {
    /// Gathers what is written to `stream`.
    pub fn new(stream: S) -> Self {
        Self(stream.take(PIECE as u64))
    }

    /// The stream itself, for what is nobody's message.
    pub fn into_inner(self) -> S {
        self.0.into_inner()
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() <= PIECE {
            return Pin::new(self.0.get_mut()).poll_read(context, buffer);
        }
        self.0.set_limit(PIECE as u64);
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gathering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.0.get_mut()).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(self.0.get_mut());
        if let [only] = slices {
            return stream.poll_write(context, only);
        }
        if slices.iter().map(|slice| slice.len()).sum::<usize>() > SHORT {
            return stream.poll_write_vectored(context, slices);
        }
        let mut gathered = SmallVec::<[u8; SHORT]>::new();
        for slice in slices {
            gathered.extend_from_slice(slice);
        }
        stream.poll_write(context, &gathered)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.get_mut()).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_body_is_read_in_pieces_and_a_short_message_whole() {
        let bytes = vec![b'x'; PIECE + 100];
        let mut stream = Gathering::new(tokio::io::join(bytes.as_slice(), tokio::io::sink()));
        let mut room = vec![0; 2 * PIECE];
        assert_eq!(stream.read(&mut room).await.unwrap(), PIECE);
        assert_eq!(stream.read(&mut room).await.unwrap(), 100);
        assert_eq!(stream.read(&mut room).await.unwrap(), 0);
    }
}
