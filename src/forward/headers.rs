//! The header fields on their way: what belongs to one connection only is dropped (RFC 9110 §7.6.1),
//! what only the gateway may say is dropped and then set.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, EXPECT, FORWARDED, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE, VIA,
    },
};
use smallvec::SmallVec;

use crate::identity;

/// `x-request-id`, on every request and every response.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `x-forwarded-for`.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `x-forwarded-proto`.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `x-forwarded-host`.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `traceparent` (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Fields that end at this connection, whatever `Connection` says.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
];

/// Fields by which a client could make the upstream see another request than the one that was checked.
const REWRITES: [&str; 6] = [
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-prefix",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-original-host",
];

/// Fields by which a client could make the upstream see another method.
const METHOD_OVERRIDES: [&str; 3] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// Fields that the gateway sets itself, besides the identity headers.
const OWN: [HeaderName; 6] = [
    X_REQUEST_ID,
    X_FORWARDED_FOR,
    X_FORWARDED_PROTO,
    X_FORWARDED_HOST,
    FORWARDED,
    TRACEPARENT,
];

/// Removes what belongs to the client's connection only.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // `Connection` comes first: it may name fields, in any case and on several lines.
    if !headers.get_all(CONNECTION).iter().all(names_no_field) {
        for name in named_by_connection(headers) {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Removes what the client asks of a proxy: it was asked of this one.
pub fn remove_for_proxies(headers: &mut HeaderMap) {
    headers.remove(PROXY_AUTHORIZATION);
    headers.remove(EXPECT);
}

/// Removes every field that only the gateway may say, in every spelling that an upstream could take
/// for it (`X_Auth_Subject`, `x.auth.subject`), and what would rewrite the request behind its back.
pub fn remove_spoofed(headers: &mut HeaderMap, trusted: bool, one_method: bool) {
    for name in &identity::HEADER_NAMES {
        headers.remove(name);
    }
    remove_aliases(headers);
    if !trusted {
        for name in REWRITES {
            headers.remove(name);
        }
    }
    if one_method {
        for name in METHOD_OVERRIDES {
            headers.remove(name);
        }
    }
}

fn remove_aliases(headers: &mut HeaderMap) {
    let aliases: SmallVec<[HeaderName; 4]> = headers
        .keys()
        .filter(|name| memchr::memchr2(b'_', b'.', name.as_str().as_bytes()).is_some())
        .filter(|name| {
            let dashed: String = name
                .as_str()
                .chars()
                .map(|c| if matches!(c, '_' | '.') { '-' } else { c })
                .collect();
            identity::HEADER_NAMES
                .iter()
                .chain(&OWN)
                .any(|own| own.as_str() == dashed)
                || REWRITES.contains(&dashed.as_str())
                || METHOD_OVERRIDES.contains(&dashed.as_str())
        })
        .cloned()
        .collect();
    for alias in aliases {
        headers.remove(alias);
    }
}

fn names_no_field(connection: &HeaderValue) -> bool {
    let value = connection.as_bytes();
    value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close")
}

fn named_by_connection(headers: &HeaderMap) -> SmallVec<[HeaderName; 4]> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}

/// `via: 1.1 portcullis`, after whatever stands there.
pub fn append_via(headers: &mut HeaderMap) {
    const OURS: HeaderValue = HeaderValue::from_static("1.1 portcullis");
    headers.append(VIA, OURS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(n, v)| {
                (
                    HeaderName::from_bytes(n.as_bytes()).unwrap(),
                    v.parse().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn connection_names_more_fields_on_every_line() {
        let mut map = HeaderMap::new();
        map.append(CONNECTION, "keep-alive".parse().unwrap());
        map.append(CONNECTION, "X-Hop, close".parse().unwrap());
        for name in ["x-hop", "x-stays", "upgrade", "te", "keep-alive", "trailer"] {
            map.append(HeaderName::from_static(name), "v".parse().unwrap());
        }
        remove_hop_by_hop(&mut map);
        // The first line looks plain, the second names a field all the same.
        assert_eq!(
            map.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-stays"]
        );
    }

    #[test]
    fn identity_headers_go_in_every_spelling_and_others_stay() {
        let mut map = headers(&[
            ("X-Auth-Subject", "admin"),
            ("x_auth_subject", "admin"),
            ("x.auth.groups", "admin"),
            ("X-Auth_Scope", "all"),
            ("x_request_id", "1"),
            ("x_original_url", "/admin"),
            ("x-original-url", "/admin"),
            ("x_custom", "stays"),
            ("x-auth-subjects", "stays"),
            ("x-http-method-override", "DELETE"),
        ]);
        remove_spoofed(&mut map, false, true);
        let mut left: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-auth-subjects", "x_custom"]);
    }

    #[test]
    fn a_trusted_proxy_may_say_what_was_rewritten() {
        let mut map = headers(&[("x-forwarded-prefix", "/api"), ("x-auth-subject", "admin")]);
        remove_spoofed(&mut map, true, false);
        assert_eq!(
            map.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-forwarded-prefix"]
        );
    }
}
