//! Bodies on their way through: streamed, counted, and watched for a client that stalls.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::{
    ClientBody, Pace,
    exchange::{Exchange, ResponseError},
    h2::Answer,
    logged::Logged,
    tunnel::Tunnel,
    with_trailers::WithTrailers,
};

/// A request's body on its way to the upstream, with the trailers that came behind it.
pub struct RequestBody {
    source: Source,
    trailers: Option<Box<HeaderMap>>,
    seen: u64,
    limit: Option<u64>,
    pace: Rc<Pace>,
    /// Which of the connection's requests it belongs to.
    turn: u64,
    /// Where what is read of it is counted, where somebody wants to know.
    count: Option<Rc<Cell<u64>>>,
}

enum Source {
    Streaming(ClientBody),
    /// What was read already, and what follows it.
    Begun(Bytes, ClientBody),
    Buffered(Bytes),
    Empty,
    Withheld,
}

/// Why a request's body ends early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than the limit.
    #[error("the body is longer than {0} bytes")]
    TooLarge(u64),
    /// The client broke the framing or the connection.
    #[error("the client did not send the whole body: {0}")]
    Client(Arc<hyper::Error>),
    /// The client reset the stream of its request, or broke the connection.
    #[error("the client did not send the whole body: {0}")]
    Stream(h2::Error),
    /// Nobody here has it: another proxy asks about the request, and keeps its body.
    #[error("the body is not shown to an authorizer")]
    Withheld,
    /// The client sent it too slowly.
    #[error("the client sent the body too slowly")]
    Stalled,
}

impl RequestBody {
    /// A body that streams as it comes, `limit` bytes at most.
    #[must_use]
    pub fn streaming(body: ClientBody, limit: Option<u64>, pace: Rc<Pace>) -> Self {
        let source = if body.is_end_stream() {
            Source::Empty
        } else {
            Source::Streaming(body)
        };
        Self {
            source,
            trailers: None,
            seen: 0,
            limit,
            turn: pace.turn(),
            pace,
            count: None,
        }
    }

    /// The same, counted from now on where that is wanted.
    #[must_use]
    pub fn counted(self, count: Option<Rc<Cell<u64>>>) -> Self {
        Self { count, ..self }
    }

    /// No body at all.
    #[must_use]
    pub fn empty(pace: Rc<Pace>) -> Self {
        Self::whole(Bytes::new(), pace)
    }

    /// One that somebody else has, who asks about the request.
    #[must_use]
    pub fn withheld(pace: Rc<Pace>) -> Self {
        Self {
            source: Source::Withheld,
            ..Self::empty(pace)
        }
    }

    /// A body that is there already.
    #[must_use]
    pub fn whole(body: Bytes, pace: Rc<Pace>) -> Self {
        let source = if body.is_empty() {
            Source::Empty
        } else {
            Source::Buffered(body)
        };
        Self {
            source,
            trailers: None,
            seen: 0,
            limit: None,
            turn: pace.turn(),
            pace,
            count: None,
        }
    }

    /// The whole of it, if it is `limit` bytes at most and comes within `time`; it can be forwarded
    /// afterwards byte for byte.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn buffer(&mut self, limit: usize, time: Duration) -> Result<Bytes, BodyError> {
        // The limit of all bodies holds for one that is held back as well.
        let limit = self.limit.map_or(limit as u64, |all| all.min(limit as u64));
        let too_large = BodyError::TooLarge(limit);
        if self.size_hint().lower() > limit {
            return Err(too_large);
        }
        let pace = Rc::clone(&self.pace);
        pace.upload.set(time);
        let mut whole = Vec::new();
        let outcome = loop {
            let frame = std::future::poll_fn(|context| match self.poll_source(context) {
                Poll::Pending if pace.upload.poll(context).is_ready() => {
                    Poll::Ready(Some(Err(BodyError::Stalled)))
                }
                polled => polled,
            })
            .await;
            match frame {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(data)) => {
                    whole.extend_from_slice(&data);
                    if whole.len() as u64 > limit {
                        break Err(too_large);
                    }
                }
            }
        };
        pace.upload.clear();
        match outcome {
            Ok(()) => {
                let whole = Bytes::from(whole);
                self.source = Source::Buffered(whole.clone());
                Ok(whole)
            }
            Err(error) => {
                // What was read of a body that is too large can still be forwarded.
                if let Source::Streaming(rest) = std::mem::replace(&mut self.source, Source::Empty)
                {
                    self.source = Source::Begun(whole.into(), rest);
                }
                Err(error)
            }
        }
    }

    /// Whether [`RequestBody::again`] has one.
    #[must_use]
    pub const fn has_another(&self) -> bool {
        match self.source {
            Source::Empty => self.seen == 0,
            Source::Buffered(_) => true,
            Source::Streaming(_) | Source::Begun(..) | Source::Withheld => false,
        }
    }

    /// The same body once more, if nothing of it has gone out that is not kept.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        let source = match &self.source {
            _ if !self.has_another() => return None,
            Source::Buffered(whole) => Source::Buffered(whole.clone()),
            _ => Source::Empty,
        };
        let pace = Rc::clone(&self.pace);
        Some(Self {
            source,
            trailers: self.trailers.clone(),
            seen: 0,
            limit: self.limit,
            pace,
            turn: self.turn,
            count: self.count.clone(),
        })
    }

    /// Whether nothing was taken of it, so that another may still get all of it.
    pub(super) fn is_untouched(&self) -> bool {
        self.seen == 0 && self.trailers.is_none() && !matches!(self.source, Source::Empty)
    }

    /// Data of the source; its trailers are kept.
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            return match &mut self.source {
                Source::Empty => Poll::Ready(None),
                Source::Withheld => Poll::Ready(Some(Err(BodyError::Withheld))),
                Source::Buffered(whole) => {
                    let whole = std::mem::take(whole);
                    self.source = Source::Empty;
                    Poll::Ready((!whole.is_empty()).then_some(Ok(whole)))
                }
                Source::Begun(begun, _) if !begun.is_empty() => {
                    Poll::Ready(Some(Ok(std::mem::take(begun))))
                }
                Source::Streaming(body) | Source::Begun(_, body) => {
                    match Pin::new(body).poll_frame(context) {
                        Poll::Pending => Poll::Pending,
                        Poll::Ready(None) => Poll::Ready(None),
                        Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
                        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                            Ok(data) => {
                                if let Some(count) = &self.count {
                                    count.set(count.get().saturating_add(data.len() as u64));
                                }
                                Poll::Ready(Some(Ok(data)))
                            }
                            Err(frame) => {
                                self.trailers = frame.into_trailers().ok().map(Box::new);
                                continue;
                            }
                        },
                    }
                }
            };
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = this.poll_source(context);
        match &polled {
            Poll::Pending => this.pace.awaits_client(this.turn),
            Poll::Ready(_) => this.pace.awaits_upstream(this.turn),
        }
        if let Poll::Ready(None) = polled
            && let Some(trailers) = this.trailers.take()
        {
            return Poll::Ready(Some(Ok(Frame::trailers(*trailers))));
        }
        let Poll::Ready(Some(Ok(data))) = polled else {
            return polled.map(|end| end.map(|error| error.map(Frame::data)));
        };
        this.seen = this.seen.saturating_add(data.len() as u64);
        this.pace.comes(this.turn, data.len());
        match this.limit {
            Some(limit) if this.seen > limit => Poll::Ready(Some(Err(BodyError::TooLarge(limit)))),
            _ => Poll::Ready(Some(Ok(Frame::data(data)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none() && self.source.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Streaming(body) => body.size_hint(),
            Source::Begun(begun, rest) => {
                let mut hint = rest.size_hint();
                let begun = begun.len() as u64;
                if let Some(upper) = hint.upper() {
                    hint.set_upper(upper.saturating_add(begun));
                }
                hint.set_lower(hint.lower().saturating_add(begun));
                hint
            }
            Source::Buffered(whole) => SizeHint::with_exact(whole.len() as u64),
            Source::Empty => SizeHint::with_exact(0),
            Source::Withheld => SizeHint::new(),
        }
    }
}

impl Source {
    fn is_over(&self) -> bool {
        match self {
            Self::Streaming(body) => body.is_end_stream(),
            Self::Begun(begun, rest) => begun.is_empty() && rest.is_end_stream(),
            Self::Buffered(whole) => whole.is_empty(),
            Self::Empty => true,
            Self::Withheld => false,
        }
    }
}

/// A response's body on its way to the client.
pub enum ResponseBody {
    /// The gateway's own.
    Own(Bytes),
    /// The upstream's.
    Upstream(Box<Exchange>),
    /// None, and then another protocol.
    Tunnel(Box<Tunnel>),
    /// That of an upstream over HTTP/2.
    Http2(Box<Answer>),
    /// One of the others, with a line in the access log.
    Logged(Box<Logged>),
    /// The gateway's own, with trailers.
    WithTrailers(Box<WithTrailers>),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        match self.get_mut() {
            Self::Own(whole) if whole.is_empty() => Poll::Ready(None),
            Self::Own(whole) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(whole))))),
            Self::Upstream(exchange) => Pin::new(&mut **exchange).poll_frame(context),
            Self::Tunnel(_) => Poll::Ready(None),
            Self::Http2(answer) => Pin::new(&mut **answer).poll_frame(context),
            Self::Logged(logged) => Pin::new(&mut **logged).poll_frame(context),
            Self::WithTrailers(own) => Poll::Ready(own.next().map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(whole) => whole.is_empty(),
            Self::Upstream(exchange) => exchange.is_end_stream(),
            Self::Tunnel(_) => true,
            Self::Http2(answer) => answer.is_end_stream(),
            Self::Logged(logged) => logged.is_end_stream(),
            Self::WithTrailers(own) => own.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(whole) => SizeHint::with_exact(whole.len() as u64),
            Self::Upstream(exchange) => exchange.size_hint(),
            Self::Tunnel(_) => SizeHint::with_exact(0),
            Self::Http2(answer) => answer.size_hint(),
            Self::Logged(logged) => logged.size_hint(),
            Self::WithTrailers(_) => SizeHint::default(),
        }
    }
}
