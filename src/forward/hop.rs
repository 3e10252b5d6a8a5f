//! What the gateway says of the hop between the client and itself.

use std::{
    cell::{OnceCell, RefCell},
    net::IpAddr,
    rc::Rc,
};

use http::{
    HeaderName, HeaderValue, Version,
    header::{FORWARDED, HOST, VIA},
    request::Parts,
};

use super::fields::Fields;
use super::headers::{
    X_CLIENT_CERT_FINGERPRINT, X_CLIENT_CERT_SUBJECT, X_FORWARDED_FOR, X_FORWARDED_HOST,
    X_FORWARDED_PROTO, X_REQUEST_ID,
};
use crate::{
    identity::OwnHeaders,
    spans::{Traced, context::TRACEPARENT},
    tls::PeerCertificate,
};

/// Who is at the other end of a client's connection; rendered once for all its requests.
pub struct Peer {
    /// Its address; `None` on a Unix socket.
    pub address: Option<IpAddr>,
    certificate: OnceCell<Rc<PeerCertificate>>,
    tls: OnceCell<&'static str>,
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
    /// Fields that only the gateway may say, beside its usual ones.
    pub own: &'h OwnHeaders,
    /// The trace that goes on.
    pub trace: &'h Traced,
    /// The client's certificate, where upstreams hear of it.
    pub certificate: Option<&'h PeerCertificate>,
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
            certificate: OnceCell::new(),
            tls: OnceCell::new(),
            forwarded_for,
            forwarded: RefCell::new(None),
        }
    }

    /// The client has shown this certificate, and it was checked.
    pub(crate) fn has_shown(&self, certificate: PeerCertificate) {
        let _ = self.certificate.set(Rc::new(certificate));
    }

    /// The connection is encrypted, with this version of TLS.
    pub(crate) fn has_agreed(&self, version: &'static str) {
        let _ = self.tls.set(version);
    }

    /// The version of TLS on the connection, if there is any.
    pub fn tls(&self) -> Option<&'static str> {
        self.tls.get().copied()
    }

    /// The certificate that the client has shown, if there is one.
    pub fn certificate(&self) -> Option<&Rc<PeerCertificate>> {
        self.certificate.get()
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
        // A copy: what came with the request is a piece of all that was read, and would keep the rest.
        let known = HeaderValue::from_bytes(host.as_bytes()).ok()?;
        *last = Some((known, rendered.clone()));
        Some(rendered)
    }
}

impl Hop<'_> {
    /// Writes `x-forwarded-*`, `forwarded`, `via`, `x-request-id` and
    /// `traceparent`. What an untrusted client said of the hop does not go on; what a trusted proxy said
    /// does, and is continued. `head` is the client's; what `gone` names of its fields does not go on.
    pub(super) fn write(&self, out: &mut impl Fields, head: &Parts, gone: &[HeaderName]) {
        let fields = &head.headers;
        let host = fields.get(HOST);
        let said =
            |name: HeaderName| self.trusted && fields.contains_key(&name) && !gone.contains(&name);
        out.field(&X_FORWARDED_FOR, &self.peer.forwarded_for);
        if let Some(forwarded) = self.peer.forwarded(host, self.scheme) {
            out.field(&FORWARDED, &forwarded);
        }
        if !said(X_FORWARDED_PROTO) {
            out.said(X_FORWARDED_PROTO, self.scheme.as_bytes());
        }
        if let Some(host) = host.filter(|_| !said(X_FORWARDED_HOST)) {
            out.field(&X_FORWARDED_HOST, host);
        }
        if let Some(certificate) = self.certificate {
            let (subject, fingerprint) = (certificate.subject(), certificate.fingerprint());
            out.said(X_CLIENT_CERT_SUBJECT, subject.as_bytes());
            out.said(X_CLIENT_CERT_FINGERPRINT, fingerprint.as_bytes());
        }
        // By which protocol the request came (RFC 9110 §7.6.3), and not how it goes on.
        out.said(
            VIA,
            match head.version {
                Version::HTTP_2 => b"2.0 portcullis",
                _ => b"1.1 portcullis",
            },
        );
        out.field(&X_REQUEST_ID, self.request_id);
        out.said(TRACEPARENT, &self.trace.outgoing().render());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_is_rendered_for_each_host() {
        let peer = Peer::new("::ffff:192.0.2.1".parse().ok());
        for host in ["api:80", "api:80", "other"] {
            let forwarded = peer
                .forwarded(Some(&host.parse().unwrap()), "http")
                .unwrap();
            assert_eq!(
                forwarded,
                format!("for=192.0.2.1;host=\"{host}\";proto=http")
            );
        }
        assert_eq!(peer.forwarded(None, "http"), None);
    }
}
