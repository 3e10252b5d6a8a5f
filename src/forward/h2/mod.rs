//! HTTP/2 to an upstream (RFC 9113): many requests on one connection.

use std::{rc::Rc, task::Poll, time::Duration};

use h2::{Reason, client::ResponseFuture};
use http::{Request, Response, StatusCode};
use http_body::Body as _;

mod answer;
mod head;
mod keepalive;
mod line;
mod pool;
mod socket;
mod upload;

pub use answer::Answer;
pub(super) use pool::Multiplexed;

use super::{
    BadReply, BodyError, ForwardError, RequestBody, ResponseBody, Way, attempt, can_be_repeated,
    compose::Composition,
    grpc_timeout,
    pool::{Connections, Stay},
    trailers,
};
use crate::deadline::Deadline;
use upload::Upload;

/// Why there is no response from one address.
pub(super) struct Missed {
    pub(super) error: ForwardError,
    /// The request's body, if it is certain that nobody did anything with the request.
    pub(super) left: Option<RequestBody>,
    /// Whether there was no connection.
    pub(super) is_closed: bool,
}

/// Why an attempt has no response.
struct Failure {
    error: ForwardError,
    fate: Fate,
    /// The request's body, if nothing was taken of it.
    body: Option<RequestBody>,
    /// Whether there is no connection: another one to the same address helps nobody.
    is_elsewhere: bool,
}

/// What became of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The upstream did nothing with it, which is certain (RFC 9113 §8.7).
    Untouched,
    /// A connection that had served others broke. The upstream may have seen the request.
    Lost,
    /// The upstream saw it, or that does not matter.
    Seen,
}

/// How often a request is sent that the upstream does nothing with.
const ATTEMPTS: usize = 3;
/// How many interim responses (1xx) are passed over.
const MAX_INTERIM: usize = 16;

/// Forwards a request to the only address of an upstream that speaks HTTP/2.
///
/// # Errors
/// [`ForwardError`] when there is no response.
pub(super) async fn forward(
    composition: &Composition<'_>,
    body: RequestBody,
    connections: &Rc<Connections>,
    way: &Way<'_>,
) -> Result<Response<ResponseBody>, ForwardError> {
    let mut deadline = deadline(composition, way);
    let sent = try_at(composition, body, connections.stay(), &mut deadline, way).await;
    let sent = sent.map_err(|missed| attempt::Failure::from(missed.error));
    connections.judge(&sent, way.clock);
    sent.map_err(|failure| failure.error)
}

/// Sends a request to the address of `stay`, and once more where that cannot be seen twice. Its `deadline` is
/// taken along by the response.
///
/// # Errors
/// [`Missed`] when there is no response.
pub(super) async fn try_at(
    composition: &Composition<'_>,
    mut body: RequestBody,
    stay: Stay,
    deadline: &mut Option<Deadline>,
    way: &Way<'_>,
) -> Result<Response<ResponseBody>, Missed> {
    let server = &stay.lane().endpoint().server;
    let head = head::compose(composition, server, &body)
        .map_err(|head::BadHead| Missed::of(ForwardError::Unwritable))?;
    for attempt in 1.. {
        let again = body.again();
        let sent = send(
            composition,
            head.clone(),
            body,
            &stay,
            way,
            deadline.as_ref(),
        )
        .await;
        let failure = match sent {
            Ok((response, begun)) => {
                let begun = begun.at(stay, way);
                let response = begun.respond(response, composition, deadline.take());
                return response.map_err(Missed::of);
            }
            Err(failure) => failure,
        };
        let untouched = failure.fate == Fate::Untouched;
        let next = match failure.fate {
            Fate::Untouched => failure.body.or(again),
            Fate::Lost if attempt == 1 && can_be_repeated(composition.head) => again,
            Fate::Lost | Fate::Seen => None,
        };
        match next {
            Some(next) if !failure.is_elsewhere && attempt < ATTEMPTS => body = next,
            left => {
                return Err(Missed {
                    error: failure.error,
                    left: left.filter(|_| untouched),
                    is_closed: failure.is_elsewhere,
                });
            }
        }
    }
    Err(Missed::of(ForwardError::ResponseTimeout))
}

/// When the whole exchange has to be over, as the client of a call says.
pub(super) fn deadline(composition: &Composition<'_>, way: &Way<'_>) -> Option<Deadline> {
    let fields = &composition.head.headers;
    if !trailers::is_grpc(fields) {
        return None;
    }
    let time = grpc_timeout::of(fields)?;
    let deadline = way.pace.upstream.another();
    deadline.set(time);
    Some(deadline)
}

/// Sends a request once, and waits for the head of its response.
async fn send(
    composition: &Composition<'_>,
    head: Request<()>,
    body: RequestBody,
    stay: &Stay,
    way: &Way<'_>,
    deadline: Option<&Deadline>,
) -> Result<(Response<h2::RecvStream>, answer::Sent), Failure> {
    let lane = stay.lane();
    let seat = match lane.multiplexed.seat(way.upstream, lane.endpoint()).await {
        Ok(seat) => seat,
        Err(error) => {
            return Err(Failure {
                error,
                fate: Fate::Untouched,
                body: Some(body),
                is_elsewhere: true,
            });
        }
    };
    let (reused, heard) = (seat.line.is_used(), seat.line.heard());
    let (mut answer, stream) = match seat.line.send(head, body.is_end_stream()) {
        Ok(sent) => sent,
        Err(error) => {
            seat.line.retire();
            return Err(Failure {
                error: ForwardError::Closed(line::broken(error)),
                fate: Fate::Untouched,
                body: Some(body),
                is_elsewhere: false,
            });
        }
    };
    let mut upload = Upload::new(body, stream, composition);
    let patience: Duration = way.upstream.response_timeout;
    way.pace.goes_out(patience);
    let mut interim = 0;
    let reply = std::future::poll_fn(|context| {
        if let Poll::Ready(Err(error)) = upload.poll(context) {
            return Poll::Ready(Err(Failure::seen(ForwardError::Body(error))));
        }
        if let Poll::Ready(reply) = poll_answer(&mut answer, &mut interim, context) {
            return Poll::Ready(reply.map_err(|error| Failure::of(error, reused)));
        }
        if way.pace.upload.poll(context).is_ready() {
            let error = ForwardError::Body(BodyError::Stalled);
            return Poll::Ready(Err(Failure::seen(error)));
        }
        let late = way.pace.upstream.poll(context).is_ready()
            || deadline.is_some_and(|deadline| deadline.poll(context).is_ready());
        if late {
            seat.line.doubt(heard);
            return Poll::Ready(Err(Failure::seen(ForwardError::ResponseTimeout)));
        }
        Poll::Pending
    })
    .await;
    way.pace.upstream.clear();
    match reply {
        Ok(reply) => Ok((
            reply,
            answer::Sent {
                seat,
                upload,
                patience,
            },
        )),
        Err(mut failure) => {
            failure.body = upload.into_untouched();
            Err(failure)
        }
    }
}

/// What comes in the place of a response.
enum NoReply {
    Http2(h2::Error),
    SwitchedProtocols,
    TooManyInterim,
}

fn poll_answer(
    answer: &mut ResponseFuture,
    interim: &mut usize,
    context: &mut std::task::Context<'_>,
) -> Poll<Result<Response<h2::RecvStream>, NoReply>> {
    while let Poll::Ready(Some(Ok(response))) = answer.poll_informational(context) {
        *interim += 1;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Poll::Ready(Err(NoReply::SwitchedProtocols));
        }
        if *interim > MAX_INTERIM {
            return Poll::Ready(Err(NoReply::TooManyInterim));
        }
    }
    std::pin::Pin::new(answer)
        .poll(context)
        .map_err(NoReply::Http2)
}

impl Missed {
    const fn of(error: ForwardError) -> Self {
        Self {
            error,
            left: None,
            is_closed: false,
        }
    }
}

impl Failure {
    const fn seen(error: ForwardError) -> Self {
        Self {
            error,
            fate: Fate::Seen,
            body: None,
            is_elsewhere: false,
        }
    }

    fn of(why: NoReply, reused: bool) -> Self {
        let error = match why {
            NoReply::SwitchedProtocols => return Self::seen(ForwardError::SwitchedProtocols),
            NoReply::TooManyInterim => {
                return Self::seen(ForwardError::Malformed(BadReply::TooLarge));
            }
            NoReply::Http2(error) => error,
        };
        // A goodbye is told to those requests only that stand behind the last one that was looked at.
        let refused = error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM);
        let fate = if error.is_remote() && refused {
            Fate::Untouched
        } else if error.is_io() && reused {
            Fate::Lost
        } else {
            Fate::Seen
        };
        let error = if error.is_library() {
            ForwardError::Malformed(BadReply::Http2)
        } else {
            ForwardError::Closed(line::broken(error))
        };
        Self {
            error,
            fate,
            body: None,
            is_elsewhere: false,
        }
    }
}
