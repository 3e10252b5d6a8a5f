//! What a request over HTTP/2 says in its pseudo-header fields (RFC 9113 §8.3.1), in the form in which
//! HTTP/1 says it. From there on both go the same way.
//!
//! That a field belongs to HTTP/1 only, that a length is not kept or a value is none: those are errors of
//! the stream, which `h2` has reset before anything comes here.

use http::{
    HeaderMap, HeaderValue, Uri, Version,
    header::{CONTENT_LENGTH, COOKIE, EXPECT, Entry, HOST},
    request::Parts,
};

use super::{limit, policy, refusal::Refusal};
use crate::limits::Limits;

/// Why the head of a request over HTTP/2 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Http2Error {
    /// No `:authority`.
    #[error("the request has no :authority")]
    NoAuthority,
    /// A `host` that says something else.
    #[error("host says something else than :authority")]
    OtherHost,
    /// A `:scheme` that is neither http nor https.
    #[error(":scheme is neither http nor https")]
    Scheme,
    /// A `:path` that is none.
    #[error(":path does not begin with a slash")]
    Path,
    /// More than one `content-length`.
    #[error("there is more than one content-length")]
    Lengths,
    /// An `expect` other than `100-continue` (RFC 9110 §10.1.1).
    #[error("the request expects something else than 100-continue")]
    Expectation,
}

/// Gives the head of a request over HTTP/2 the form of HTTP/1; any other is left alone.
///
/// The limits are checked before that, on the fields as they came: a cookie may come in many crumbs, which
/// are one field afterwards (RFC 9113 §8.2.3).
///
/// # Errors
/// [`Refusal`].
pub(super) fn settle(head: &mut Parts, limits: &Limits) -> Result<(), Refusal> {
    if head.version != Version::HTTP_2 {
        return Ok(());
    }
    limit::check(head, limits)?;
    policy::check_method(&head.method)?;
    if head.headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err(Http2Error::Lengths.into());
    }
    let mut expected = head.headers.get_all(EXPECT).iter();
    if expected.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Http2Error::Expectation.into());
    }
    settle_target(head)?;
    join_crumbs(&mut head.headers);
    Ok(())
}

/// One name for the host, and a target of a path and a query only.
fn settle_target(head: &mut Parts) -> Result<(), Http2Error> {
    let parts = std::mem::take(&mut head.uri).into_parts();
    let authority = parts.authority.ok_or(Http2Error::NoAuthority)?;
    let scheme = parts.scheme.as_ref().map(http::uri::Scheme::as_str);
    if !matches!(scheme, Some("http" | "https")) {
        return Err(Http2Error::Scheme);
    }
    // The asterisk of OPTIONS is refused with every other target that is no path.
    let target = parts.path_and_query.ok_or(Http2Error::Path)?;
    if !target.as_str().starts_with('/') && target != "*" {
        return Err(Http2Error::Path);
    }
    head.uri = Uri::from(target);
    let named = authority.as_str();
    let host = HeaderValue::from_str(named).map_err(|_| Http2Error::NoAuthority)?;
    match head.headers.entry(HOST) {
        Entry::Vacant(vacant) => {
            vacant.insert(host);
        }
        Entry::Occupied(hosts) => {
            let same = |said: &HeaderValue| said.as_bytes().eq_ignore_ascii_case(named.as_bytes());
            if !hosts.iter().all(same) || hosts.iter().count() > 1 {
                return Err(Http2Error::OtherHost);
            }
        }
    }
    Ok(())
}

fn join_crumbs(headers: &mut HeaderMap) {
    let Entry::Occupied(mut crumbs) = headers.entry(COOKIE) else {
        return;
    };
    if crumbs.iter().nth(1).is_none() {
        return;
    }
    let whole: Vec<&[u8]> = crumbs.iter().map(HeaderValue::as_bytes).collect();
    // It cannot fail: every part was a value.
    if let Ok(whole) = HeaderValue::from_bytes(&whole.join(&b"; "[..])) {
        crumbs.insert(whole);
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, Request};

    use super::*;
    use crate::gateway::Code;

    fn head(uri: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().version(Version::HTTP_2).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn settled(uri: &str, fields: &[(&str, &str)]) -> Result<Parts, Code> {
        let mut head = head(uri, fields);
        settle(&mut head, &Limits::default()).map_err(|refusal| refusal.code())?;
        Ok(head)
    }

    #[test]
    fn one_host_however_it_is_said() {
        for fields in [&[][..], &[("host", "A.example:80")]] {
            let head = settled("http://a.example:80/x?y", fields).unwrap();
            assert_eq!(head.uri, "/x?y");
            let hosts: Vec<_> = head.headers.get_all(HOST).iter().collect();
            assert_eq!(hosts.len(), 1);
            assert!(hosts[0].as_bytes().eq_ignore_ascii_case(b"a.example:80"));
        }
        for (uri, fields) in [
            ("http://a/", &[("host", "b")][..]),
            ("http://a/", &[("host", "")]),
            ("http://a/", &[("host", "a"), ("host", "a")]),
            ("/", &[("host", "a")]),
            ("/", &[]),
            ("ftp://a/", &[]),
        ] {
            let code = settled(uri, fields).unwrap_err();
            assert_eq!(code, Code::RequestMalformed, "{uri} {fields:?}");
        }
    }

    #[test]
    fn crumbs_are_counted_apart_and_passed_on_as_one_field() {
        let crumbs = |count: usize| vec![("cookie", "a=b"); count];
        let head = settled("http://a/", &crumbs(99)).unwrap();
        let cookies: Vec<_> = head.headers.get_all(COOKIE).iter().collect();
        assert_eq!(cookies, [&*vec!["a=b"; 99].join("; ")]);
        let code = settled("http://a/", &crumbs(101)).unwrap_err();
        assert_eq!(code, Code::HeadersTooLarge);
    }

    #[test]
    fn a_length_is_said_once() {
        let one = ("content-length", "3");
        assert!(settled("http://a/", &[one]).is_ok());
        let code = settled("http://a/", &[one, one]).unwrap_err();
        assert_eq!(code, Code::RequestMalformed);
    }

    #[test]
    fn connect_is_no_method_here_and_http_1_is_left_alone() {
        let mut parts = head("http://a/", &[]);
        parts.method = Method::CONNECT;
        let refusal = settle(&mut parts, &Limits::default()).unwrap_err();
        assert_eq!(refusal.code(), Code::MethodNotAllowed);
        let mut parts = head("/", &[("host", "a"), ("host", "b")]);
        parts.version = Version::HTTP_11;
        assert!(settle(&mut parts, &Limits::default()).is_ok());
        assert_eq!(parts.headers.get_all(HOST).iter().count(), 2);
    }
}
