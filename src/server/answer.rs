//! A response's body that tells its [`Client`] when it is done.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::client::Client;
use crate::{
    forward::{ResponseBody, ResponseError},
    gateway::CutOff,
};

/// A response's body on a client's connection.
pub(super) struct Answer {
    body: ResponseBody,
    client: Rc<Client>,
}

impl Answer {
    pub(super) fn new(body: ResponseBody, client: Rc<Client>) -> Self {
        client.answers();
        Self { body, client }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = ResponseError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Err(error))) = &polled {
            this.client.is_cut_off(CutOff::new(error, &mut this.body));
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

impl Drop for Answer {
    fn drop(&mut self) {
        self.client.has_answered();
    }
}
