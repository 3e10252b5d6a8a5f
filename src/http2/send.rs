//! What goes: a body is taken as fast as its receiver makes room, and no faster.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body;

/// Sends a body and its trailers on a stream whose head is sent, until both are with `h2`.
///
/// When the receiver resets the stream it ends with [`SendError::Reset`]. When it is dropped before its
/// end, the stream is reset with CANCEL.
#[derive(Debug)]
pub struct Sending<B> {
    body: B,
    stream: SendStream<Bytes>,
    /// Taken from the body and not sent.
    data: Bytes,
    /// Whether the body has nothing behind `data`.
    last: bool,
    /// The reason that the receiver is given when the body fails.
    failing: Reason,
    done: bool,
}

/// Why a body was not sent to its end.
#[derive(Debug, thiserror::Error)]
pub enum SendError<E> {
    /// The receiver reset the stream.
    #[error("the receiver reset the stream: {0}")]
    Reset(Reason),
    /// The connection broke, or its peer said goodbye.
    #[error(transparent)]
    Broken(h2::Error),
    /// The body failed, and the receiver was told so by a reset.
    #[error("the body broke off")]
    Body(E),
}

impl<B: Body<Data = Bytes> + Unpin> Sending<B> {
    /// Sends `body` on `stream`. If the body fails, the stream is reset with the reason `failing`.
    pub const fn new(body: B, stream: SendStream<Bytes>, failing: Reason) -> Self {
        Self {
            body,
            stream,
            data: Bytes::new(),
            last: false,
            failing,
            done: false,
        }
    }

    /// Whether it waits for the receiver to make room, and not for the body.
    pub const fn awaits_room(&self) -> bool {
        !self.done && !self.data.is_empty()
    }

    /// How many bytes it has in its hands.
    pub const fn held(&self) -> usize {
        self.data.len()
    }

    /// What is left of the body. The stream is reset if it has not come to its end.
    pub fn into_body(self) -> B {
        self.body
    }

    /// The body.
    pub const fn body(&self) -> &B {
        &self.body
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: Reason) {
        self.done = true;
        self.data = Bytes::new();
        self.stream.send_reset(reason);
    }

    /// Sends as much of `data` as there is room for.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError<B::Error>>> {
        while !self.data.is_empty() {
            self.stream.reserve_capacity(self.data.len());
            let mut room = self.stream.capacity();
            if room == 0 {
                room = match ready!(self.stream.poll_capacity(context)) {
                    None => return Poll::Ready(Err(self.broken())),
                    Some(room) => room.map_err(SendError::Broken)?,
                };
            }
            let some = self.data.split_to(room.min(self.data.len()));
            if some.is_empty() {
                continue;
            }
            let end = self.last && self.data.is_empty();
            self.stream
                .send_data(some, end)
                .map_err(SendError::Broken)?;
            self.done = end;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next of the body.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError<B::Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
            return Poll::Ready(self.end());
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                self.reset(self.failing);
                return Poll::Ready(Err(SendError::Body(error)));
            }
        };
        match frame.into_data() {
            Ok(data) => {
                self.data = data;
                self.last = self.body.is_end_stream();
                if self.last && self.data.is_empty() {
                    return Poll::Ready(self.end());
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    self.done = true;
                    let sent = self.stream.send_trailers(trailers);
                    return Poll::Ready(sent.map_err(SendError::Broken));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the stream behind everything that was sent.
    fn end(&mut self) -> Result<(), SendError<B::Error>> {
        self.done = true;
        let sent = self.stream.send_data(Bytes::new(), true);
        sent.map_err(SendError::Broken)
    }

    /// The stream is closed, and nobody said why.
    fn broken(&mut self) -> SendError<B::Error> {
        self.done = true;
        SendError::Reset(Reason::CANCEL)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Future for Sending<B> {
    type Output = Result<(), SendError<B::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while !this.done {
            if let Poll::Ready(reset) = this.stream.poll_reset(context) {
                this.done = true;
                let error = reset.map_or_else(SendError::Broken, SendError::Reset);
                return Poll::Ready(Err(error));
            }
            ready!(this.poll_data(context))?;
            if !this.done {
                ready!(this.poll_body(context))?;
            }
        }
        Poll::Ready(Ok(()))
    }
}
