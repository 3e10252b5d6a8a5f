//! What the gateway says of the hop between the client and itself.

use std::{cell::RefCell, net::IpAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::headers::{
    TRACEPARENT, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REQUEST_ID,
};

/// Who is at the other end of a client's connection; rendered once for all its requests.
pub struct Peer {
    /// Its address; `None` on a Unix socket.
    pub address: Option<IpAddr>,
    forwarded_for: HeaderValue,
    /// The last `Host` on this connection and the `Forwarded` that goes with it.
    forwarded: RefCell<Option<(HeaderValue, HeaderValue)>>,
}

/// One request's hop.
pub struct Hop<'h> {
    /// The client's end.
    pub peer: &'h Peer,
    /// Whether the client is a proxy whose word counts.
    pub trusted: bool,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The request's identifier.
    pub request_id: &'h HeaderValue,
}

impl Peer {
    /// The peer at `address`.
    #[must_use]
    pub fn new(address: Option<IpAddr>) -> Self {
        // An IPv4 client of a dual-stack socket is an IPv4 client.
        let address = address.map(|address| address.to_canonical());
        let text = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        let forwarded_for =
            HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("unknown"));
        Self {
            address,
            forwarded_for,
            forwarded: RefCell::new(None),
        }
    }

    /// `for=192.0.2.1;host=api.example.com;proto=https` (RFC 7239), rendered again when the host changes.
    fn forwarded(&self, host: Option<&HeaderValue>, scheme: &str) -> Option<HeaderValue> {
        let host = host?;
        let mut last = self.forwarded.borrow_mut();
        if let Some((known, rendered)) = &*last
            && known == host
        {
            return Some(rendered.clone());
        }
        let node = match self.address {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => format!("\"[{address}]\""),
            None => "unknown".to_owned(),
        };
        let rendered = format!("for={node};host=\"{}\";proto={scheme}", host.to_str().ok()?);
        let rendered = HeaderValue::try_from(rendered).ok()?;
        *last = Some((host.clone(), rendered.clone()));
        Some(rendered)
    }
}

impl Hop<'_> {
    /// Sets `x-request-id`, `x-forwarded-*`, `forwarded` and `traceparent`. What an untrusted client
    /// said of them is gone afterwards; what a trusted proxy said is kept and continued.
    pub fn set(&self, fields: &mut HeaderMap, host: Option<&HeaderValue>) {
        fields.insert(X_REQUEST_ID, self.request_id.clone());
        self.continue_list(fields, X_FORWARDED_FOR, self.peer.forwarded_for.clone());
        match self.peer.forwarded(host, self.scheme) {
            Some(forwarded) => self.continue_list(fields, FORWARDED, forwarded),
            None => drop(fields.remove(FORWARDED)),
        }
        self.keep_or_set(
            fields,
            X_FORWARDED_PROTO,
            Some(HeaderValue::from_static(self.scheme)),
        );
        self.keep_or_set(fields, X_FORWARDED_HOST, host.cloned());
        if !fields.get(TRACEPARENT).is_some_and(is_traceparent) {
            fields.insert(TRACEPARENT, new_traceparent());
        }
    }

    fn continue_list(&self, fields: &mut HeaderMap, name: HeaderName, ours: HeaderValue) {
        if self.trusted && fields.contains_key(&name) {
            fields.append(name, ours);
        } else {
            fields.insert(name, ours);
        }
    }

    fn keep_or_set(&self, fields: &mut HeaderMap, name: HeaderName, ours: Option<HeaderValue>) {
        if self.trusted && fields.contains_key(&name) {
            return;
        }
        match ours {
            Some(value) => fields.insert(name, value),
            None => fields.remove(name),
        };
    }
}

/// `00-` trace `-` parent `-` flags, in lower-case hexadecimal, neither identifier all zero.
fn is_traceparent(value: &HeaderValue) -> bool {
    let parts: smallvec::SmallVec<[&[u8]; 4]> = value.as_bytes().split(|b| *b == b'-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else {
        return false;
    };
    let is_hex = |part: &[u8]| part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_id = |part: &[u8]| is_hex(part) && part.iter().any(|b| *b != b'0');
    *version == b"00"
        && trace.len() == 32
        && is_id(trace)
        && parent.len() == 16
        && is_id(parent)
        && flags.len() == 2
        && is_hex(flags)
}

/// A new trace that nobody has decided to sample.
fn new_traceparent() -> HeaderValue {
    let (trace, parent) = (fastrand::u128(1..), fastrand::u64(1..));
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    if let Some(place) = text.get_mut(3..35) {
        write_hex(place, trace);
    }
    if let Some(place) = text.get_mut(36..52) {
        write_hex(place, u128::from(parent));
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("00-1-1-00"))
}

/// Writes the last digits of `number` in hexadecimal, filling `place`.
pub(crate) fn write_hex(place: &mut [u8], number: u128) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = number.to_be_bytes();
    for (pair, byte) in place.rchunks_exact_mut(2).zip(bytes.iter().rev()) {
        let digits = [
            DIGITS.get(usize::from(byte >> 4)),
            DIGITS.get(usize::from(byte & 15)),
        ];
        for (place, digit) in pair.iter_mut().zip(digits) {
            *place = digit.copied().unwrap_or(b'0');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ID: HeaderValue = HeaderValue::from_static("id");

    fn hop(peer: &Peer, trusted: bool) -> Hop<'_> {
        Hop {
            peer,
            trusted,
            scheme: "http",
            request_id: &ID,
        }
    }

    fn spoofed() -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert(X_FORWARDED_FOR, "127.0.0.1".parse().unwrap());
        fields.insert(X_FORWARDED_PROTO, "https".parse().unwrap());
        fields.insert(X_FORWARDED_HOST, "admin".parse().unwrap());
        fields.insert(FORWARDED, "for=127.0.0.1".parse().unwrap());
        fields.insert(X_REQUEST_ID, "mine".parse().unwrap());
        fields
    }

    #[test]
    fn an_untrusted_clients_word_does_not_count() {
        let peer = Peer::new("::ffff:192.0.2.1".parse().ok());
        let mut fields = spoofed();
        hop(&peer, false).set(&mut fields, Some(&"api:80".parse().unwrap()));
        assert_eq!(fields[X_FORWARDED_FOR], "192.0.2.1");
        assert_eq!(fields[X_FORWARDED_PROTO], "http");
        assert_eq!(fields[X_FORWARDED_HOST], "api:80");
        assert_eq!(
            fields[FORWARDED],
            "for=192.0.2.1;host=\"api:80\";proto=http"
        );
        assert_eq!(fields[X_REQUEST_ID], "id");
        hop(&peer, false).set(&mut fields, Some(&"other".parse().unwrap()));
        assert_eq!(fields[FORWARDED], "for=192.0.2.1;host=\"other\";proto=http");
    }

    #[test]
    fn a_trusted_proxys_word_is_continued() {
        let peer = Peer::new("192.0.2.1".parse().ok());
        let mut fields = spoofed();
        hop(&peer, true).set(&mut fields, Some(&"api".parse().unwrap()));
        let all = |name| fields.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(all(X_FORWARDED_FOR), ["127.0.0.1", "192.0.2.1"]);
        assert_eq!(all(X_FORWARDED_PROTO), ["https"]);
        assert_eq!(all(X_FORWARDED_HOST), ["admin"]);
    }

    #[test]
    fn a_traceparent_is_continued_or_begun() {
        let peer = Peer::new(None);
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (sent, kept) in [
            (valid, true),
            (
                "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                false,
            ),
            ("nonsense", false),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(TRACEPARENT, sent.parse().unwrap());
            hop(&peer, false).set(&mut fields, None);
            assert_eq!(fields[TRACEPARENT] == sent, kept, "{sent}");
            assert!(is_traceparent(&fields[TRACEPARENT]));
        }
    }
}
