//! What comes of an attempt over HTTP/2, where an upstream can say that it did nothing with a request.

use std::rc::Rc;

use http::Response;

use super::{Ended, Journey};
use crate::forward::{
    ForwardError, RequestBody, ResponseBody, Way, attempt::Failure, h2::Missed, pool::Connections,
};

impl<'r> Journey<'r> {
    /// What comes of an attempt that was repeated already where nobody could have seen it. `again` is the
    /// body of a request that may be seen twice.
    pub(super) fn ends_http2(
        &mut self,
        sent: Result<Response<ResponseBody>, Missed>,
        again: Option<RequestBody>,
        lane: &Rc<Connections>,
        way: &Way<'r>,
    ) -> Ended {
        let sent = match sent {
            Err(Missed {
                error,
                left: Some(left),
                is_closed: true,
            }) => {
                return match self.finds_closed(error, lane, way) {
                    Ok(()) => Ended::Again(left),
                    Err(error) => Ended::For(Box::new(Err(error))),
                };
            }
            Err(Missed { error, left, .. }) => Err((error, left)),
            Ok(response) => Ok(response),
        };
        self.attempts += 1;
        self.tried.was_at(lane.endpoint());
        let sent = match sent {
            Err((error, Some(left))) => {
                lane.judge(&error, way.clock);
                return self.is_refused(error, left, way);
            }
            Err((error, None)) => Err(Failure::from(error)),
            Ok(response) => Ok(response),
        };
        lane.judge(&sent, way.clock);
        self.ends(sent, again, false, &way.upstream.group)
    }

    /// The upstream did nothing with the request, so it may go elsewhere whatever its method. Other than a
    /// closed door, that cost somebody something: it counts.
    fn is_refused(&mut self, error: ForwardError, left: RequestBody, way: &Way<'r>) -> Ended {
        let group = &way.upstream.group;
        let rule = &group.settings().retry;
        // The one before has ended.
        self.retrying = None;
        if rule.on.connect_failure && self.attempts < rule.attempts && self.begin(group) {
            return Ended::Again(left);
        }
        Ended::For(Box::new(Err(error)))
    }
}
