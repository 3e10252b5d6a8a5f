//! One request and its response on one connection.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::{
    Pace, Upgrade, Upstream,
    body::{BodyError, RequestBody},
    decode::Decoder,
    error::ForwardError,
    label::Label,
    pool::Lease,
    reply::{self, Reply},
    trailers::Screen,
    tunnel::Tunnel,
    upload::{Coding, Upload},
};

/// A request that is on its way, and then the body of its response. It is driven by whoever polls it:
/// what is left of the request's body goes on while the response is read.
pub struct Exchange {
    lease: Lease,
    upload: Upload,
    body: Option<Decoder>,
    reusable: bool,
    failure: Option<ResponseError>,
    /// What is kept of the trailers; `None`: the client takes none.
    trailers: Option<Box<Kept>>,
    /// How long the rest of a request may take whose response came early.
    patience: Duration,
    /// How long the upstream may be silent in the middle of its response.
    stall: Duration,
    /// Whether it is silent now.
    silent: bool,
    /// How many interim responses came.
    interim: u8,
    pace: Rc<Pace>,
    label: Option<Label>,
}

/// Trailers on their way to the client.
struct Kept {
    screen: Box<Screen>,
    fields: HeaderMap,
}

/// Why a response's body ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum ResponseError {
    /// The connection broke.
    #[error("the upstream broke the connection in the middle of its answer: {0}")]
    Broken(io::Error),
    /// It is not framed as its head says.
    #[error("the upstream's answer is malformed: its chunks are wrong")]
    Malformed,
    /// The client did not send the rest of its request, which the upstream may be waiting for.
    #[error("the request broke off in the middle of the answer: {0}")]
    Request(BodyError),
    /// The upstream was silent for too long.
    #[error("the upstream stopped in the middle of its answer for longer than its stall_timeout")]
    Stalled,
}

/// How many interim responses (1xx) are passed over.
const MAX_INTERIM: u8 = 16;

impl Exchange {
    /// An exchange on `lease`, whose output holds the request's head.
    pub(super) const fn new(
        lease: Lease,
        body: RequestBody,
        coding: Coding,
        upstream: &Upstream,
        pace: Rc<Pace>,
    ) -> Self {
        Self {
            lease,
            upload: Upload::Sending(body, coding),
            body: None,
            reusable: false,
            failure: None,
            patience: upstream.response_timeout,
            stall: upstream.stall_timeout,
            silent: false,
            interim: 0,
            pace,
            label: None,
            trailers: None,
        }
    }

    /// What it is called from now on.
    pub fn is_called(&mut self, label: Label) {
        self.label = Some(label);
    }

    /// What it is called, if somebody said so; it is asked once.
    pub fn take_label(&mut self) -> Option<Label> {
        self.label.take()
    }

    /// Trailers of the response go on as `screen` says.
    pub(super) fn takes_trailers(&mut self, screen: Option<Box<Screen>>) {
        self.trailers = screen.map(|screen| {
            Box::new(Kept {
                screen,
                fields: HeaderMap::new(),
            })
        });
    }

    /// Sends the request and waits for the head of its response.
    pub(super) fn poll_reply(
        &mut self,
        context: &mut Context<'_>,
        method: &Method,
        upgrade: Option<&Upgrade>,
    ) -> Poll<Result<Reply, ForwardError>> {
        while self.interim < MAX_INTERIM {
            if let Poll::Ready(Err(error)) = self.poll_upload(context) {
                return Poll::Ready(Err(ForwardError::Body(error)));
            }
            let reply = ready!(self.poll_head(context, method))?;
            if reply.status == StatusCode::SWITCHING_PROTOCOLS {
                let granted = upgrade.is_some_and(|asked| asked.is_granted_by(&reply.headers));
                return Poll::Ready(match granted {
                    true => Ok(reply),
                    false => Err(ForwardError::SwitchedProtocols),
                });
            }
            if !reply.status.is_informational() {
                self.body = reply.body;
                self.reusable = reply.reusable;
                return Poll::Ready(Ok(reply));
            }
            self.interim += 1;
        }
        Poll::Ready(Err(ForwardError::Malformed(reply::BadReply::TooLarge)))
    }

    /// Whether nothing of a response has come.
    pub(super) fn is_unanswered(&self) -> bool {
        self.lease
            .wire_ref()
            .is_some_and(|wire| wire.input.is_empty())
    }

    /// The response's body begins: a response without one is done at once.
    pub(super) fn begins_body(&mut self) {
        match (self.body, self.lease.wire()) {
            (None, _) => self.finish(),
            (Some(Decoder::Length(length)), Some(wire)) => wire.expects(length),
            (Some(_), _) => {}
        }
    }

    /// The connection, which has switched protocols.
    pub(super) fn into_tunnel(mut self) -> Tunnel {
        Tunnel::new(self.lease.take())
    }

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        method: &Method,
    ) -> Poll<Result<Reply, ForwardError>> {
        let Some(wire) = self.lease.wire() else {
            return Poll::Ready(Err(closed()));
        };
        loop {
            if !wire.input.is_empty()
                && let Some(reply) =
                    reply::read(&mut wire.input, method).map_err(ForwardError::Malformed)?
            {
                return Poll::Ready(Ok(reply));
            }
            match ready!(wire.poll_read(context)) {
                Ok(0) => return Poll::Ready(Err(closed())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(ForwardError::Closed(error))),
            }
        }
    }

    /// The body is at its end: the connection goes back if it can carry another request.
    fn finish(&mut self) {
        self.body = None;
        let sent = matches!(self.upload, Upload::Done);
        let clean = self
            .lease
            .wire_ref()
            .is_some_and(|wire| wire.input.is_empty());
        match (self.reusable && clean, sent) {
            (true, true) => self.lease.give_back(),
            (true, false) => self.send_the_rest(),
            (false, _) => self.lease.discard(),
        }
    }

    /// The body is at its end, and the trailers are there that came behind it.
    fn end(&mut self, context: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        let trailers = match self.trailers.take() {
            None => None,
            Some(kept) => match kept.screen.pass(kept.fields) {
                Ok(trailers) => trailers,
                Err(_) => return self.fail(ResponseError::Malformed, context),
            },
        };
        self.finish();
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    /// Sends what there is to send, as long as there is a connection.
    fn poll_upload(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        match self.lease.wire() {
            Some(wire) => self.upload.poll(wire, context),
            None => Poll::Ready(Ok(())),
        }
    }

    /// The response came early, and the upstream still takes the rest of the request. Nobody waits for
    /// that, so it goes on by itself, for a bounded time, on a connection that then ends.
    fn send_the_rest(&mut self) {
        let mut lease = self.lease.take();
        let mut upload = std::mem::replace(&mut self.upload, Upload::Broken);
        let patience = self.patience;
        tokio::task::spawn_local(async move {
            let Some(wire) = lease.wire() else {
                return;
            };
            let sending = std::future::poll_fn(|context| upload.poll(wire, context));
            let _ = tokio::time::timeout(patience, sending).await;
        });
    }

    /// Nothing comes at the moment. The upstream has a time for that, unless it may be waiting for the
    /// client, who has one too.
    fn is_silent<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        if self.pace.upload.is_set() {
            self.is_heard();
            return Poll::Pending;
        }
        if !std::mem::replace(&mut self.silent, true) {
            self.pace.stalls(self.stall);
        }
        match self.pace.poll_stalled(context) {
            Poll::Ready(()) => self.fail(ResponseError::Stalled, context),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Something came.
    fn is_heard(&mut self) {
        if std::mem::replace(&mut self.silent, false) {
            self.pace.flows();
        }
    }

    /// The body breaks off. What came of it before goes out first: the client must not take a broken
    /// response for a connection that was never answered.
    fn fail<T>(&mut self, error: ResponseError, context: &Context<'_>) -> Poll<T> {
        self.lease.discard();
        self.failure = Some(error);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Body for Exchange {
    type Data = Bytes;
    type Error = ResponseError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        let this = self.get_mut();
        if let Some(error) = this.failure.take() {
            this.body = None;
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            let (Some(decoder), Some(wire)) = (&mut this.body, this.lease.wire()) else {
                return Poll::Ready(None);
            };
            let trailers = this.trailers.as_mut().map(|kept| &mut kept.fields);
            match decoder.decode(&mut wire.input, trailers) {
                Err(_) => return this.fail(ResponseError::Malformed, context),
                Ok(Some(data)) => {
                    if decoder.is_done() {
                        this.finish();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(None) if decoder.is_done() => {
                    return this.end(context);
                }
                Ok(None) => {}
            }
            if let Poll::Ready(Err(error)) = this.poll_upload(context) {
                // The upstream would wait for the rest in vain, and the client with it.
                return this.fail(ResponseError::Request(error), context);
            }
            let (Some(decoder), Some(wire)) = (this.body, this.lease.wire()) else {
                return Poll::Ready(None);
            };
            let Poll::Ready(read) = wire.poll_read(context) else {
                return this.is_silent(context);
            };
            this.is_heard();
            match read {
                Ok(0) if decoder == Decoder::ToEnd => {
                    this.finish();
                    return Poll::Ready(None);
                }
                Ok(0) => {
                    return this.fail(
                        ResponseError::Broken(io::ErrorKind::UnexpectedEof.into()),
                        context,
                    );
                }
                Ok(_) => {}
                Err(error) => return this.fail(ResponseError::Broken(error), context),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.body {
            None => SizeHint::with_exact(0),
            Some(Decoder::Length(left)) => SizeHint::with_exact(left),
            Some(Decoder::Chunked(_) | Decoder::ToEnd) => SizeHint::default(),
        }
    }
}

fn closed() -> ForwardError {
    ForwardError::Closed(io::ErrorKind::UnexpectedEof.into())
}
