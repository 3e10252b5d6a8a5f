//! The head of a request as the upstream gets it, written once and in one go: as lines of HTTP/1, or as
//! fields of HTTP/2 (`h2/head.rs`). Which fields go is decided here for both.

use http::{
    HeaderName, HeaderValue, Method, Uri,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    request::Parts,
    uri::PathAndQuery,
};
use http_body::Body as _;

use super::{
    Credential, Hop, RequestBody, Upgrade, Upstream,
    balance::Server,
    fields::{Fields, field},
    headers,
    upload::Coding,
};
use crate::{
    identity::IdentityHeaders,
    spans::{
        context::TRACEPARENT,
        state::{self, TRACESTATE},
    },
};

/// What a head is made of.
pub(super) struct Composition<'c> {
    /// The client's head, its token taken out.
    pub(super) head: &'c Parts,
    /// Whose fields are set.
    pub(super) identity: Option<IdentityHeaders<'c>>,
    pub(super) upstream: &'c Upstream,
    pub(super) hop: &'c Hop<'c>,
    /// Whether the route is for some methods only.
    pub(super) one_method: bool,
    /// The protocol that is asked for.
    pub(super) upgrade: Option<&'c Upgrade>,
    /// The field that carries the token, where the route has one of its own for that.
    pub(super) token_header: Option<&'c HeaderName>,
    /// What the upstream is shown to let the request in.
    pub(super) credential: Option<&'c Credential>,
}

/// How long a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none, and nobody says that there is.
    None,
    /// So many bytes, which the head says.
    Exact(u64),
    /// It comes as it comes.
    Unknown,
}

impl Composition<'_> {
    /// Writes the head for a request to `server` with `body` behind `out`; how the body has to be framed.
    pub(super) fn write(&self, out: &mut Vec<u8>, server: &Server, body: &RequestBody) -> Coding {
        self.is_sent_to(server);
        self.request_line(out);
        field(out, HOST.as_str(), self.host(server).as_bytes());
        self.fields(out);
        if let Some(upgrade) = self.upgrade {
            upgrade.write(out);
        }
        let coding = self.framing(out, body);
        out.extend_from_slice(b"\r\n");
        coding
    }

    /// Notes it where the request is recorded.
    pub(super) fn is_sent_to(&self, server: &Server) {
        if let Some(record) = &self.hop.trace.record {
            record.sends_to(&server.label);
        }
    }

    fn request_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.upstream.base_path.as_bytes());
        out.extend_from_slice(target(&self.head.uri).as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
    }

    /// Whom the request is for: the upstream, or whom the client asked.
    pub(super) fn host<'h>(&'h self, server: &'h Server) -> &'h HeaderValue {
        let own = self.upstream.host.as_ref().unwrap_or(&server.host);
        let asked = if self.upstream.preserve_host {
            self.head.headers.get(HOST)
        } else {
            None
        };
        asked.unwrap_or(own)
    }

    /// The fields that carry the token and the credential, beside `Authorization`.
    pub(super) fn token_headers(&self) -> [Option<&HeaderName>; 2] {
        [self.token_header, self.credential.map(|shown| &shown.name)]
    }

    /// Everything but whom the request is for and how its body is framed.
    pub(super) fn fields(&self, out: &mut impl Fields) {
        let gone = headers::named_by_connection(&self.head.headers);
        self.passed(out, &gone);
        self.hop.write(out, self.head, &gone);
        if let Some(identity) = &self.identity {
            out.identity(identity);
        }
        if let Some(credential) = self.credential {
            out.field(&credential.name, &credential.value);
        }
    }

    /// The client's own fields, but for those that end here and those that only the gateway may say.
    fn passed(&self, out: &mut impl Fields, gone: &[HeaderName]) {
        let passes = |name: &HeaderName| {
            headers::passes(
                name.as_str(),
                self.hop.own,
                self.hop.trusted,
                self.one_method,
            ) && !gone.contains(name)
                && *name != TRACEPARENT
                && (*name != TRACESTATE || self.keeps_state())
        };
        let mut last: Option<(&HeaderName, bool)> = None;
        for (name, value) in &self.head.headers {
            // The values of one name follow each other.
            let goes = match last {
                Some((known, goes)) if known == name => goes,
                _ => passes(name),
            };
            last = Some((name, goes));
            if goes {
                out.field(name, value);
            }
        }
    }

    /// Whether what tracing systems told each other goes on: with the trace that it belongs to.
    fn keeps_state(&self) -> bool {
        self.hop.trace.arrived.is_some() && state::is_good(&self.head.headers)
    }

    /// One framing and no other: a plain length, or chunks.
    fn framing(&self, out: &mut Vec<u8>, body: &RequestBody) -> Coding {
        match self.length(body) {
            Length::Unknown => {
                field(out, TRANSFER_ENCODING.as_str(), b"chunked");
                return Coding::Chunked;
            }
            Length::Exact(length) => {
                let length = HeaderValue::from(length);
                field(out, CONTENT_LENGTH.as_str(), length.as_bytes());
            }
            Length::None => {}
        }
        Coding::Length
    }

    /// What the upstream is told of the body's length.
    pub(super) fn length(&self, body: &RequestBody) -> Length {
        let Some(length) = body.size_hint().exact() else {
            return Length::Unknown;
        };
        // A request that means something by its body has a length, also when that is nothing.
        let means_it = matches!(self.head.method, Method::POST | Method::PUT | Method::PATCH);
        if length > 0 || means_it || self.head.headers.contains_key(CONTENT_LENGTH) {
            Length::Exact(length)
        } else {
            Length::None
        }
    }
}

pub(super) fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

#[cfg(test)]
mod tests {
    use std::{rc::Rc, time::Duration};

    use super::*;
    use crate::{
        deadline::Deadlines,
        forward::{
            Pace, Peer, Protocol, UpstreamAddress,
            balance::{Group, Settings},
        },
        identity::OwnHeaders,
        spans::Traced,
    };

    fn upstream(preserve_host: bool, base_path: &str) -> Upstream {
        let address = UpstreamAddress::Http("10.0.0.1:9000".parse().unwrap());
        let server = Server::new(address, HeaderValue::from_static("10.0.0.1:9000"), None);
        let group = Group::new("default".into(), vec![server], Settings::default());
        Upstream {
            name: "default".into(),
            group: group.into(),
            host: None,
            base_path: base_path.into(),
            preserve_host,
            connect_timeout: Duration::ZERO,
            response_timeout: Duration::ZERO,
            stall_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            protocol: Protocol::Auto,
        }
    }

    fn compose(request: http::request::Builder, trusted: bool, upstream: &Upstream) -> String {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let pace = Rc::new(Pace::new(&Deadlines::new(Duration::ZERO), Duration::ZERO));
        let peer = Peer::new("192.0.2.1".parse().ok());
        let request_id = HeaderValue::from_static("id");
        let own = OwnHeaders::new(["X-Email"]);
        let hop = Hop {
            peer: &peer,
            trusted,
            scheme: "http",
            certificate: None,
            request_id: &request_id,
            own: &own,
            trace: &Traced::default(),
        };
        let composition = Composition {
            head: &head,
            identity: None,
            upstream,
            hop: &hop,
            one_method: true,
            upgrade: None,
            token_header: None,
            credential: None,
        };
        let mut out = Vec::new();
        let server = &upstream.group.servers()[0];
        composition.write(&mut out, server, &RequestBody::empty(pace));
        String::from_utf8(out).unwrap()
    }

    fn get(target: &str) -> http::request::Builder {
        http::Request::get(target).header("host", "api.example.com")
    }

    #[test]
    fn a_plain_request_becomes_a_plain_request() {
        let text = compose(
            get("/orders/42?a=b").header("accept", "*/*"),
            false,
            &upstream(false, ""),
        );
        let (head, trace) = text.rsplit_once("traceparent: 00-").unwrap();
        assert_eq!(
            head,
            "GET /orders/42?a=b HTTP/1.1\r\nhost: 10.0.0.1:9000\r\naccept: */*\r\n\
             x-forwarded-for: 192.0.2.1\r\n\
             forwarded: for=192.0.2.1;host=\"api.example.com\";proto=http\r\n\
             x-forwarded-proto: http\r\nx-forwarded-host: api.example.com\r\n\
             via: 1.1 portcullis\r\nx-request-id: id\r\n"
        );
        assert!(trace.ends_with("-02\r\n\r\n"));
    }

    #[test]
    fn connection_names_more_fields_on_every_line() {
        let mut request = get("/")
            .header("connection", "keep-alive")
            .header("connection", "X-Hop, close");
        for name in [
            "x-hop",
            "x-stays",
            "upgrade",
            "te",
            "keep-alive",
            "trailer",
            "expect",
        ] {
            request = request.header(name, "v");
        }
        let text = compose(request, false, &upstream(false, ""));
        assert!(text.contains("\r\nx-stays: v\r\n"));
        // The first line looks plain, the second names a field all the same.
        for gone in [
            "x-hop",
            "connection",
            "upgrade",
            "te:",
            "keep-alive",
            "trailer",
            "expect",
        ] {
            assert!(!text.contains(&format!("\r\n{gone}")), "{gone}");
        }
    }

    #[test]
    fn identity_headers_go_in_every_spelling_and_others_stay() {
        let mut request = get("/");
        for gone in [
            "x-auth-subject",
            "x_auth_subject",
            "x.auth.groups",
            "x-auth_scope",
            "x_request_id",
            "x-request-id",
            "x_original_url",
            "x-original-url",
            "x-http-method-override",
            "content_length",
            "transfer.encoding",
            "x-forwarded-prefix",
            "forwarded",
            "x-email",
            "X_Email",
        ] {
            request = request.header(gone, "spoofed");
        }
        let request = request
            .header("x_custom", "1")
            .header("x-auth-subjects", "2");
        let text = compose(request, false, &upstream(false, ""));
        assert!(!text.contains("spoofed"), "{text}");
        assert!(
            text.contains("\r\nx_custom: 1\r\n") && text.contains("\r\nx-auth-subjects: 2\r\n")
        );
    }

    #[test]
    fn a_trusted_proxys_word_is_continued() {
        let request = get("/")
            .header("x-forwarded-for", "198.51.100.7")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-prefix", "/api")
            .header("x_forwarded_for", "spoofed")
            .header("x-auth-subject", "spoofed");
        let text = compose(request, true, &upstream(false, ""));
        let lines: Vec<_> = text
            .lines()
            .filter(|l| l.starts_with("x-forwarded"))
            .collect();
        assert_eq!(
            lines,
            [
                "x-forwarded-for: 198.51.100.7",
                "x-forwarded-proto: https",
                "x-forwarded-prefix: /api",
                "x-forwarded-for: 192.0.2.1",
                "x-forwarded-host: api.example.com",
            ]
        );
        assert!(!text.contains("spoofed"));
    }

    #[test]
    fn host_and_base_path_are_the_upstreams() {
        let text = compose(
            get("http://api.example.com/a?b"),
            false,
            &upstream(true, "/base"),
        );
        assert!(
            text.starts_with("GET /base/a?b HTTP/1.1\r\nhost: api.example.com\r\n"),
            "{text}"
        );
        let post = http::Request::post("/")
            .header("host", "a")
            .header("content-length", "003");
        assert!(compose(post, false, &upstream(false, "")).contains("\r\ncontent-length: 0\r\n"));
        assert!(!compose(get("/"), false, &upstream(false, "")).contains("content-length"));
    }
}
