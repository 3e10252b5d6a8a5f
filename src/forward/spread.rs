//! A request to an upstream at several addresses: where it goes, and whether it is tried once more.

use std::rc::Rc;

use http::Response;

use super::{
    ForwardError, Protocol, RequestBody, ResponseBody, Way,
    attempt::Failure,
    balance::{self, Outcome, Retry, Retrying, Tried},
    can_be_repeated,
    compose::Composition,
    h2,
    pool::Connections,
    send,
};

/// What has been tried of one request.
#[derive(Default)]
struct Journey<'r> {
    tried: Tried,
    /// How often it may have been seen, or as good as.
    attempts: u32,
    /// Only on a new connection: an unused one that was closed may not have been the only one.
    anew: bool,
    retrying: Option<Retrying<'r>>,
}

/// Why an attempt is not the last one, and what of the request is left.
enum Ended {
    /// The answer or the error is the last word.
    For(Box<Result<Response<ResponseBody>, ForwardError>>),
    /// It may be tried elsewhere.
    Again(RequestBody),
}

/// Sends a request to one of the addresses. Once more only where nothing was sent, or where its method is
/// idempotent and its body is at hand.
pub(super) async fn spread(
    composition: &Composition<'_>,
    mut body: RequestBody,
    way: &Way<'_>,
) -> Result<Response<ResponseBody>, ForwardError> {
    let group = way.lanes.group();
    let mut journey = Journey::default();
    let mut last = None;
    loop {
        let entering = way.lanes.enter(way.upstream, &journey.tried, way.clock);
        let Some(stay) = entering.await? else {
            // Every door was closed; the last one says why.
            return Err(last.unwrap_or(ForwardError::Full));
        };
        let lane = Rc::clone(stay.lane());
        if way.upstream.protocol == Protocol::Http2 {
            let again = body.again();
            journey.tried.was_at(lane.endpoint());
            journey.attempts += 1;
            let sent = Box::pin(h2::try_at(composition, body, stay, way)).await;
            match journey.ends_http2(sent, again, &lane, way) {
                Ended::For(result) => return *result,
                Ended::Again(again) => body = again,
            }
            continue;
        }
        let lease = if journey.anew {
            stay.new_lease(way.upstream).await
        } else {
            stay.lease(way.upstream).await
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => {
                lane.judge(&error, way.clock);
                group.wants_look_up();
                if !journey.goes_on_after(&error, &group.settings().retry) {
                    return Err(error);
                }
                group.retries().count();
                journey.tried.found_closed(lane.endpoint());
                last = Some(error);
                continue;
            }
        };
        journey.attempts += 1;
        journey.tried.was_at(lane.endpoint());
        let may_again =
            journey.attempts < group.settings().retry.attempts && can_be_repeated(composition.head);
        let again = may_again.then(|| body.again()).flatten();
        let reused = lease.reused;
        let sent = send(composition, body, lease, way).await;
        if is_stale(&sent, reused) {
            // It says nothing about the address.
            lane.count(Outcome::Broken);
        } else {
            lane.judge(&sent, way.clock);
        }
        match journey.ends(sent, again, reused, group) {
            Ended::For(result) => return *result,
            Ended::Again(again) => body = again,
        }
    }
}

impl<'r> Journey<'r> {
    /// Whether a connection that could not be made is a reason to try elsewhere. A refused one costs no
    /// time, so all addresses are tried; one that took too long counts.
    fn goes_on_after(&mut self, error: &ForwardError, rule: &Retry) -> bool {
        if matches!(error, ForwardError::ConnectTimeout) {
            self.attempts += 1;
        }
        rule.on.connect_failure && self.attempts < rule.attempts
    }

    /// What comes of an attempt over HTTP/2, which was repeated already where nobody could have seen it.
    fn ends_http2(
        &mut self,
        sent: Result<Response<ResponseBody>, (ForwardError, Option<RequestBody>)>,
        again: Option<RequestBody>,
        lane: &Rc<Connections>,
        way: &Way<'r>,
    ) -> Ended {
        let group = &way.upstream.group;
        let (sent, left) = match sent {
            Ok(response) => (Ok(response), None),
            Err((error, left)) => (Err(Failure::from(error)), left),
        };
        lane.judge(&sent, way.clock);
        if let (Err(failure), Some(left)) = (&sent, left) {
            // Nobody has seen it: it may go to any other address.
            group.wants_look_up();
            if self.attempts < group.settings().retry.attempts
                && self.goes_on_after(&failure.error, &group.settings().retry)
            {
                group.retries().count();
                return Ended::Again(left);
            }
        }
        let sent = sent.map_err(|failure| Failure {
            unanswered: false,
            ..failure
        });
        let again = again.filter(|_| self.attempts < group.settings().retry.attempts);
        self.ends(sent, again, false, group)
    }

    fn ends(
        &mut self,
        sent: Result<Response<ResponseBody>, Failure>,
        again: Option<RequestBody>,
        reused: bool,
        group: &'r balance::Group,
    ) -> Ended {
        let rule = &group.settings().retry;
        let stale = is_stale(&sent, reused);
        self.anew |= sent.is_err();
        let asks = match &sent {
            Ok(response) => rule.on.statuses.contains(&response.status()),
            Err(failure) => stale || rule.on.closed && is_closed(failure),
        };
        // The one before has ended.
        self.retrying = None;
        let again = again.filter(|_| asks && (stale || self.begin(group)));
        let Some(again) = again else {
            return Ended::For(Box::new(sent.map_err(|failure| failure.error)));
        };
        if stale {
            // Upstreams close unused connections all the time: that is no outage.
            group.retries().count();
        }
        Ended::Again(again)
    }

    /// Whether there is room for one more retry.
    fn begin(&mut self, group: &'r balance::Group) -> bool {
        let percent = group.settings().retry.budget_percent;
        self.retrying = group.retries().begin(group.load(), percent);
        self.retrying.is_some()
    }
}

/// An unused connection was closed before the request could be answered: says nothing about its upstream.
fn is_stale(sent: &Result<Response<ResponseBody>, Failure>, reused: bool) -> bool {
    reused && matches!(sent, Err(failure) if is_closed(failure))
}

fn is_closed(failure: &Failure) -> bool {
    failure.unanswered && matches!(failure.error, ForwardError::Closed(_))
}
