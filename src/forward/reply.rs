//! The head of a response, read from bytes (RFC 9112 §4 to §6).

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING, UPGRADE},
};
use smallvec::SmallVec;

use super::{
    decode::{Chunk, Decoder},
    headers,
    upgrade::says_upgrade,
};

/// A response's head, cleaned of what belongs to the upstream's connection only; that of a 101 has its
/// `Upgrade`, if `Connection` names it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// How its body is framed; `None` when it has none.
    pub(super) body: Option<Decoder>,
    /// Whether the connection can carry another request after it.
    pub(super) reusable: bool,
    /// Whether it says which trailers will follow. What it says is in the head, and is to be cleaned.
    pub(super) announces: bool,
}

/// Why bytes are no head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// Not HTTP/1.
    #[error("it is not an HTTP/1 response")]
    Syntax,
    /// Too many header fields, or too large.
    #[error("its header fields are too many or too large")]
    TooLarge,
    /// It breaks the rules of HTTP/2.
    #[error("it breaks the rules of HTTP/2")]
    Http2,
    /// The framing is not said exactly once, or in a way that nobody understands.
    #[error("its framing is not clear")]
    Framing,
}

/// The most header fields of a response.
const MAX_FIELDS: usize = 128;
/// The largest head of a response, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Room for the fields that the gateway and the HTTP library add.
const SPARE_FIELDS: usize = 4;

/// The head at the beginning of `input`, which is taken out; `None` while its end has not come.
///
/// # Errors
/// [`BadReply`].
pub(super) fn read(input: &mut BytesMut, method: &Method) -> Result<Option<Reply>, BadReply> {
    let mut space = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        input,
        &mut space,
    );
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= MAX_BYTES => length,
        Ok(httparse::Status::Partial) if input.len() <= MAX_BYTES => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(BadReply::TooLarge),
        Err(_) => return Err(BadReply::Syntax),
    };
    let status = status(input, response.code).ok_or(BadReply::Syntax)?;
    let is_http_11 = response.version == Some(1);
    let head = Bytes::copy_from_slice(input.get(..length).unwrap_or_default());
    let mut map = HeaderMap::with_capacity(response.headers.len() + SPARE_FIELDS);
    let mut said = Said::default();
    for field in &*response.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BadReply::Syntax)?;
        if said.takes(&name, field.value)? {
            continue;
        }
        let place = field.value.as_ptr() as usize - input.as_ptr() as usize;
        let value = head.slice(place..place + field.value.len());
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| BadReply::Syntax)?;
        map.append(name, value);
    }
    if said.chunked && !is_http_11 {
        // Whoever knows no chunks sent none, whatever it says (RFC 9112 §6.1).
        return Err(BadReply::Framing);
    }
    let (body, framed) = said.framing(status, method);
    if let Some(length) = said.length.filter(|_| !said.chunked) {
        map.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    for name in said.named() {
        map.remove(name);
    }
    if status == StatusCode::SWITCHING_PROTOCOLS && says_upgrade(said.connection.iter().copied()) {
        let is_upgrade = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("upgrade");
        for field in response.headers.iter().filter(is_upgrade) {
            let value = HeaderValue::from_bytes(field.value).map_err(|_| BadReply::Syntax)?;
            map.append(UPGRADE, value);
        }
    }
    let reusable = framed && said.keeps_alive(is_http_11);
    let announces = said.announces;
    drop(said);
    let _ = input.split_to(length);
    Ok(Some(Reply {
        status,
        headers: map,
        body,
        reusable,
        announces,
    }))
}

/// The status, if there is one that anybody knows how to read (RFC 9110 §15). The parser passes over
/// empty lines, but before a response they are what is left of another one.
fn status(input: &[u8], code: Option<u16>) -> Option<StatusCode> {
    let code = code.filter(|code| (100..600).contains(code) && input.first() == Some(&b'H'));
    code.and_then(|code| StatusCode::from_u16(code).ok())
}

/// What a head says of its framing and of its connection.
#[derive(Default)]
struct Said<'h> {
    chunked: bool,
    length: Option<u64>,
    announces: bool,
    /// The values of `Connection`.
    connection: SmallVec<[&'h [u8]; 2]>,
}

impl<'h> Said<'h> {
    /// Takes notice of a field; whether it ends here and is not passed on as it is.
    fn takes(&mut self, name: &HeaderName, value: &'h [u8]) -> Result<bool, BadReply> {
        match *name {
            CONTENT_LENGTH => {
                // The same length may be said more than once.
                let length = digits(value).ok_or(BadReply::Framing)?;
                if self.length.replace(length).is_some_and(|l| l != length) {
                    return Err(BadReply::Framing);
                }
            }
            TRANSFER_ENCODING => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(BadReply::Framing);
                }
                self.chunked = true;
            }
            CONNECTION => self.connection.push(value),
            _ if !headers::is_hop_by_hop(name) => return Ok(false),
            TRAILER => {
                self.announces = true;
                return Ok(false);
            }
            _ => {}
        }
        Ok(true)
    }

    /// How the body is framed, and whether it was said in the one plain way.
    fn framing(&self, status: StatusCode, method: &Method) -> (Option<Decoder>, bool) {
        if method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
            return (None, true);
        }
        if status == StatusCode::NO_CONTENT || status.is_informational() {
            // It must not announce a body (RFC 9110 §8.6), and one that does may send it as well.
            let announces = self.chunked || self.length.is_some_and(|length| length > 0);
            return (None, !announces);
        }
        match (self.chunked, self.length) {
            // A length beside chunks is not the length of anything (RFC 9112 §6.3).
            (true, length) => (Some(Decoder::Chunked(Chunk::Size)), length.is_none()),
            (false, Some(0)) => (None, true),
            (false, Some(length)) => (Some(Decoder::Length(length)), true),
            (false, None) => (Some(Decoder::ToEnd), false),
        }
    }

    fn keeps_alive(&self, is_http_11: bool) -> bool {
        let says = |word: &[u8]| self.options().any(|said| said.eq_ignore_ascii_case(word));
        !says(b"close") && (is_http_11 || says(b"keep-alive"))
    }

    /// The fields that `Connection` names, in any case and on several lines (RFC 9110 §7.6.1).
    fn named(&self) -> impl Iterator<Item = HeaderName> {
        self.options()
            .filter(|said| !said.eq_ignore_ascii_case(b"keep-alive"))
            .filter(|said| !said.eq_ignore_ascii_case(b"close"))
            .filter_map(|said| HeaderName::from_bytes(said).ok())
    }

    fn options(&self) -> impl Iterator<Item = &'h [u8]> {
        self.connection
            .iter()
            .flat_map(|value| value.split(|b| *b == b','))
            .map(<[u8]>::trim_ascii)
    }
}

/// A length: digits and nothing else.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Result<Reply, BadReply> {
        read(&mut BytesMut::from(text), &Method::GET).map(Option::unwrap)
    }

    #[test]
    fn a_head_is_taken_out_when_it_is_whole() {
        let text = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nhi";
        for end in 0..text.len() - 2 {
            let mut input = BytesMut::from(&text[..end]);
            assert!(read(&mut input, &Method::GET).unwrap().is_none(), "{end}");
            assert_eq!(input.len(), end);
        }
        let mut input = BytesMut::from(text);
        let reply = read(&mut input, &Method::GET).unwrap().unwrap();
        assert_eq!(
            (reply.status.as_u16(), reply.body),
            (200, Some(Decoder::Length(2)))
        );
        assert_eq!(reply.headers["server"], "x");
        assert!(reply.reusable && input == "hi");
    }

    #[test]
    fn the_framing_is_said_once_and_plainly() {
        let body = |fields: &str| {
            reply(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).map(|r| (r.body, r.reusable))
        };
        let chunked = Some(Decoder::Chunked(Chunk::Size));
        assert_eq!(body(""), Ok((Some(Decoder::ToEnd), false)));
        assert_eq!(body("Content-Length: 0\r\n"), Ok((None, true)));
        assert_eq!(body("Transfer-Encoding: Chunked\r\n"), Ok((chunked, true)));
        assert_eq!(
            body("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
            Ok((chunked, false))
        );
        assert_eq!(
            body("Content-Length: 3\r\nContent-Length: 3\r\n"),
            Ok((Some(Decoder::Length(3)), true))
        );
        for bad in [
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: 3, 3\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding:\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(body(bad), Err(BadReply::Framing), "{bad}");
        }
    }

    #[test]
    fn some_responses_have_no_body_whatever_they_say() {
        let fields = "Content-Length: 5\r\n\r\n";
        for status in ["204 No Content", "304 Not Modified", "100 Continue"] {
            assert_eq!(
                reply(&format!("HTTP/1.1 {status}\r\n{fields}"))
                    .unwrap()
                    .body,
                None
            );
        }
        let head = read(
            &mut BytesMut::from(format!("HTTP/1.1 200 OK\r\n{fields}").as_str()),
            &Method::HEAD,
        );
        let head = head.unwrap().unwrap();
        assert!(head.body.is_none() && head.headers[CONTENT_LENGTH] == "5");
    }

    #[test]
    fn a_body_that_must_not_be_there_ends_the_connection() {
        let reusable = |status: &str, fields: &str| {
            let text = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
            reply(&text).map(|reply| reply.reusable)
        };
        for (fields, reused) in [
            ("", true),
            ("Content-Length: 0\r\n", true),
            ("Content-Length: 5\r\n", false),
            ("Transfer-Encoding: chunked\r\n", false),
        ] {
            assert_eq!(reusable("204 No Content", fields), Ok(reused), "{fields:?}");
        }
        assert_eq!(
            reusable("304 Not Modified", "Content-Length: 5\r\n"),
            Ok(true)
        );
    }

    #[test]
    fn an_old_upstream_sends_no_chunks() {
        let chunked = "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(reply(&format!("HTTP/1.1 {chunked}")).is_ok());
        let old = reply(&format!("HTTP/1.0 {chunked}")).unwrap_err();
        assert_eq!(old, BadReply::Framing);
    }

    #[test]
    fn the_connection_is_kept_as_both_ends_mean_it() {
        let kept = |version: &str, fields: &str| {
            reply(&format!(
                "{version} 200 OK\r\nContent-Length: 0\r\n{fields}\r\n"
            ))
            .unwrap()
            .reusable
        };
        assert!(kept("HTTP/1.1", ""));
        assert!(!kept("HTTP/1.1", "Connection: x, Close\r\n"));
        assert!(!kept("HTTP/1.0", ""));
        assert!(kept("HTTP/1.0", "Connection: keep-alive\r\n"));
    }

    #[test]
    fn what_is_no_response_is_refused() {
        assert_eq!(reply("SSH-2.0-x\r\n\r\n").unwrap_err(), BadReply::Syntax);
        for head in [
            "HTTP/1.1 99 x\r\n",
            "HTTP/1.1 099 x\r\n",
            "HTTP/1.1 600 x\r\n",
            "HTTP/1.1 999 x\r\n",
            "HTTP/1.1 2000 x\r\n",
            "HTTP/1.1 +20 x\r\n",
            "HTTP/1.1\t200 OK\r\n",
            "HTTP/1.2 200 OK\r\n",
            "HTTP/2.0 200 OK\r\n",
            "http/1.1 200 OK\r\n",
            "\r\nHTTP/1.1 200 OK\r\n",
            "\nHTTP/1.1 200 OK\r\n",
            " HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 O\rK\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n",
            "HTTP/1.1 200 OK\r\n A: b\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n",
            "HTTP/1.1 200 OK\r\nA\r\n",
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=\x01\r\n",
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=\0\r\n",
        ] {
            let refused = reply(&format!("{head}\r\n")).unwrap_err();
            assert_eq!(refused, BadReply::Syntax, "{head:?}");
        }
        let many = format!(
            "HTTP/1.1 200 OK\r\n{}\r\n",
            "A: b\r\n".repeat(MAX_FIELDS + 1)
        );
        assert_eq!(reply(&many).unwrap_err(), BadReply::TooLarge);
        let large = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(MAX_BYTES));
        assert_eq!(reply(&large).unwrap_err(), BadReply::TooLarge);
    }
}
