//! The head of one request, as bytes: what the HTTP library would repair or pass over is refused here.
//!
//! The library reads the same bytes afterwards, so nothing here has to be understood, only judged. It
//! drops a fragment, a `Content-Length` beside a `Transfer-Encoding` and a second `Content-Length` that
//! says the same; another server on the way may not, and then the two disagree where a request ends.

use std::mem::MaybeUninit;

use http::{Method, Uri};

use crate::{gateway::Code, limits::Limits};

/// How the body after a head is framed (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes, possibly none.
    Length(u64),
    /// In chunks.
    Chunked,
    /// There is none, and what comes next may be no HTTP: the request asks for another protocol.
    Upgrade,
}

/// The most fields for which the HTTP library and this file have room without being told.
pub(super) const USUAL_FIELDS: usize = 100;

/// Judges what has come of a head, from its request line to its empty line. `None` when the end is not
/// there, and nothing is wrong so far.
///
/// # Errors
/// The code that the client is told.
pub(super) fn check(head: &[u8], limits: &Limits) -> Result<Option<Framing>, Code> {
    check_size(head, limits)?;
    if limits.header_fields <= USUAL_FIELDS {
        let mut space = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
        return parse(head, &mut space, limits);
    }
    let mut space = Vec::new();
    space.resize_with(limits.header_fields, MaybeUninit::uninit);
    parse(head, &mut space, limits)
}

fn check_size(head: &[u8], limits: &Limits) -> Result<(), Code> {
    const EMPTY_LINE: usize = "\n\r\n".len();
    let line = memchr::memchr(b'\n', head).unwrap_or(head.len());
    let end = head.get(..line).and_then(<[u8]>::last);
    if line - usize::from(end == Some(&b'\r')) > limits.request_line_bytes {
        return Err(Code::UriTooLong);
    }
    if head.len() - line > limits.header_bytes + EMPTY_LINE {
        return Err(Code::HeadersTooLarge);
    }
    Ok(())
}

fn parse<'h>(
    head: &'h [u8],
    space: &mut [MaybeUninit<httparse::Header<'h>>],
    limits: &Limits,
) -> Result<Option<Framing>, Code> {
    let mut request = httparse::Request::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_request_with_uninit_headers(
        &mut request,
        head,
        space,
    );
    match parsed {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(httparse::Status::Complete(_)) => return Err(Code::RequestMalformed),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Code::HeadersTooLarge),
        Err(_) => return Err(Code::RequestMalformed),
    }
    if request.headers.len() > limits.header_fields {
        return Err(Code::HeadersTooLarge);
    }
    let method = request.method.unwrap_or_default();
    if Method::from_bytes(method.as_bytes()).is_err()
        || !is_target(request.path.unwrap_or_default())
    {
        return Err(Code::RequestMalformed);
    }
    framing(request.headers, request.version == Some(1)).map(Some)
}

/// Whether the HTTP library takes the target for what it is. A fragment never belongs there
/// (RFC 9112 §3.2), and what is beyond ASCII has to be encoded.
fn is_target(target: &str) -> bool {
    let plain = target
        .bytes()
        .all(|b| matches!(b, 0x21..=0x7e) && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'`'));
    plain && (target.starts_with('/') || target.parse::<Uri>().is_ok())
}

/// Malformed when the framing is not said exactly once, or in more than one way.
fn framing(fields: &[httparse::Header<'_>], is_http_11: bool) -> Result<Framing, Code> {
    let mut framing = None;
    let mut switches = false;
    for field in fields {
        // By its length first, which most fields do not have.
        let said = match field.name.len() {
            14 if field.name.eq_ignore_ascii_case("content-length") => {
                Framing::Length(length(field.value).ok_or(Code::RequestMalformed)?)
            }
            17 if field.name.eq_ignore_ascii_case("transfer-encoding") => {
                if !is_http_11 || !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Code::RequestMalformed);
                }
                Framing::Chunked
            }
            7 if field.name.eq_ignore_ascii_case("upgrade") => {
                switches = is_http_11;
                continue;
            }
            // RFC 9110 §10.1.1: an older client's means nothing.
            6 if is_http_11 && field.name.eq_ignore_ascii_case("expect") => {
                if !field.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Code::ExpectationFailed);
                }
                continue;
            }
            _ => continue,
        };
        if framing.replace(said).is_some() {
            return Err(Code::RequestMalformed);
        }
    }
    Ok(match framing.unwrap_or(Framing::Length(0)) {
        Framing::Length(0) if switches => Framing::Upgrade,
        said => said,
    })
}

/// Digits and nothing else. The HTTP library has no room for the last few numbers.
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = std::str::from_utf8(value).ok()?.parse().ok()?;
    (length <= i64::MAX as u64).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(fields: &str) -> Result<Framing, Code> {
        let head = format!("POST /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        whole(head.as_bytes(), &Limits::default())
    }

    fn whole(head: &[u8], limits: &Limits) -> Result<Framing, Code> {
        check(head, limits).map(|framing| framing.expect("the head ends"))
    }

    #[test]
    fn what_is_wrong_already_is_not_waited_for() {
        let limits = Limits::default();
        for (head, so_far) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n", Ok(None)),
            ("GET / HTTP/1.1\r\nHost: a\r", Ok(None)),
            ("G", Ok(None)),
            (
                "GET / HTTP/1.1\r\nHost: a\r\0\r\n",
                Err(Code::RequestMalformed),
            ),
            ("GET / HTTQ", Err(Code::RequestMalformed)),
        ] {
            assert_eq!(check(head.as_bytes(), &limits), so_far, "{head:?}");
        }
    }

    #[test]
    fn the_framing_is_said_once_and_in_one_way() {
        assert_eq!(judge(""), Ok(Framing::Length(0)));
        assert_eq!(judge("Content-Length: 003\r\n"), Ok(Framing::Length(3)));
        assert_eq!(judge("content-length:\t3 \r\n"), Ok(Framing::Length(3)));
        assert_eq!(
            judge("Transfer-Encoding: Chunked\r\n"),
            Ok(Framing::Chunked)
        );
        for fields in [
            "Content-Length: 3\r\nContent-Length: 3\r\n",
            "Content-Length: 3, 3\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x3\r\n",
            "Content-Length:\r\n",
            "Content-Length: 18446744073709551615\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding:\r\n",
        ] {
            assert_eq!(judge(fields), Err(Code::RequestMalformed), "{fields:?}");
        }
        let old = b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(whole(old, &Limits::default()), Err(Code::RequestMalformed));
    }

    #[test]
    fn another_protocol_and_an_expectation_are_seen() {
        assert_eq!(judge("Upgrade: x\r\n"), Ok(Framing::Upgrade));
        assert_eq!(
            judge("UPGRADE: x\r\nContent-Length: 0\r\n"),
            Ok(Framing::Upgrade)
        );
        let with_body = "Upgrade: x\r\nContent-Length: 3\r\n";
        assert_eq!(judge(with_body), Ok(Framing::Length(3)));
        let with_body = "Upgrade: x\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(judge(with_body), Ok(Framing::Chunked));
        assert_eq!(judge("Expect: 100-Continue\r\n"), Ok(Framing::Length(0)));
        assert_eq!(judge("Expect: 200-ok\r\n"), Err(Code::ExpectationFailed));
        let old = b"GET /x HTTP/1.0\r\nUpgrade: x\r\nExpect: x\r\n\r\n";
        assert_eq!(whole(old, &Limits::default()), Ok(Framing::Length(0)));
    }

    #[test]
    fn lines_are_what_they_seem() {
        assert_eq!(judge("X: a\tb\r\n"), Ok(Framing::Length(0)));
        for fields in [
            "X: a\rb\r\n",
            "X: a\r\n folded\r\n",
            "X: a\0b\r\n",
            "X : a\r\n",
            " X: a\r\n",
            "X\r\n",
            ": a\r\n",
            "X\u{e9}: a\r\n",
            "X: a\u{7f}\r\n",
        ] {
            assert_eq!(judge(fields), Err(Code::RequestMalformed), "{fields:?}");
        }
    }

    #[test]
    fn request_lines_are_read_in_one_way() {
        let judge = |line: &str| {
            let head = format!("{line}\r\nHost: a\r\n\r\n");
            whole(head.as_bytes(), &Limits::default())
        };
        for line in [
            "GET / HTTP/1.1",
            "GET /?a={b}|[c] HTTP/1.0",
            "OPTIONS * HTTP/1.1",
            "GET http://a/b HTTP/1.1",
            "CONNECT a:443 HTTP/1.1",
        ] {
            assert_eq!(judge(line), Ok(Framing::Length(0)), "{line}");
        }
        for line in [
            "GET /a#b HTTP/1.1",
            "GET /?a#b HTTP/1.1",
            "GET http://a/b#c HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "GET /\u{7f} HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET / x HTTP/1.1",
            "GET / HTTP/1.2",
            "GET / HTTP/2.0",
            "GET / http/1.1",
            "GET /",
            "G@T / HTTP/1.1",
            "GET /\r HTTP/1.1",
            "GET http://[::1 HTTP/1.1",
        ] {
            assert_eq!(judge(line), Err(Code::RequestMalformed), "{line:?}");
        }
    }

    #[test]
    fn sizes_are_counted_to_the_byte() {
        let limits = Limits {
            request_line_bytes: 64,
            header_bytes: 1024,
            header_fields: 3,
            ..Limits::default()
        };
        let line = |length: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(length - 14));
        assert_eq!(whole(line(64).as_bytes(), &limits), Ok(Framing::Length(0)));
        assert_eq!(whole(line(65).as_bytes(), &limits), Err(Code::UriTooLong));
        let fields =
            |length: usize| format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(length - 5));
        assert!(whole(fields(1024).as_bytes(), &limits).is_ok());
        let code = whole(fields(1025).as_bytes(), &limits);
        assert_eq!(code, Err(Code::HeadersTooLarge));
        let many = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(count));
        for (count, most, ok) in [
            (3, 3, true),
            (4, 3, false),
            (150, 150, true),
            (151, 150, false),
        ] {
            let limits = Limits {
                header_fields: most,
                ..limits.clone()
            };
            assert_eq!(
                whole(many(count).as_bytes(), &limits).is_ok(),
                ok,
                "{count}"
            );
        }
    }
}
