//! Who a request is from: the other end of the connection, or whom trusted proxies name.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header::FORWARDED};

use super::Snapshot;
use crate::forward::headers::X_FORWARDED_FOR;

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
