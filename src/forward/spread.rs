//! A request to an upstream at several addresses: where it goes, and whether it is tried once more.

use std::rc::Rc;

use http::Response;

use super::{
    ForwardError, Protocol, RequestBody, ResponseBody, Way,
    attempt::Failure,
    balance::{self, Outcome, Retry, Retrying, Tried},
    can_be_repeated,
    compose::Composition,
    h2, look,
    pool::Connections,
    send,
};

mod multiplexed;

/// What has been tried of one request.
#[derive(Default)]
struct Journey<'r> {
    tried: Tried,
    /// How often it may have been seen, or as good as.
    attempts: u32,
    /// Only on a new connection: an unused one that was closed may not have been the only one.
    anew: bool,
    retrying: Option<Retrying<'r>>,
    /// Why the last door was closed.
    closed: Option<ForwardError>,
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
    let mut deadline = match way.upstream.protocol {
        Protocol::Http2 => h2::deadline(composition, way),
        Protocol::Auto | Protocol::Http1 => None,
    };
    loop {
        let entering = way.lanes.enter(way.upstream, &journey.tried, way.clock);
        let Some(stay) = entering.await? else {
            // Every door was closed; the last one says why.
            return Err(journey.closed.unwrap_or(ForwardError::Full));
        };
        let lane = Rc::clone(stay.lane());
        way.tells(lane.endpoint());
        if way.upstream.protocol == Protocol::Http2 {
            let again = journey.spare(&body, composition, group);
            let sent = h2::try_at(composition, body, stay, &mut deadline, way);
            match journey.ends_http2(Box::pin(sent).await, again, &lane, way) {
                Ended::For(result) => return *result,
                Ended::Again(again) => body = again,
            }
            continue;
        }
        let lease = if journey.anew {
            stay.new_lease(way.upstream).await
        } else {
            stay.lease(way.upstream, look(&body, composition)).await
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => {
                journey.finds_closed(error, &lane, way)?;
                continue;
            }
        };
        let again = journey.spare(&body, composition, group);
        journey.attempts += 1;
        journey.tried.was_at(lane.endpoint());
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

    /// The body for one more attempt behind the next one, where the request may be seen twice.
    fn spare(
        &self,
        body: &RequestBody,
        composition: &Composition<'_>,
        group: &balance::Group,
    ) -> Option<RequestBody> {
        let may_again = self.attempts + 1 < group.settings().retry.attempts
            && can_be_repeated(composition.head);
        may_again.then(|| body.again()).flatten()
    }

    /// No connection could be made.
    ///
    /// # Errors
    /// That very error, when nothing else is to be tried.
    fn finds_closed(
        &mut self,
        error: ForwardError,
        lane: &Rc<Connections>,
        way: &Way<'_>,
    ) -> Result<(), ForwardError> {
        let group = way.lanes.group();
        lane.judge(&error, way.clock);
        group.wants_look_up();
        if !self.goes_on_after(&error, &group.settings().retry) {
            return Err(error);
        }
        group.retries().count();
        self.tried.found_closed(lane.endpoint());
        self.closed = Some(error);
        Ok(())
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
