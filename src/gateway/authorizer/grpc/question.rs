//! The request that is asked about, out of a `CheckRequest`.

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Version,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    request::Parts,
};
use prost::Message as _;

use super::messages::{CheckRequest, HttpRequest};
use crate::{
    forward::headers::{X_FORWARDED_HOST, X_FORWARDED_PROTO},
    gateway::{
        OriginalError,
        authorizer::original::{as_written, parse_method},
    },
    limits::Limits,
};

/// The one method that there is.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// What stands in front of a message: whether it is compressed, and its length in four bytes.
const PREFIX: usize = 5;

/// What a message may hold beside the head of a request: addresses, labels, a session of TLS.
const BESIDES: usize = 32 * 1024;

/// Whether a call is one of the method.
///
/// # Errors
/// [`OriginalError::Call`] if not.
pub(in crate::gateway::authorizer) fn is_check(head: &Parts) -> Result<(), OriginalError> {
    let is_call = crate::gateway::grpc::is_call(head) && head.method == Method::POST;
    match is_call && head.uri.path() == CHECK {
        true => Ok(()),
        false => Err(OriginalError::Call),
    }
}

/// How long a call's body may be, in bytes: a head within the limits, most of which may stand there twice.
pub(in crate::gateway::authorizer) const fn message_bytes(limits: &Limits) -> usize {
    limits
        .header_bytes
        .saturating_add(limits.request_line_bytes)
        .saturating_mul(2)
        .saturating_add(BESIDES)
}

/// The head of the request that `body` asks about, and its client's address.
///
/// # Errors
/// [`OriginalError`].
pub(in crate::gateway::authorizer) fn read(
    body: &[u8],
) -> Result<(Parts, Option<IpAddr>), OriginalError> {
    let asked = CheckRequest::decode(unframed(body)?);
    let asked = asked.map_err(|_| OriginalError::Message("it is no CheckRequest"))?;
    let attributes = asked.attributes.unwrap_or_default();
    let client = attributes
        .source
        .and_then(|source| source.address?.socket_address)
        .and_then(|socket| socket.address.parse::<IpAddr>().ok())
        .map(|address| address.to_canonical());
    let http = attributes.request.and_then(|request| request.http);
    let http = http.ok_or(OriginalError::Missing("request.http"))?;
    Ok((head(http)?, client))
}

/// The one message of a call.
fn unframed(body: &[u8]) -> Result<&[u8], OriginalError> {
    let (prefix, message) = body
        .split_first_chunk::<PREFIX>()
        .ok_or(OriginalError::Message("it is cut off"))?;
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(OriginalError::Message("it is compressed"));
    }
    match usize::try_from(u32::from_be_bytes(length)) == Ok(message.len()) {
        true => Ok(message),
        false => Err(OriginalError::Message("its length is another one")),
    }
}

fn head(http: HttpRequest) -> Result<Parts, OriginalError> {
    let method = said(&http.method, "method")?;
    let path = said(&http.path, "path")?;
    let host = said(&http.host, "host")?;
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = parse_method(method, "method")?;
    head.uri = as_written(path)?;
    head.version = Version::HTTP_11;
    let mut fields = fields(&http)?;
    for name in [
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        X_FORWARDED_HOST,
        X_FORWARDED_PROTO,
    ] {
        fields.remove(name);
    }
    let host = HeaderValue::try_from(host).map_err(|_| OriginalError::Unclear("host"))?;
    if fields.get_all(HOST).iter().any(|said| said != host) {
        return Err(OriginalError::Unclear("host"));
    }
    fields.insert(HOST, host);
    head.headers = fields;
    Ok(head)
}

fn said<'s>(value: &'s [u8], name: &'static str) -> Result<&'s str, OriginalError> {
    match std::str::from_utf8(value) {
        Ok("") => Err(OriginalError::Missing(name)),
        Ok(text) => Ok(text),
        Err(_) => Err(OriginalError::Unclear(name)),
    }
}

/// The fields, in the form in which Envoy was told to send them.
fn fields(http: &HttpRequest) -> Result<HeaderMap, OriginalError> {
    const SPOKEN: &str = "headers";
    let mut fields = HeaderMap::new();
    let mut add = |key: &[u8], value: &[u8]| {
        if let [b':', pseudo @ ..] = key {
            return agrees(pseudo, value, http);
        }
        let name = HeaderName::from_bytes(key).map_err(|_| OriginalError::Unclear(SPOKEN))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| OriginalError::Unclear(SPOKEN))?;
        let added = fields.try_append(name, value);
        added.map_err(|_| OriginalError::Unclear(SPOKEN))?;
        Ok(())
    };
    for one in &http.headers {
        add(&one.key, &one.value)?;
    }
    if let Some(raw) = &http.header_map {
        if !http.headers.is_empty() {
            return Err(OriginalError::Unclear(SPOKEN));
        }
        for one in &raw.headers {
            match (one.value.is_empty(), one.raw_value.is_empty()) {
                (false, false) => return Err(OriginalError::Unclear(SPOKEN)),
                (false, true) => add(&one.key, &one.value)?,
                (true, _) => add(&one.key, &one.raw_value)?,
            }
        }
    }
    Ok(fields)
}

/// Envoy says it twice: in the pseudo-header fields (RFC 9113 §8.3.1) and apart.
fn agrees(pseudo: &[u8], value: &[u8], http: &HttpRequest) -> Result<(), OriginalError> {
    let (apart, name) = match pseudo {
        b"method" => (&http.method, "method"),
        b"path" => (&http.path, "path"),
        b"authority" => (&http.host, "host"),
        _ => return Ok(()),
    };
    match apart == value {
        true => Ok(()),
        false => Err(OriginalError::Unclear(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::messages::{Address, AttributeContext, Entry, Peer, SocketAddress},
        *,
    };
    use crate::gateway::authorizer::grpc::messages;

    fn entry(key: &str, value: &[u8]) -> Entry {
        Entry {
            key: key.into(),
            value: value.into(),
        }
    }

    fn good() -> HttpRequest {
        HttpRequest {
            method: b"DELETE".to_vec(),
            path: b"/orders/1?a=b".to_vec(),
            host: b"api.example.com".to_vec(),
            headers: vec![
                entry(":method", b"DELETE"),
                entry(":path", b"/orders/1?a=b"),
                entry(":authority", b"api.example.com"),
                entry(":scheme", b"http"),
                entry("authorization", b"Bearer t"),
                entry("x-forwarded-for", b"192.0.2.1"),
            ],
            header_map: None,
        }
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0][..], &length, message].concat()
    }

    fn asked(http: HttpRequest) -> Vec<u8> {
        let socket_address = Some(SocketAddress {
            address: "::ffff:198.51.100.7".into(),
        });
        let address = Some(Address { socket_address });
        let attributes = Some(AttributeContext {
            source: Some(Peer { address }),
            request: Some(messages::Request { http: Some(http) }),
        });
        framed(&CheckRequest { attributes }.encode_to_vec())
    }

    #[test]
    fn a_message_says_which_request_it_is() {
        let (head, client) = read(&asked(good())).unwrap();
        assert_eq!(
            (&head.method, head.uri.path()),
            (&Method::DELETE, "/orders/1")
        );
        assert_eq!(head.uri.query(), Some("a=b"));
        assert_eq!(head.headers["host"], "api.example.com");
        assert_eq!(head.headers["authorization"], "Bearer t");
        // The address is that of the connection, which no client can say.
        assert_eq!(client, "198.51.100.7".parse().ok());
        assert_eq!(head.headers["x-forwarded-for"], "192.0.2.1");
    }

    #[test]
    fn raw_fields_come_one_by_one() {
        let mut http = good();
        let raw = |key: &str, value: &[u8]| messages::HeaderValue {
            key: key.into(),
            value: Vec::new(),
            raw_value: value.into(),
        };
        let headers = vec![raw("authorization", b"a"), raw("authorization", b"b\xff")];
        http.headers.clear();
        http.header_map = Some(messages::HeaderMap { headers });
        let (head, _) = read(&asked(http.clone())).unwrap();
        assert_eq!(head.headers.get_all("authorization").iter().count(), 2);
        // In both forms they could be two requests.
        http.headers.push(entry("x", b"y"));
        assert_eq!(
            read(&asked(http)).unwrap_err(),
            OriginalError::Unclear("headers")
        );
    }

    #[test]
    fn what_is_not_said_or_contradicts_itself_is_not_guessed() {
        let with = |change: fn(&mut HttpRequest)| {
            let mut http = good();
            change(&mut http);
            read(&asked(http)).unwrap_err()
        };
        use OriginalError::{Missing, NotCanonical, Unclear};
        for (error, change) in [
            (
                Missing("method"),
                (|h| h.method.clear()) as fn(&mut HttpRequest),
            ),
            (Missing("path"), |h| h.path.clear()),
            (Missing("host"), |h| h.host.clear()),
            (Unclear("path"), |h| h.path = b"/other".to_vec()),
            (Unclear("method"), |h| h.method = b"GET".to_vec()),
            (Unclear("host"), |h| h.host = b"other".to_vec()),
            (Unclear("host"), |h| h.headers.push(entry("host", b"other"))),
            (Unclear("path"), |h| h.path = b"/\xff".to_vec()),
            (Unclear("headers"), |h| h.headers.push(entry("a b", b""))),
            (Unclear("headers"), |h| {
                h.headers.push(entry("a", b"\r\nb: c"))
            }),
            (NotCanonical, |h| {
                h.headers.clear();
                h.path = b"/orders/../admin".to_vec();
            }),
        ] {
            assert_eq!(with(change), error);
        }
        assert_eq!(read(&framed(b"")).unwrap_err(), Missing("request.http"));
    }

    #[test]
    fn a_message_that_cannot_be_read_is_refused() {
        let good = asked(good());
        let mut compressed = good.clone();
        compressed[0] = 1;
        let twice = [&good[..], &good[..]].concat();
        for bytes in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\0\0\x01",
            &good[..good.len() - 1],
            &compressed,
            &twice,
            &framed(b"\x0a\xff\xff\xff\xff\x0f"),
            &framed(b"not protobuf at all"),
        ] {
            let read = read(bytes);
            assert!(matches!(read, Err(OriginalError::Message(_))), "{bytes:?}");
        }
    }

    #[test]
    fn any_bytes_at_all_are_read_or_refused() {
        let good = asked(good());
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut other = good.clone();
                other[at] ^= 1 << bit;
                let _ = read(&other);
            }
        }
    }
}
