//! The response of an upstream over HTTP/2, and its body on its way to the client.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use h2::RecvStream;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version,
    header::{CONTENT_LENGTH, TRAILER},
};
use http_body::{Body, Frame, SizeHint};

use super::{line::broken, pool::Seat, upload::Upload};
use crate::{
    deadline::Deadline,
    forward::{
        BadReply, BodyError, ForwardError, Label, Pace, ResponseBody, ResponseError, Way,
        compose::Composition,
        headers::is_hop_by_hop,
        pool::Stay,
        trailers::{self, Screen},
    },
    http2::Received,
};

/// An exchange whose response has come.
pub(super) struct Sent {
    pub(super) seat: Rc<Seat>,
    pub(super) upload: Upload,
    /// How long the rest of the request may take when the response is at its end.
    pub(super) patience: Duration,
}

/// An exchange whose response has begun.
pub(super) struct Begun {
    seat: Rc<Seat>,
    upload: Upload,
    patience: Duration,
    /// That it is under way at its address.
    _stay: Stay,
    pace: Rc<Pace>,
    /// How long the upstream may be silent in the middle of its response.
    stall: Duration,
}

/// The body of a response. It holds the exchange: when it is dropped before its end, the upstream hears of
/// that.
pub struct Answer {
    /// `None` when it is at its end.
    body: Option<Received>,
    begun: Option<Begun>,
    /// Which trailers go on; `None`: the client takes none.
    screen: Option<Box<Screen>>,
    /// When the whole exchange has to be over.
    deadline: Option<Deadline>,
    /// Whether a client that waits for `grpc-status` can be told that it is.
    tells_status: bool,
    failure: Option<ResponseError>,
    /// Whether the upstream is silent now.
    silent: bool,
    label: Option<Label>,
}

/// The most header fields of a response.
const MAX_FIELDS: usize = 128;

impl Sent {
    /// At the address of `stay`.
    pub(super) fn at(self, stay: Stay, way: &Way<'_>) -> Begun {
        Begun {
            seat: self.seat,
            upload: self.upload,
            patience: self.patience,
            _stay: stay,
            pace: Rc::clone(way.pace),
            stall: way.upstream.stall_timeout,
        }
    }
}

impl Begun {
    /// The response as the client gets it.
    pub(super) fn respond(
        mut self,
        response: Response<RecvStream>,
        composition: &Composition<'_>,
        deadline: Option<Deadline>,
    ) -> Result<Response<ResponseBody>, ForwardError> {
        let (mut head, stream) = response.into_parts();
        if head.headers.len() > MAX_FIELDS {
            return Err(ForwardError::Malformed(BadReply::TooLarge));
        }
        end_here(&mut head.headers);
        let bodiless = composition.head.method == Method::HEAD
            || matches!(
                head.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        let has_body = !bodiless && !stream.is_end_stream();
        let screen = if has_body {
            trailers::prepare(&mut head.headers, composition)
        } else {
            head.headers.remove(TRAILER);
            None
        };
        let length = head.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        self.upload = self.upload.goes_beside(&self.seat);
        let tells_status =
            composition.head.version == Version::HTTP_2 && trailers::is_grpc(&head.headers);
        let mut answer = Box::new(Answer {
            body: has_body.then(|| Received::new(stream, length)),
            begun: Some(self),
            screen,
            deadline,
            tells_status,
            failure: None,
            silent: false,
            label: None,
        });
        if !has_body {
            answer.finish();
        }
        let mut response = Response::new(ResponseBody::Http2(answer));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        *response.version_mut() = Version::HTTP_11;
        Ok(response)
    }
}

/// Removes what ends at the upstream's connection. What says how it is framed the library refuses.
fn end_here(fields: &mut HeaderMap) {
    let ending = fields
        .keys()
        .filter(|name| is_hop_by_hop(name) && **name != TRAILER);
    let ending: Vec<HeaderName> = ending.cloned().collect();
    for name in ending {
        fields.remove(name);
    }
}

impl Answer {
    /// What it is called from now on.
    pub fn is_called(&mut self, label: Label) {
        self.label = Some(label);
    }

    /// What it is called, if somebody said so; it is asked once.
    pub fn take_label(&mut self) -> Option<Label> {
        self.label.take()
    }

    /// Nothing comes at the moment. The upstream has a time for that, unless it may be waiting for the
    /// client, who has one too.
    fn is_silent<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        let Some(begun) = &self.begun else {
            return Poll::Pending;
        };
        let (pace, stall) = (Rc::clone(&begun.pace), begun.stall);
        if !std::mem::replace(&mut self.silent, true) {
            pace.stalls(stall);
        }
        if pace.poll_stalled(context).is_pending() {
            return Poll::Pending;
        }
        if !pace.upload.is_set() {
            return self.fail(ResponseError::Stalled, context);
        }
        // The upload goes on beside this, and nobody here hears when the client is awaited no more. So the
        // time begins anew.
        pace.stalls(stall);
        let _ = pace.poll_stalled(context);
        Poll::Pending
    }

    /// Something came.
    fn is_heard(&mut self) {
        if std::mem::replace(&mut self.silent, false)
            && let Some(begun) = &self.begun
        {
            begun.pace.flows();
        }
    }

    /// The body is at its end. The rest of the request goes on without it.
    fn finish(&mut self) {
        self.body = None;
        self.deadline = None;
        if let Some(begun) = self.begun.take() {
            begun.upload.let_go(begun.patience);
        }
    }

    /// The exchange ends here, for the upstream too.
    fn cut(&mut self) {
        self.body = None;
        self.deadline = None;
        self.begun = None;
    }

    /// The body breaks off. What came of it before goes out first: the client must not take a broken
    /// response for a connection that was never answered.
    fn fail<T>(&mut self, error: ResponseError, context: &Context<'_>) -> Poll<T> {
        self.cut();
        self.failure = Some(error);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// The time of the whole exchange has passed.
    fn expire(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        if self.tells_status {
            self.cut();
            let mut status = HeaderMap::with_capacity(2);
            let (code, message) = ("grpc-status", "grpc-message");
            status.insert(code, HeaderValue::from_static("4"));
            status.insert(
                message,
                HeaderValue::from_static("The deadline has passed."),
            );
            return Poll::Ready(Some(Ok(Frame::trailers(status))));
        }
        self.fail(
            ResponseError::Broken(io::ErrorKind::TimedOut.into()),
            context,
        )
    }

    /// Why the exchange cannot go on, if the client's side of it is the reason.
    fn poll_client(&mut self, context: &mut Context<'_>) -> Option<BodyError> {
        let begun = self.begun.as_mut().filter(|b| b.upload.goes_on())?;
        match begun.upload.poll(context) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        }
    }

    fn trailers(
        &mut self,
        trailers: HeaderMap,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        let passed = match &self.screen {
            None => None,
            Some(screen) => match screen.pass(trailers) {
                Ok(passed) => passed,
                Err(_) => return self.fail(ResponseError::Malformed, context),
            },
        };
        self.finish();
        Poll::Ready(passed.map(|passed| Ok(Frame::trailers(passed))))
    }
}

impl Drop for Answer {
    /// Over HTTP/1.1 the client has everything as soon as it has what the length said, and nobody asks for
    /// the end behind it. It is waited for, so that no reset tells the upstream that its answer was not
    /// wanted.
    fn drop(&mut self) {
        let whole = |body: &Received| body.size_hint().exact() == Some(0);
        let (Some(mut body), Some(begun)) = (self.body.take().filter(whole), self.begun.take())
        else {
            return;
        };
        tokio::task::spawn_local(async move {
            // All of it: the request takes its place at the upstream until then.
            let begun = begun;
            let end = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let ended = tokio::time::timeout(begun.patience, end).await;
            if matches!(ended, Ok(None | Some(Ok(_)))) {
                begun.upload.let_go(begun.patience);
            }
        });
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
        if let Some(error) = this.failure.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(deadline) = &this.deadline
            && deadline.poll(context).is_ready()
        {
            return this.expire(context);
        }
        if let Some(error) = this.poll_client(context) {
            // The upstream would wait for the rest in vain, and the client with it.
            return this.fail(ResponseError::Request(error), context);
        }
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(context) else {
            return this.is_silent(context);
        };
        this.is_heard();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return this.fail(ResponseError::Broken(broken(error)), context),
            None => {
                this.finish();
                return Poll::Ready(None);
            }
        };
        match frame.into_data() {
            Ok(data) => {
                if body.is_end_stream() {
                    this.finish();
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => this.trailers(trailers, context),
                Err(_) => this.fail(ResponseError::Malformed, context),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() && self.failure.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            _ if self.failure.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
            Some(body) => body.size_hint(),
        }
    }
}
