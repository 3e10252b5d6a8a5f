//! A response's body whose request has a line in the access log.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{ResponseBody, ResponseError};
use crate::access_log::Entry;

/// A body that is counted. The line is written when it is dropped.
pub struct Logged {
    body: ResponseBody,
    entry: Box<Entry>,
}

impl Logged {
    /// `body`, as the end of what `entry` tells.
    #[must_use]
    pub const fn new(body: ResponseBody, entry: Box<Entry>) -> Self {
        Self { body, entry }
    }

    /// The body itself.
    pub const fn body(&mut self) -> &mut ResponseBody {
        &mut self.body
    }

    /// It breaks off with this code.
    pub fn breaks_off(&self, code: &'static str) {
        self.entry.breaks_off(code);
    }
}

impl Body for Logged {
    type Data = Bytes;
    type Error = ResponseError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.entry.sends(frame.data_ref().map_or(0, Bytes::len));
            }
            Poll::Ready(None) => this.entry.is_whole(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        // Who knows the length does not ask for the end.
        if self.body.is_end_stream() {
            self.entry.is_whole();
        }
    }
}
