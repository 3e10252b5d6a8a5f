//! The answer for a request that may pass: who it is, and what must not go on.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{CONTENT_LENGTH, HOST},
};

use super::{Kind, bare};
use crate::{
    authz::Permit,
    forward::{ResponseBody, headers},
    identity::OwnHeaders,
};

const TO_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// The answer; `came` are the fields that the request came with. The permit is used up: what it permits is
/// done by whoever asked.
pub(super) fn answer(
    kind: Kind,
    permit: Permit,
    came: &HeaderMap,
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
    if kind == Kind::EnvoyHttp {
        let one_method = route.methods.is_some();
        let gone = gone(came, &head.headers, own, one_method);
        let gone = gone.filter(|name| !fields.contains_key(*name));
        let names: Vec<&str> = gone.map(HeaderName::as_str).collect();
        if let Ok(names) = HeaderValue::try_from(names.join(","))
            && !names.is_empty()
        {
            fields.insert(TO_REMOVE, names);
        }
    }
    response
}

/// The names of what came and must not go on: the token, and what only the gateway may say.
pub(super) fn gone<'c>(
    came: &'c HeaderMap,
    goes_on: &'c HeaderMap,
    own: &'c OwnHeaders,
    one_method: bool,
) -> impl Iterator<Item = &'c HeaderName> {
    came.keys().filter(move |name| {
        let framing = matches!(**name, HOST | CONTENT_LENGTH);
        let passes = headers::passes(name.as_str(), own, true, one_method);
        !framing && (!passes || !goes_on.contains_key(*name))
    })
}
