//! What filters, bindings and rules look at: who a request is from (the other end of the connection,
//! or whom trusted proxies name), and what of it goes on.

use std::{
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use http::{
    HeaderMap, HeaderName,
    header::{CONTENT_LENGTH, FORWARDED, HOST},
    request::Parts,
};

use super::{Gateway, Note, Refusal, Silent, Snapshot};
use crate::{
    authz::Facts,
    forward::{
        RequestBody,
        headers::{X_FORWARDED_FOR, named_by_connection, passes},
    },
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
            let address = address(snapshot, note.peer, &head.headers);
            keep_what_goes_on(head, snapshot.trusts(note.peer), route);
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
        address: address(snapshot, peer, &head.headers),
        gone: named_by_connection(&head.headers).into_vec(),
    }
}

/// Removes what would not go on to the upstream: for bindings and rules it is not there either, be it
/// that `Connection` names it or that only the gateway may say it.
pub(super) fn keep_what_goes_on(head: &mut Parts, trusted: bool, route: &Route) {
    let gone = named_by_connection(&head.headers);
    let goes_on = |name: &HeaderName| {
        let framing = matches!(*name, HOST | CONTENT_LENGTH);
        let passes = passes(name.as_str(), trusted, route.methods.is_some());
        framing || (passes && !gone.contains(name))
    };
    let ending = head.headers.keys().filter(|name| !goes_on(name));
    let ending: Vec<HeaderName> = ending.cloned().collect();
    for name in ending {
        head.headers.remove(name);
    }
}

/// The client's address: of those that proxies added, the last one that is no trusted proxy's. A field
/// of the request counts only when a trusted proxy is at the other end. `None` when it is not known:
/// on a Unix socket, or when what proxies say cannot be understood or contradicts itself.
pub(super) fn address(
    snapshot: &Snapshot,
    peer: Option<IpAddr>,
    headers: &HeaderMap,
) -> Option<IpAddr> {
    let peer = peer?.to_canonical();
    if !snapshot.trusts(Some(peer)) {
        return Some(peer);
    }
    let x_forwarded_for = headers.contains_key(X_FORWARDED_FOR);
    let forwarded = headers.contains_key(FORWARDED);
    // The proxy writes one of them, and may pass the other on as the client sent it.
    match (x_forwarded_for, forwarded) {
        (false, false) => Some(peer),
        (true, false) => last(snapshot, peer, &nodes(headers)?),
        (false, true) => last(snapshot, peer, &forwarded_nodes(headers)?),
        (true, true) => {
            let one = last(snapshot, peer, &nodes(headers)?);
            let other = last(snapshot, peer, &forwarded_nodes(headers)?);
            if one == other { one } else { None }
        }
    }
}

/// Of the hops in their order, the last that is no trusted proxy; the first if all of them are.
fn last(snapshot: &Snapshot, peer: IpAddr, hops: &[String]) -> Option<IpAddr> {
    let mut client = peer;
    for hop in hops.iter().rev() {
        client = node(hop)?;
        if !snapshot.trusts(Some(client)) {
            break;
        }
    }
    Some(client)
}

/// The elements of `X-Forwarded-For`, in the order of all its fields.
fn nodes(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut nodes = Vec::new();
    for value in headers.get_all(X_FORWARDED_FOR) {
        let text = value.to_str().ok()?;
        nodes.extend(text.split(',').map(|node| node.trim().to_owned()));
    }
    Some(nodes)
}

/// The `for` of each element of `Forwarded` (RFC 7239 §4). One without it is a hop that is not known.
fn forwarded_nodes(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut nodes = Vec::new();
    for value in headers.get_all(FORWARDED) {
        let text = value.to_str().ok()?;
        // A quoted comma or semicolon is in no address, so that the pieces of one are none either.
        for element in text.split(',') {
            let mut names = element.split(';').filter_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case("for")
                    .then(|| value.trim())
            });
            let (Some(node), None) = (names.next(), names.next()) else {
                return None;
            };
            let inner = node
                .strip_prefix('"')
                .and_then(|node| node.strip_suffix('"'));
            nodes.push(inner.unwrap_or(node).to_owned());
        }
    }
    Some(nodes)
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    };
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    address
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests;
