//! A request's body as it comes from the client, over either version of HTTP.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::body::BodyError;
use crate::http2::Received;

/// The body of a client's request.
#[derive(Debug)]
pub enum ClientBody {
    /// Over HTTP/1.
    Http1(Incoming),
    /// Over HTTP/2.
    Http2(Received),
    /// Over HTTP/2, from a client that waits to hear that it is wanted. Boxed: it is rare.
    Expected(Box<Expected>),
}

/// A body that its client keeps back until it is told to send it (`100-continue`, RFC 9110 §10.1.1).
#[derive(Debug)]
pub struct Expected {
    body: Received,
    wanted: Rc<Cell<bool>>,
}

impl Expected {
    /// `body`, which sets `wanted` each time that somebody waits for more of it.
    #[must_use]
    pub const fn new(body: Received, wanted: Rc<Cell<bool>>) -> Self {
        Self { body, wanted }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|error| BodyError::Client(Arc::new(error))),
            Self::Http2(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(BodyError::Stream),
            Self::Expected(expected) => {
                let polled = Pin::new(&mut expected.body).poll_frame(context);
                // What is there already, its client has not kept back.
                expected.wanted.set(polled.is_pending());
                polled.map_err(BodyError::Stream)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
            Self::Expected(expected) => expected.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
            Self::Expected(expected) => expected.body.size_hint(),
        }
    }
}
