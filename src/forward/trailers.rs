//! Trailers on their way: fields that come behind a body (RFC 9110 §6.5). Nobody looks at them before they
//! go on, so nothing goes on that a head alone may say, or the gateway alone.

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TE, TRAILER},
    request::Parts,
};

use super::{compose::Composition, headers::is_reserved};
use crate::identity::{OwnHeaders, header::canonical};

/// Which trailers pass.
#[derive(Clone)]
pub(super) struct Screen {
    own: OwnHeaders,
    /// The fields that carry the token on this route and the upstream's credential, in their canonical
    /// spelling.
    tokens: [Option<Box<str>>; 2],
}

/// Trailers that are more than anybody needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the trailers are more than {MAX_FIELDS} fields or {MAX_BYTES} bytes")]
pub(super) struct TooMany;

/// The most trailers.
const MAX_FIELDS: usize = 64;
/// The most bytes of their names and values.
pub(super) const MAX_BYTES: usize = 16 * 1024;

impl Screen {
    /// For a gateway that says `own` itself, where `tokens` carry the token and the upstream's credential.
    pub(super) fn new(own: &OwnHeaders, tokens: [Option<&HeaderName>; 2]) -> Self {
        Self {
            own: own.clone(),
            tokens: tokens.map(|name| Some(canonical(name?.as_str()).into())),
        }
    }

    /// Those of `trailers` that go on; `None` when that is none of them.
    ///
    /// # Errors
    /// [`TooMany`], counting those that do not go on too.
    pub(super) fn pass(&self, mut trailers: HeaderMap) -> Result<Option<HeaderMap>, TooMany> {
        let bytes: usize = trailers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if trailers.len() > MAX_FIELDS || bytes > MAX_BYTES {
            return Err(TooMany);
        }
        let ending = trailers.keys().filter(|name| !self.passes(name));
        let ending: Vec<HeaderName> = ending.cloned().collect();
        for name in ending {
            trailers.remove(name);
        }
        Ok((!trailers.is_empty()).then_some(trailers))
    }

    /// Whether a trailer of this name goes on.
    fn passes(&self, name: &HeaderName) -> bool {
        let name = canonical(name.as_str());
        let mut tokens = self.tokens.iter().flatten();
        !is_of_the_head(&name) && !self.own.has(&name) && tokens.all(|token| **token != *name)
    }

    /// The names in `said`, the values of `Trailer`, that go on.
    fn announced(&self, said: &[HeaderValue]) -> String {
        let names = said
            .iter()
            .flat_map(|value| value.as_bytes().split(|b| *b == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| self.passes(name));
        let mut announced = String::new();
        for name in names.take(MAX_FIELDS) {
            if !announced.is_empty() {
                announced += ", ";
            }
            announced += name.as_str();
        }
        announced
    }
}

/// Whether a field means something only in a head (RFC 9110 §6.5.1): it says how the message is framed or
/// routed, who asks, what the content is, or how the answer is to be treated.
fn is_of_the_head(name: &str) -> bool {
    // A digest is known when the content has gone by (RFC 9530).
    if name == "content-digest" {
        return false;
    }
    is_reserved(name)
        || name.starts_with("if-")
        || name.starts_with("access-control-")
        || matches!(
            name,
            "set-cookie"
                | "www-authenticate"
                | "proxy-authentication-info"
                | "cache-control"
                | "pragma"
                | "expires"
                | "age"
                | "vary"
                | "location"
                | "retry-after"
                | "clear-site-data"
                | "strict-transport-security"
                | "early-data"
                | "grpc-timeout"
                | "grpc-encoding"
        )
}

/// Whether the client takes trailers behind the response to this request: over HTTP/2 always, over
/// HTTP/1.1 if it says so (RFC 9110 §10.1.4).
fn wanted(head: &Parts) -> bool {
    match head.version {
        Version::HTTP_2 => true,
        Version::HTTP_11 => asked_for(head),
        _ => false,
    }
}

/// That the client asked for trailers, kept with a head whose `TE` is dropped early.
#[derive(Clone, Copy, Debug)]
struct AskedFor;

/// Keeps in mind that the client asks for trailers: `TE` is about to be dropped.
pub fn keep_wish(head: &mut Parts) {
    if says_trailers(&head.headers) {
        head.extensions.insert(AskedFor);
    }
}

/// Whether the client asks for trailers in so many words.
pub(super) fn asked_for(head: &Parts) -> bool {
    says_trailers(&head.headers) || head.extensions.get::<AskedFor>().is_some()
}

/// Whether `TE` has the word `trailers`.
fn says_trailers(fields: &HeaderMap) -> bool {
    let words = fields.get_all(TE).iter();
    words
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .any(|word| word.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// Makes a response ready for the trailers that may follow it, and leaves in its `Trailer` what goes on;
/// `None` when no trailer goes on.
pub(super) fn prepare(
    fields: &mut HeaderMap,
    composition: &Composition<'_>,
) -> Option<Box<Screen>> {
    let client = composition.head.version;
    // With a length there are no chunks, which trailers of HTTP/1.1 stand behind.
    let possible = client == Version::HTTP_2 || !fields.contains_key(CONTENT_LENGTH);
    if !possible || !wanted(composition.head) {
        fields.remove(TRAILER);
        return None;
    }
    let screen = Screen::new(composition.hop.own, composition.token_headers());
    let announced = announce(fields, &screen);
    // Towards a client of HTTP/1.1 the library writes only what is announced.
    (announced || client == Version::HTTP_2).then(|| Box::new(screen))
}

/// Leaves of a response's `Trailer` what goes on; whether that is anything.
fn announce(fields: &mut HeaderMap, screen: &Screen) -> bool {
    let mut said: Vec<HeaderValue> = fields.get_all(TRAILER).iter().cloned().collect();
    fields.remove(TRAILER);
    if is_grpc(fields) {
        // Its servers do not announce what every client of theirs waits for.
        said.push(HeaderValue::from_static(
            "grpc-status, grpc-message, grpc-status-details-bin",
        ));
    }
    let announced = screen.announced(&said);
    match HeaderValue::try_from(announced) {
        Ok(announced) if !announced.is_empty() => {
            fields.insert(TRAILER, announced);
            true
        }
        _ => false,
    }
}

/// Whether a message is one of gRPC: `application/grpc`, also with a format behind it. gRPC-Web is not: its
/// trailers stand in the body.
#[must_use]
pub fn is_grpc(fields: &HeaderMap) -> bool {
    let Some(kind) = fields.get(CONTENT_TYPE) else {
        return false;
    };
    let kind = kind.as_bytes();
    let (name, rest) = kind.split_at_checked(16).unwrap_or_default();
    name.eq_ignore_ascii_case(b"application/grpc")
        && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    value.parse().unwrap(),
                )
            })
            .collect()
    }

    fn screen() -> Screen {
        Screen::new(
            &OwnHeaders::new(["X-Email"]),
            [
                Some(&HeaderName::from_static("x-api-token")),
                Some(&HeaderName::from_static("x-credential")),
            ],
        )
    }

    #[test]
    fn what_only_a_head_or_the_gateway_may_say_ends_here() {
        for name in [
            "authorization",
            "x-auth-subject",
            "x_auth_subject",
            "x.auth-groups",
            "x-email",
            "x_email",
            "x-api-token",
            "x.api.token",
            "x-credential",
            "x_credential",
            "x-request-id",
            "content-length",
            "transfer-encoding",
            "transfer_encoding",
            "host",
            "te",
            "trailer",
            "connection",
            "content-type",
            "content-encoding",
            "cookie",
            "set-cookie",
            "x-forwarded-for",
            "forwarded",
            "if-match",
            "cache-control",
            "proxy-authorization",
            "x-http-method-override",
            "traceparent",
            "expect",
            "www-authenticate",
            "range",
        ] {
            let passed = screen().pass(map(&[(name, "x")]));
            assert_eq!(passed, Ok(None), "{name}");
        }
        for name in [
            "grpc-status",
            "grpc-message",
            "grpc-status-details-bin",
            "etag",
            "x-checksum",
            "x_checksum",
            "content-digest",
            "server-timing",
            "x-emails",
        ] {
            let trailers = map(&[(name, "x"), ("authorization", "Bearer x")]);
            let passed = screen().pass(trailers).unwrap().unwrap();
            assert_eq!(passed, map(&[(name, "x")]), "{name}");
        }
    }

    #[test]
    fn they_are_bounded_in_number_and_in_bytes() {
        let many = |count: usize| -> HeaderMap {
            (0..count)
                .map(|n| {
                    (
                        HeaderName::try_from(format!("x-{n}")).unwrap(),
                        HeaderValue::from_static(""),
                    )
                })
                .collect()
        };
        assert!(screen().pass(many(MAX_FIELDS)).unwrap().is_some());
        assert_eq!(screen().pass(many(MAX_FIELDS + 1)), Err(TooMany));
        let long = |length: usize| map(&[("x", &"y".repeat(length))]);
        assert!(screen().pass(long(MAX_BYTES - 1)).unwrap().is_some());
        assert_eq!(screen().pass(long(MAX_BYTES)), Err(TooMany));
    }

    #[test]
    fn clients_of_http_1_say_that_they_want_them() {
        let asks = |version, te: &[&str]| {
            let mut request = http::Request::get("/").version(version);
            for te in te {
                request = request.header("te", *te);
            }
            wanted(&request.body(()).unwrap().into_parts().0)
        };
        assert!(asks(Version::HTTP_2, &[]));
        assert!(asks(Version::HTTP_11, &["trailers"]));
        assert!(asks(Version::HTTP_11, &["gzip", "deflate , Trailers"]));
        assert!(!asks(Version::HTTP_11, &[]));
        assert!(!asks(Version::HTTP_11, &["trailersx, gzip"]));
        assert!(!asks(Version::HTTP_10, &["trailers"]));
    }

    #[test]
    fn a_wish_outlives_its_field() {
        for (te, kept) in [("trailers", true), ("gzip", false)] {
            let request = http::Request::get("/").header("te", te);
            let mut head = request.body(()).unwrap().into_parts().0;
            keep_wish(&mut head);
            head.headers.remove(TE);
            assert_eq!(asked_for(&head), kept);
        }
    }

    #[test]
    fn what_is_announced_is_what_goes_on() {
        let mut fields = map(&[
            ("trailer", "X-Sum, authorization,,ETag"),
            ("trailer", "x_auth_subject"),
        ]);
        assert!(announce(&mut fields, &screen()));
        assert_eq!(fields["trailer"], "x-sum, etag");
        let mut none = map(&[("trailer", "cookie")]);
        assert!(!announce(&mut none, &screen()) && none.is_empty());
        let mut grpc = map(&[("content-type", "application/grpc")]);
        assert!(announce(&mut grpc, &screen()));
        assert!(
            grpc["trailer"]
                .to_str()
                .unwrap()
                .starts_with("grpc-status,")
        );
    }

    #[test]
    fn grpc_is_known_by_its_type() {
        for (kind, is) in [
            ("application/grpc", true),
            ("Application/gRPC+proto", true),
            ("application/grpc; charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/grpcx", false),
            ("application/json", false),
        ] {
            assert_eq!(is_grpc(&map(&[("content-type", kind)])), is, "{kind}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
