//! The answer for a request that may pass: who it is, and what must not go on.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

use super::{Kind, serve::bare};
use crate::{
    authz::Permit,
    forward::{
        ResponseBody,
        headers::{self, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REQUEST_ID},
    },
    identity::OwnHeaders,
};

/// The names of fields that Envoy takes out of the request.
pub(super) const TO_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// What the other proxy says of its own connections: it would break them to take that away.
const ITS_OWN: [HeaderName; 12] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    TRAILER,
    CONNECTION,
    UPGRADE,
    TE,
    EXPECT,
    X_FORWARDED_FOR,
    X_FORWARDED_HOST,
    X_FORWARDED_PROTO,
    // It gave us this, and gets it back.
    X_REQUEST_ID,
];

/// The answer; `came` are the fields that the request came with, `trusted` is whether its client is a proxy
/// whose word counts. The permit is used up: what it permits is done by whoever asked.
pub(super) fn answer(
    kind: Kind,
    permit: Permit,
    (came, trusted): (&HeaderMap, bool),
    own: &OwnHeaders,
) -> Response<ResponseBody> {
    let (head, route, principal) = permit.into_parts();
    let mut response = bare();
    let fields = response.headers_mut();
    if let Some(principal) = &principal {
        for (name, value) in principal.headers().iter() {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(value);
            // Both were checked when the principal was made.
            if let (Ok(name), Ok(value)) = (name, value) {
                fields.append(name, value);
            }
        }
    }
    if kind.removes() {
        let one_method = route.methods.is_some();
        let passes = |name: &str| headers::passes(name, own, trusted, one_method);
        let gone = gone(came, &head.headers, passes);
        let gone = gone.filter(|name| !fields.contains_key(*name));
        let names: Vec<&str> = gone.map(HeaderName::as_str).collect();
        if let Ok(names) = HeaderValue::try_from(names.join(","))
            && !names.is_empty()
        {
            fields.insert(TO_REMOVE, names);
        }
        // Without the token or the session that stood there beside others.
        if let Some(cookie) = head.headers.get(COOKIE)
            && came.get(COOKIE) != Some(cookie)
        {
            fields.insert(COOKIE, cookie.clone());
        }
    }
    response
}

/// The names of what came and must not go on: the token, what only the gateway may say, and what `Connection`
/// names.
fn gone<'c>(
    came: &'c HeaderMap,
    goes_on: &'c HeaderMap,
    passes: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &'c HeaderName> {
    let named = headers::named_by_connection(came);
    came.keys().filter(move |name| {
        let passes = passes(name.as_str()) && goes_on.contains_key(*name) && !named.contains(name);
        !passes && !ITS_OWN.contains(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in names {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn what_a_client_may_not_say_is_named() {
        let came = map(&[
            ("host", "a"),
            ("connection", "x-hidden, x-auth-scope"),
            ("x-hidden", "1"),
            ("x-auth-scope", "all"),
            ("x_auth_groups", "admin"),
            ("x.request.id", "1"),
            ("x-request-id", "1"),
            ("x-forwarded-for", "192.0.2.1"),
            ("authorization", "Bearer t"),
            ("x-role", "admin"),
            ("x-http-method-override", "DELETE"),
            ("x-original-url", "/admin"),
            ("accept", "*/*"),
        ]);
        let mut goes_on = came.clone();
        goes_on.remove("authorization");
        let own = OwnHeaders::new(["X-Role"]);
        let strict = |name: &str| headers::passes(name, &own, false, true);
        let names = gone(&came, &goes_on, strict).map(HeaderName::as_str);
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        let mut said = [
            "authorization",
            "x-original-url",
            "x-auth-scope",
            "x-hidden",
            "x-http-method-override",
            "x-role",
            "x.request.id",
            "x_auth_groups",
        ];
        said.sort_unstable();
        assert_eq!(names, said);
        // And nothing of a request that says nothing of the kind.
        let plain = map(&[
            ("host", "a"),
            ("accept", "*/*"),
            ("x-http-method-override", "PUT"),
        ]);
        let open = |name: &str| headers::passes(name, &own, false, false);
        assert_eq!(gone(&plain, &plain, open).count(), 0);
    }
}
