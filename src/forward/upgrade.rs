//! A request to go on in another protocol on the same connection (RFC 9110 §7.8).

use http::{
    HeaderMap, HeaderValue, Method, Version,
    header::{CONNECTION, TRANSFER_ENCODING, UPGRADE},
    request::Parts,
};
use hyper::upgrade::OnUpgrade;

use super::fields::field;

/// The one protocol that a request asks for.
#[derive(Clone, Debug)]
pub struct Upgrade(HeaderValue);

impl Upgrade {
    /// What the request asks for, if it does so in the one plain way: a GET of HTTP/1.1 without a body,
    /// with `Connection: upgrade` and one protocol in one `Upgrade`. Any other is an ordinary request, as
    /// whoever is asked may always choose.
    #[must_use]
    pub fn asked_for(head: &Parts, has_body: bool) -> Option<Self> {
        // The HTTP library marks each request with an `Upgrade`: for all others this is one look.
        head.extensions.get::<OnUpgrade>()?;
        let plain = head.version == Version::HTTP_11
            && head.method == Method::GET
            && !has_body
            && !head.headers.contains_key(TRANSFER_ENCODING)
            && says_upgrade(
                head.headers
                    .get_all(CONNECTION)
                    .iter()
                    .map(HeaderValue::as_bytes),
            );
        if !plain {
            return None;
        }
        let mut values = head.headers.get_all(UPGRADE).iter();
        match (values.next(), values.next()) {
            (Some(only), None) if is_protocol(only.as_bytes()) => Some(Self(only.clone())),
            _ => None,
        }
    }

    /// Whether it is for `protocol`; case does not matter.
    #[must_use]
    pub fn is_for(&self, protocol: &str) -> bool {
        self.0.as_bytes().eq_ignore_ascii_case(protocol.as_bytes())
    }

    /// Whether the head of a 101 names this protocol and no other.
    pub(super) fn is_granted_by(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(UPGRADE).iter();
        match (values.next(), values.next()) {
            (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(self.0.as_bytes()),
            _ => false,
        }
    }

    /// Writes the fields that ask for it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        field(out, CONNECTION.as_str(), b"upgrade");
        field(out, UPGRADE.as_str(), self.0.as_bytes());
    }
}

/// Whether one of the values of `Connection` has the option `upgrade`.
pub(super) fn says_upgrade<'v>(connection: impl IntoIterator<Item = &'v [u8]>) -> bool {
    connection
        .into_iter()
        .flat_map(|value| value.split(|b| *b == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// A name, perhaps with a version, as RFC 9110 §7.8 has it: tokens, and one slash at most.
fn is_protocol(value: &[u8]) -> bool {
    let mut parts = value.split(|b| *b == b'/');
    let is_token = |part: &[u8]| {
        !part.is_empty()
            && part
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
    };
    parts.by_ref().take(2).all(is_token) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request: http::request::Builder, has_body: bool) -> Option<Upgrade> {
        let mut request = request.body(()).unwrap();
        let mark = hyper::upgrade::on(&mut request);
        request.extensions_mut().insert(mark);
        Upgrade::asked_for(&request.into_parts().0, has_body)
    }

    fn get() -> http::request::Builder {
        http::Request::get("/")
    }

    #[test]
    fn it_is_asked_for_in_one_plain_way() {
        let plain = |protocol: &str| {
            get()
                .header("connection", "keep-alive, Upgrade")
                .header("upgrade", protocol)
        };
        let upgrade = asked(plain("WebSocket"), false).unwrap();
        assert!(upgrade.is_for("websocket") && !upgrade.is_for("websockets"));
        assert!(asked(plain("foo/2"), false).unwrap().is_for("foo/2"));
        for protocol in ["websocket, h2c", "a b", "", "/", "a/b/c", "websocket,"] {
            assert!(asked(plain(protocol), false).is_none(), "{protocol:?}");
        }
        assert!(asked(plain("websocket"), true).is_none(), "with a body");
        for other in [
            plain("websocket").header("upgrade", "websocket"),
            plain("websocket").method("POST"),
            plain("websocket").version(Version::HTTP_10),
            plain("websocket").version(Version::HTTP_2),
            plain("websocket").header("transfer-encoding", "chunked"),
            get().header("upgrade", "websocket"),
            get().header("connection", "upgrade"),
            get()
                .header("connection", "upgrades")
                .header("upgrade", "websocket"),
        ] {
            assert!(asked(other, false).is_none());
        }
        let unmarked = plain("websocket").body(()).unwrap().into_parts().0;
        assert!(Upgrade::asked_for(&unmarked, false).is_none());
    }

    #[test]
    fn it_is_granted_by_its_own_name() {
        let upgrade = Upgrade(HeaderValue::from_static("websocket"));
        let granted = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(UPGRADE, HeaderValue::from_static(value));
            }
            upgrade.is_granted_by(&headers)
        };
        assert!(granted(&["WebSocket"]));
        assert!(!granted(&["h2c"]));
        assert!(!granted(&["websocket", "websocket"]));
        assert!(!granted(&["websocket, h2c"]));
        assert!(!granted(&[]));
    }
}
