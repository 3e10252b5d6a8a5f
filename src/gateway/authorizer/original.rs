//! The request that is asked about, out of the fields that another proxy says it in.

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri, Version,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    request::Parts,
    uri::PathAndQuery,
};

use super::{Authorizer, Kind};
use crate::{
    forward::headers::{self, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO},
    identity::OwnHeaders,
    route::target,
};

const X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const X_ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// What belongs to the question, and not to the request that is asked about.
const OF_THE_QUESTION: [HeaderName; 8] = [
    X_ORIGINAL_METHOD,
    X_ORIGINAL_URI,
    X_FORWARDED_METHOD,
    X_FORWARDED_URI,
    X_FORWARDED_HOST,
    X_FORWARDED_PROTO,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
];

/// Why it is not clear which request is asked about. Its text is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginalError {
    /// The peer is in nobody's `trusted`.
    #[error("whoever asks is not in the authorizer's \"trusted\"")]
    Untrusted,
    /// A field that says what is asked about is not there.
    #[error("the question has no {0}: the proxy that asks must set it")]
    Missing(&'static str),
    /// It is there twice, or cannot be read: one of them may be the client's own.
    #[error(
        "the question has no clear {0}: the proxy that asks must set it, once, over what a client sent"
    )]
    Unclear(&'static str),
    /// The path does not begin with `path_prefix`.
    #[error("the path does not begin with the authorizer's \"path_prefix\"")]
    Prefix,
    /// The other proxy would send on another path than the one that is decided about.
    #[error("the path is not written in its canonical form, and would go on as it is")]
    NotCanonical,
    /// A field would go on that an upstream may take for one of the gateway's.
    #[error(
        "a header field is one that only the gateway may say, in another spelling, and would go on"
    )]
    Alias,
    /// It is no call of the one method that there is.
    #[error("the question is no call of envoy.service.auth.v3.Authorization/Check over HTTP/2")]
    Call,
    /// The message of a call cannot be read.
    #[error("the message of the call cannot be read: {0}")]
    Message(&'static str),
}

/// Makes the head of the question that of the request that is asked about. Whose request it is, as the other
/// proxy says.
///
/// # Errors
/// [`OriginalError`]; the head is as it came then.
pub(super) fn read(
    authorizer: &Authorizer,
    head: &mut Parts,
) -> Result<Option<IpAddr>, OriginalError> {
    let fields = &mut head.headers;
    let (method, target, host) = match authorizer.kind {
        Kind::Nginx => {
            let method = one(fields, &X_ORIGINAL_METHOD, "X-Original-Method")?;
            let target = one(fields, &X_ORIGINAL_URI, "X-Original-URI")?;
            let host = one(fields, &X_FORWARDED_HOST, "X-Forwarded-Host")?;
            (parse_method(&method, "X-Original-Method")?, target, host)
        }
        Kind::ForwardAuth => {
            let method = one(fields, &X_FORWARDED_METHOD, "X-Forwarded-Method")?;
            let target = one(fields, &X_FORWARDED_URI, "X-Forwarded-Uri")?;
            let host = one(fields, &X_FORWARDED_HOST, "X-Forwarded-Host")?;
            (parse_method(&method, "X-Forwarded-Method")?, target, host)
        }
        Kind::EnvoyHttp => {
            // A whole URL, and not a path: that proxy sends none.
            if head.uri.authority().is_some() {
                return Err(OriginalError::Unclear("path"));
            }
            let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
            let target = without(target, &authorizer.path_prefix)?;
            (head.method.clone(), target, one(fields, &HOST, "Host")?)
        }
        Kind::EnvoyGrpc => return Err(OriginalError::Call),
    };
    let uri = as_written(&target)?;
    let host = HeaderValue::try_from(host).map_err(|_| OriginalError::Unclear("Host"))?;
    let client = last_hop(fields)?;
    for name in &OF_THE_QUESTION {
        fields.remove(name);
    }
    fields.insert(HOST, host);
    head.method = method;
    head.uri = uri;
    head.version = Version::HTTP_11;
    Ok(client)
}

/// Refuses fields such as `X_Auth_Subject`, which servers behind CGI's rules take for `X-Auth-Subject`. Who asks
/// so cannot be told to take them away, and its configuration names each field in one spelling.
///
/// # Errors
/// [`OriginalError::Alias`].
pub(super) fn check_spelling(fields: &HeaderMap, own: &OwnHeaders) -> Result<(), OriginalError> {
    let is_alias = |name: &HeaderName| {
        memchr::memchr2(b'_', b'.', name.as_str().as_bytes()).is_some()
            && !headers::passes(name.as_str(), own, false, false)
    };
    match fields.keys().any(is_alias) {
        true => Err(OriginalError::Alias),
        false => Ok(()),
    }
}

/// The one value of a field.
fn one(
    fields: &HeaderMap,
    name: &HeaderName,
    spoken: &'static str,
) -> Result<String, OriginalError> {
    let mut values = fields.get_all(name).iter();
    let value = values.next().ok_or(OriginalError::Missing(spoken))?;
    let value = value.to_str().ok().filter(|value| !value.is_empty());
    match (value, values.next()) {
        (Some(value), None) => Ok(value.to_owned()),
        _ => Err(OriginalError::Unclear(spoken)),
    }
}

pub(super) fn parse_method(text: &str, spoken: &'static str) -> Result<Method, OriginalError> {
    Method::from_bytes(text.as_bytes()).map_err(|_| OriginalError::Unclear(spoken))
}

/// The path and query behind `prefix`, which ends with a segment.
fn without(target: &str, prefix: &str) -> Result<String, OriginalError> {
    let rest = target.strip_prefix(prefix).ok_or(OriginalError::Prefix)?;
    match rest.starts_with('/') {
        true => Ok(rest.to_owned()),
        false => Err(OriginalError::Prefix),
    }
}

/// The target, if it is written in the only way in which nobody can read another one.
pub(super) fn as_written(target: &str) -> Result<Uri, OriginalError> {
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    let is_canonical = target::canonical(path).is_ok_and(|canonical| canonical == path);
    if !is_canonical || target.contains('#') {
        return Err(OriginalError::NotCanonical);
    }
    let target = PathAndQuery::try_from(target).map_err(|_| OriginalError::NotCanonical)?;
    Ok(Uri::from(target))
}

/// Whose request it is: the last address of `X-Forwarded-For`, which the proxy that asks has added. The
/// others stay for `trusted_proxies`. Without the field it is not known.
fn last_hop(fields: &mut HeaderMap) -> Result<Option<IpAddr>, OriginalError> {
    const SPOKEN: &str = "X-Forwarded-For";
    let unclear = OriginalError::Unclear(SPOKEN);
    let mut hops = Vec::new();
    for value in fields.get_all(X_FORWARDED_FOR) {
        let text = value.to_str().map_err(|_| unclear)?;
        hops.extend(text.split(',').map(|hop| hop.trim().to_owned()));
    }
    let Some(last) = hops.pop() else {
        // Not the address of the proxy that asks, which may count for more than its client.
        return Ok(None);
    };
    let bare = last
        .strip_prefix('[')
        .and_then(|hop| hop.strip_suffix(']'))
        .unwrap_or(&last);
    let with_port = || last.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let address: Option<IpAddr> = bare.parse().ok();
    let address = address.or_else(with_port).ok_or(unclear)?;
    fields.remove(X_FORWARDED_FOR);
    if !hops.is_empty() {
        let rest = HeaderValue::try_from(hops.join(", ")).map_err(|_| unclear)?;
        fields.insert(X_FORWARDED_FOR, rest);
    }
    Ok(Some(address.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Original {
        head: Parts,
        peer: Option<IpAddr>,
    }

    fn ask(kind: Kind, target: &str, fields: &[(&str, &str)]) -> Result<Original, OriginalError> {
        let authorizer = Authorizer {
            kind,
            trusted: Vec::new(),
            path_prefix: "/ask".into(),
        };
        let mut request = http::Request::post(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut head = request.body(()).unwrap().into_parts().0;
        let peer = read(&authorizer, &mut head)?;
        Ok(Original { head, peer })
    }

    const NGINX: [(&str, &str); 3] = [
        ("x-original-method", "DELETE"),
        ("x-original-uri", "/orders/1?a=b"),
        ("x-forwarded-host", "api.example.com"),
    ];
    const FORWARD: [(&str, &str); 3] = [
        ("x-forwarded-method", "DELETE"),
        ("x-forwarded-uri", "/orders/1?a=b"),
        ("x-forwarded-host", "api.example.com"),
    ];

    #[test]
    fn each_kind_says_which_request_it_is() {
        let envoy = ask(
            Kind::EnvoyHttp,
            "/ask/orders/1?a=b",
            &[("host", "api.example.com")],
        );
        assert_eq!(envoy.as_ref().unwrap().head.method, "POST");
        for asked in [
            ask(Kind::Nginx, "/", &NGINX),
            ask(Kind::ForwardAuth, "/", &FORWARD),
        ] {
            assert_eq!(asked.unwrap().head.method, "DELETE");
        }
        for asked in [
            envoy,
            ask(Kind::Nginx, "/", &NGINX),
            ask(Kind::ForwardAuth, "/", &FORWARD),
        ] {
            let head = asked.unwrap().head;
            assert_eq!(head.uri, "/orders/1?a=b");
            assert_eq!(head.headers["host"], "api.example.com");
            assert!(!head.headers.contains_key("x-forwarded-host"));
            assert!(!head.headers.contains_key("x-original-uri"));
        }
    }

    #[test]
    fn what_is_not_said_or_said_twice_is_not_guessed() {
        for (kind, fields) in [(Kind::Nginx, NGINX), (Kind::ForwardAuth, FORWARD)] {
            for (place, (name, value)) in fields.iter().enumerate() {
                let mut without = fields.to_vec();
                without.remove(place);
                assert!(
                    matches!(ask(kind, "/", &without), Err(OriginalError::Missing(_))),
                    "{name}"
                );
                let mut twice = fields.to_vec();
                twice.push((*name, *value));
                assert!(
                    matches!(ask(kind, "/", &twice), Err(OriginalError::Unclear(_))),
                    "{name}"
                );
                let mut empty = fields.to_vec();
                empty[place].1 = "";
                assert!(
                    matches!(ask(kind, "/", &empty), Err(OriginalError::Unclear(_))),
                    "{name}"
                );
            }
        }
        let asked = ask(Kind::EnvoyHttp, "http://b/ask/orders", &[("host", "a")]);
        assert_eq!(asked.unwrap_err(), OriginalError::Unclear("path"));
        let asked = ask(
            Kind::EnvoyHttp,
            "/ask/orders",
            &[("host", "a"), ("host", "b")],
        );
        assert_eq!(asked.unwrap_err(), OriginalError::Unclear("Host"));
        let asked = ask(Kind::EnvoyHttp, "/other/orders", &[("host", "a")]);
        assert_eq!(asked.unwrap_err(), OriginalError::Prefix);
        let asked = ask(Kind::EnvoyHttp, "/asked/orders", &[("host", "a")]);
        assert_eq!(asked.unwrap_err(), OriginalError::Prefix);
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_refused() {
        for path in [
            "/a/../b",
            "/a/./b",
            "//a",
            "/a//b",
            "/%61",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a;b/../c",
            "/%2e%2e/b",
            "/a%00",
            "a",
            "http://h/a",
            "/a#b",
            "/a b",
            "/a\\b",
            "*",
            "",
        ] {
            let fields = [NGINX[0], ("x-original-uri", path), NGINX[2]];
            let asked = ask(Kind::Nginx, "/", &fields);
            assert!(asked.is_err(), "{path} is {:?}", asked.unwrap().head.uri);
        }
    }

    #[test]
    fn another_spelling_of_what_the_gateway_says_is_refused() {
        let own = OwnHeaders::new(["X-Role"]);
        let check = |name: &'static str| {
            let mut fields = HeaderMap::new();
            fields.insert(name, HeaderValue::from_static("admin"));
            check_spelling(&fields, &own)
        };
        for name in [
            "x_auth_subject",
            "x.auth.groups",
            "x-auth_scope",
            "x_role",
            "x_forwarded_for",
        ] {
            assert_eq!(check(name), Err(OriginalError::Alias), "{name}");
        }
        for name in ["x-auth-subject", "x-role", "x_custom", "sec.ch.ua"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn the_client_is_the_last_hop() {
        let with = |value: &str| {
            let fields = [NGINX[0], NGINX[1], NGINX[2], ("x-forwarded-for", value)];
            ask(Kind::Nginx, "/", &fields)
        };
        let asked = with("192.0.2.9, 198.51.100.7").unwrap();
        assert_eq!(asked.peer, "198.51.100.7".parse().ok());
        assert_eq!(asked.head.headers["x-forwarded-for"], "192.0.2.9");
        assert_eq!(
            with("[2001:db8::1]:443").unwrap().peer,
            "2001:db8::1".parse().ok()
        );
        assert_eq!(
            with("unknown").unwrap_err(),
            OriginalError::Unclear("X-Forwarded-For")
        );
        assert_eq!(ask(Kind::Nginx, "/", &NGINX).unwrap().peer, None);
    }
}
