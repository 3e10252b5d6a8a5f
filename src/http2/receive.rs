//! What comes: a body that gives room back to its sender as it is taken.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};

/// A body that comes over HTTP/2, with its trailers.
///
/// The sender may have as much on its way as the window holds. What is taken from here makes room for as
/// much again, and what is not taken makes none, so no more than one window waits in memory. Its error is a
/// reset by the sender, or the connection's end.
#[derive(Debug)]
pub struct Received {
    stream: RecvStream,
    /// What its `content-length` announced and has not come yet, in bytes.
    left: Option<u64>,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Data,
    Trailers,
    Done,
}

impl Received {
    /// The body of `stream`; `length` is what its `content-length` announced, in bytes. That it is kept
    /// is seen to by `h2`, which resets the stream otherwise.
    #[must_use]
    pub fn new(stream: RecvStream, length: Option<u64>) -> Self {
        Self {
            stream,
            left: length,
            part: Part::Data,
        }
    }

    fn fail(&mut self, error: h2::Error) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        self.part = Part::Done;
        Poll::Ready(Some(Err(error)))
    }

    fn take(&mut self, data: &Bytes) {
        // It fails only for more than has come.
        let _ = self.stream.flow_control().release_capacity(data.len());
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let this = self.get_mut();
        while this.part == Part::Data {
            match this.stream.poll_data(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => this.part = Part::Trailers,
                Poll::Ready(Some(Err(error))) => return this.fail(error),
                // Without data there is nothing to pass on; `h2` bounds how many of them come.
                Poll::Ready(Some(Ok(data))) if data.is_empty() => {}
                Poll::Ready(Some(Ok(data))) => {
                    this.take(&data);
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
            }
        }
        if this.part == Part::Done {
            return Poll::Ready(None);
        }
        match this.stream.poll_trailers(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => this.fail(error),
            Poll::Ready(Ok(trailers)) => {
                this.part = Part::Done;
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.part == Part::Done || self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}
