//! What the access log is told of a request. Where there is none, each of these is a look at a `None`.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Response, request::Parts};

use super::{Code, Exchange, Gateway, Note, Refusal, Step};
use crate::{
    access_log::{AccessLog, Asked, Entry, Event, Outcome},
    forward::{Logged, Peer, ResponseBody},
    issuer::Issuer,
    route::Route,
    telemetry::Metrics,
};

impl Gateway {
    /// Begins the line of a request.
    pub(super) fn begin_line(
        &self,
        head: &Parts,
        request_id: &HeaderValue,
        exchange: &Exchange<'_>,
    ) -> Option<Box<Entry>> {
        let log = self.access_log.as_ref()?;
        Some(log.begin(&Asked {
            method: &head.method,
            path: head.uri.path(),
            version: head.version,
            fields: &head.headers,
            request_id,
            client: exchange.peer.address,
            tls: exchange.peer.tls(),
        }))
    }

    /// The line of what never became a request.
    pub(super) fn line_unread(&self, code: Code, id: &HeaderValue, peer: &Peer) {
        if let Some(log) = &self.access_log {
            log.tell(Event {
                request_id: id.to_str().unwrap_or_default().into(),
                outcome: Outcome::Refuse,
                status: Some(code.status().as_u16()),
                code: Some(code.name()),
                client: peer.address,
                tls: peer.tls(),
                ..Event::default()
            });
        }
    }

    /// The access log, if there is one.
    #[must_use]
    pub fn access_log(&self) -> Option<&AccessLog> {
        self.access_log.as_deref()
    }
}

impl Note {
    /// The upstream has begun its response, or failed, after so long.
    pub(super) fn was_answered_in(&self, duration: Duration, metrics: &Metrics) {
        metrics.upstream_duration.observe(duration);
        if let Some(entry) = &self.entry {
            entry.was_answered_in(duration);
        }
    }
}

/// How a refusal is counted and told.
pub(super) fn outcome(refusal: &Refusal) -> Outcome {
    match refusal {
        Refusal::Panicked => Outcome::Fail,
        _ if refusal.step() == Step::Upstream => Outcome::Fail,
        _ => Outcome::Refuse,
    }
}

/// The response, which takes the line of its request along.
pub(super) fn answered(
    response: Response<ResponseBody>,
    entry: Option<Box<Entry>>,
    told: (&Option<Arc<Route>>, &Option<Arc<Issuer>>),
    refusal: Option<&Refusal>,
) -> Response<ResponseBody> {
    match entry {
        None => response,
        Some(entry) => attached(response, entry, told, refusal),
    }
}

#[cold]
fn attached(
    response: Response<ResponseBody>,
    entry: Box<Entry>,
    (route, issuer): (&Option<Arc<Route>>, &Option<Arc<Issuer>>),
    refusal: Option<&Refusal>,
) -> Response<ResponseBody> {
    entry.is_answered(
        response.status().as_u16(),
        refusal.map_or(Outcome::Allow, outcome),
        refusal.map(|refusal| refusal.code().name()),
        route.as_ref().map(|route| &route.name),
        issuer.as_ref().map(|issuer| &issuer.name),
    );
    let (head, body) = response.into_parts();
    let body = match body {
        ResponseBody::Tunnel(mut tunnel) => {
            tunnel.entry = Some(entry);
            ResponseBody::Tunnel(tunnel)
        }
        body => ResponseBody::Logged(Box::new(Logged::new(body, entry))),
    };
    Response::from_parts(head, body)
}
