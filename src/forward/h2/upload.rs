//! A request's body on its way to an upstream over HTTP/2.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::pool::Seat;
use crate::{
    forward::{
        BodyError, RequestBody,
        compose::Composition,
        trailers::{self, Screen},
    },
    http2::{SendError, Sending},
};

/// How far the request's body is.
pub(super) enum Upload {
    /// It goes out while the response is awaited.
    Here(Box<Sending<Screened>>),
    /// It goes out beside the response, however slowly that is read.
    Beside(Beside),
    /// All of it is there.
    Done,
    /// The upstream does not take it, and took nothing of it.
    Untouched(RequestBody),
    /// The upstream does not take it any more. It may have said why.
    Broken,
}

/// A task that ends with whoever holds this.
pub(super) struct Beside(JoinHandle<Result<(), BodyError>>);

/// A request's body, of whose trailers not all pass.
pub(super) struct Screened {
    body: RequestBody,
    screen: Screen,
}

impl Upload {
    pub(super) fn new(
        body: RequestBody,
        stream: SendStream<Bytes>,
        composition: &Composition<'_>,
    ) -> Self {
        if body.is_end_stream() {
            return Self::Done;
        }
        let screen = Screen::new(composition.hop.own, composition.token_headers());
        let body = Screened { body, screen };
        Self::Here(Box::new(Sending::new(body, stream, Reason::CANCEL)))
    }

    /// Sends what there is to send. Only the client's own fault is an error: when the upstream takes no
    /// more, its response says why, or there is none.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let sent = match self {
            Self::Here(sending) => match ready!(Pin::new(sending).poll(context)) {
                Ok(()) => Ok(()),
                Err(SendError::Body(error)) => Err(error),
                Err(SendError::Reset(_) | SendError::Broken(_)) => {
                    *self = match std::mem::replace(self, Self::Broken).into_untouched() {
                        Some(body) => Self::Untouched(body),
                        None => Self::Broken,
                    };
                    return Poll::Ready(Ok(()));
                }
            },
            // It fails if it was ended, which nobody does who still asks.
            Self::Beside(Beside(task)) => ready!(Pin::new(task).poll(context)).unwrap_or(Ok(())),
            Self::Done | Self::Broken | Self::Untouched(_) => return Poll::Ready(Ok(())),
        };
        *self = Self::Done;
        Poll::Ready(sent)
    }

    /// Whether there is something left to send.
    pub(super) const fn goes_on(&self) -> bool {
        matches!(self, Self::Here(_) | Self::Beside(_))
    }

    /// From here on it goes out by itself: the response has begun, and whoever reads that may do so slowly.
    pub(super) fn goes_beside(self, seat: &Rc<Seat>) -> Self {
        let Self::Here(sending) = self else {
            return self;
        };
        let seat = Rc::clone(seat);
        Self::Beside(Beside(tokio::task::spawn_local(async move {
            let sent = sending.await;
            drop(seat);
            match sent {
                Err(SendError::Body(error)) => Err(error),
                Ok(()) | Err(SendError::Reset(_) | SendError::Broken(_)) => Ok(()),
            }
        })))
    }

    /// The response is at its end, and the upstream still takes the rest of the request. Nobody waits for
    /// that, so it goes on by itself, for `patience` at most.
    pub(super) fn let_go(self, patience: Duration) {
        if let Self::Beside(mut beside) = self {
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(patience, &mut beside.0).await;
            });
        }
    }

    /// The body, if nothing was taken of it.
    pub(super) fn into_untouched(self) -> Option<RequestBody> {
        match self {
            Self::Untouched(body) => Some(body),
            Self::Here(sending) => Some(sending.into_body().body).filter(RequestBody::is_untouched),
            Self::Beside(_) | Self::Done | Self::Broken => None,
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Body for Screened {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
            None => return Poll::Ready(None),
            Some(frame) => frame?,
        };
        let trailers = match frame.into_trailers() {
            Ok(trailers) => trailers,
            Err(data) => return Poll::Ready(Some(Ok(data))),
        };
        Poll::Ready(match this.screen.pass(trailers) {
            Ok(passed) => passed.map(|passed| Ok(Frame::trailers(passed))),
            Err(_) => Some(Err(BodyError::TooLarge(trailers::MAX_BYTES as u64))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
