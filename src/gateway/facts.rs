//! What filters, bindings and rules look at: where a request is from, and what of it goes on.

use std::{net::IpAddr, pin::Pin, sync::Arc};

use http::{
    HeaderName,
    header::{CONTENT_LENGTH, HOST},
    request::Parts,
};

use super::{Gateway, Note, Refusal, Silent, Snapshot, client};
use crate::{
    authz::Facts,
    forward::{
        RequestBody,
        headers::{named_by_connection, passes},
        trailers::keep_wish,
    },
    identity::OwnHeaders,
    route::{Route, Visit},
};

impl Gateway {
    /// What the route's bindings and rules look at. Few routes have any, so it is kept apart from
    /// what every request needs.
    pub(super) fn facts<'f>(
        &'f self,
        snapshot: &'f Snapshot,
        head: &'f mut Parts,
        body: &'f mut RequestBody,
        route: &'f Route,
        note: &'f Note,
    ) -> Pin<Box<dyn Future<Output = Result<Facts, Refusal>> + 'f>> {
        Box::pin(async move {
            // Asked before anything is dropped: `Connection` must not make a proxy of its client.
            let address = client::address(snapshot, note.peer, &head.headers);
            let own = &snapshot.policy.own_headers;
            keep_what_goes_on(head, own, snapshot.trusts(note.peer), route);
            let (bytes, time) = (self.limits.bind_body_bytes, self.limits.header_timeout);
            let body = match route.bind.want_body() {
                true => Some(body.buffer(bytes, time).await.map_err(Refusal::BoundBody)?),
                false => None,
            };
            Ok(Facts { address, body })
        })
    }

    /// The route that a request from `peer` would take, if there is one for it.
    #[must_use]
    pub fn route_for(&self, mut head: Parts, peer: Option<IpAddr>) -> Option<Arc<Route>> {
        let note = Note {
            peer,
            ..Note::default()
        };
        let snapshot = self.snapshot();
        self.route(&snapshot, &mut head, &note, &mut Silent).ok()
    }
}

/// The request as the filters of routes see it.
pub(super) fn visit<'v>(
    head: &'v Parts,
    host: &'v str,
    snapshot: &Snapshot,
    peer: Option<IpAddr>,
) -> Visit<'v> {
    Visit {
        head,
        host,
        address: client::address(snapshot, peer, &head.headers),
        gone: named_by_connection(&head.headers).into_vec(),
    }
}

/// Removes what would not go on to the upstream: for bindings and rules it is not there either, be it
/// that `Connection` names it or that only the gateway may say it.
pub(super) fn keep_what_goes_on(head: &mut Parts, own: &OwnHeaders, trusted: bool, route: &Route) {
    keep_wish(head);
    let gone = named_by_connection(&head.headers);
    let goes_on = |name: &HeaderName| {
        let framing = matches!(*name, HOST | CONTENT_LENGTH);
        let passes = passes(name.as_str(), own, trusted, route.methods.is_some());
        framing || (passes && !gone.contains(name))
    };
    let ending = head.headers.keys().filter(|name| !goes_on(name));
    let ending: Vec<HeaderName> = ending.cloned().collect();
    for name in ending {
        head.headers.remove(name);
    }
}
