//! A request's body on its way out over HTTP/1.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::Body;

use super::{
    body::{BodyError, RequestBody},
    wire::Wire,
};

/// How far the request is.
pub(super) enum Upload {
    Sending(RequestBody, Coding),
    /// All of it is there. It goes out after whatever else the worker has at hand: requests that are
    /// sent one right after the other wake the upstream once, and not once for each.
    Staged,
    Flushing,
    Done,
    /// The upstream does not take it any more. It may have said why.
    Broken,
}

/// How the request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// By a length that the head has said.
    Length,
    /// In chunks.
    Chunked,
}

impl Upload {
    /// Sends what there is to send over `wire`. Only the client's own fault is an error: when the upstream takes
    /// no more, its response says why, or there is none.
    pub(super) fn poll(
        &mut self,
        wire: &mut Wire,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), BodyError>> {
        loop {
            match self {
                Self::Done | Self::Broken => return Poll::Ready(Ok(())),
                // A head waits for its body's first bytes, so that both go out in one piece.
                Self::Sending(body, Coding::Length) if body.is_end_stream() => {
                    *self = Self::Staged;
                }
                Self::Staged => {
                    *self = Self::Flushing;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Self::Flushing => match ready!(wire.poll_flush(context)) {
                    Ok(()) => *self = Self::Done,
                    Err(_) => *self = Self::Broken,
                },
                Self::Sending(body, coding) => {
                    if wire.output.holds_data() && ready!(wire.poll_flush(context)).is_err() {
                        *self = Self::Broken;
                        continue;
                    }
                    let coding = *coding;
                    match Pin::new(&mut *body).poll_frame(context) {
                        Poll::Pending => {
                            if let Poll::Ready(Err(_)) = wire.poll_flush(context) {
                                *self = Self::Broken;
                                continue;
                            }
                            return Poll::Pending;
                        }
                        Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                        Poll::Ready(Some(Ok(frame))) => {
                            if let Ok(data) = frame.into_data() {
                                wire.output.stage(data, coding);
                            }
                        }
                        Poll::Ready(None) => {
                            wire.output.stage_end(coding);
                            *self = Self::Flushing;
                        }
                    }
                }
            }
        }
    }
}
