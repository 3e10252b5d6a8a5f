//! Recorded requests as spans of OpenTelemetry. Names of attributes are those of its semantic conventions for
//! HTTP; what has none begins with `portcullis.`.
//!
//! No path, no query, no token, no claim and no field of a request is in them: texts come from the
//! configuration, or are one of a few words.

use std::time::Duration;

use http::{Method, Version};
use prost::Message as _;

use super::{
    Finished,
    messages::{
        AnyValue, ExportRequest, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span,
        Status, Value,
    },
};

/// `SPAN_KIND_INTERNAL`, `SPAN_KIND_SERVER` and `SPAN_KIND_CLIENT`.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
/// `STATUS_CODE_ERROR`.
const ERROR: i32 = 2;
/// It is known whether the parent is of another program, and it is.
const PARENT_IS_KNOWN: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;
/// What `error.type` says of a request that was given up.
const GIVEN_UP: &str = "cancelled";

#[derive(Default)]
struct Attributes(Vec<KeyValue>);

/// The body of a call.
pub(super) fn encode(batch: &[Finished], service_name: &str) -> Vec<u8> {
    let mut spans = Vec::new();
    for finished in batch {
        add(finished, &mut spans);
    }
    let mut service = Attributes::default();
    service.text("service.name", service_name);
    service.text("service.version", env!("CARGO_PKG_VERSION"));
    let scope = Scope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let resource_spans = vec![ResourceSpans {
        resource: Some(Resource {
            attributes: service.0,
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope),
            spans,
        }],
    }];
    ExportRequest { resource_spans }.encode_to_vec()
}

fn add(finished: &Finished, spans: &mut Vec<Span>) {
    let from = (Duration::ZERO, finished.took);
    let remote = finished.parent.map_or(0, |_| PARENT_IS_REMOTE);
    let server = Span {
        parent_span_id: finished.parent.map(Vec::from).unwrap_or_default(),
        name: name(finished),
        attributes: of_server(finished),
        status: is_error(finished, 500),
        flags: u32::from(finished.own.flags()) | PARENT_IS_KNOWN | remote,
        ..span(finished, finished.own.span(), SERVER, from)
    };
    spans.push(server);
    for (wait, began, ended) in &finished.waits {
        let mut attributes = Attributes::default();
        let issuer = finished.ended.as_ref().and_then(|e| e.issuer.as_deref());
        attributes.maybe("portcullis.issuer", issuer);
        spans.push(Span {
            name: wait.name().to_owned(),
            attributes: attributes.0,
            ..span(
                finished,
                Finished::new_span(),
                INTERNAL,
                (*began, (*ended).min(finished.took)),
            )
        });
    }
    if let Some((label, since)) = &finished.sent {
        spans.push(Span {
            name: method(&finished.asked.method).to_owned(),
            attributes: of_client(finished, label),
            status: is_error(finished, 400),
            ..span(finished, finished.upstream, CLIENT, (*since, finished.took))
        });
    }
}

/// A span within the request's own.
fn span(finished: &Finished, id: [u8; 8], kind: i32, (from, to): (Duration, Duration)) -> Span {
    let at = |offset| {
        let at = finished.began.saturating_add(offset).as_nanos();
        u64::try_from(at).unwrap_or(u64::MAX)
    };
    Span {
        trace_id: finished.own.trace().bytes().to_vec(),
        span_id: id.to_vec(),
        parent_span_id: finished.own.span().to_vec(),
        kind,
        start_time_unix_nano: at(from),
        end_time_unix_nano: at(to),
        flags: u32::from(finished.own.flags()) | PARENT_IS_KNOWN,
        ..Span::default()
    }
}

/// `GET /orders/{id}`: never the path itself.
fn name(finished: &Finished) -> String {
    let method = method(&finished.asked.method);
    let route = finished.ended.as_ref().and_then(|e| e.route.as_ref());
    match route {
        Some(route) => format!("{method} {}", route.path),
        None => method.to_owned(),
    }
}

/// A method that is known, for others may be anything.
fn method(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::CONNECT
        | Method::OPTIONS
        | Method::TRACE
        | Method::PATCH => method.as_str(),
        _ => "_OTHER",
    }
}

fn is_error(finished: &Finished, from: u16) -> Option<Status> {
    let is = finished.ended.as_ref().is_none_or(|e| e.status >= from);
    is.then_some(Status { code: ERROR })
}

fn of_server(finished: &Finished) -> Vec<KeyValue> {
    let asked = &finished.asked;
    let mut attributes = Attributes::default();
    attributes.text("http.request.method", method(&asked.method));
    attributes.text("url.scheme", asked.scheme);
    let version = match asked.version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    attributes.text("network.protocol.version", version);
    let client = asked.client.map(|address| address.to_string());
    attributes.maybe("client.address", client.as_deref());
    attributes.text("portcullis.request_id", &asked.request_id);
    let Some(ended) = &finished.ended else {
        attributes.text("error.type", GIVEN_UP);
        return attributes.0;
    };
    attributes.number("http.response.status_code", ended.status.into());
    if let Some(route) = &ended.route {
        attributes.text("http.route", &route.path);
        attributes.maybe("server.address", route.host.as_deref());
        attributes.text("portcullis.route", &route.name);
    }
    attributes.maybe("portcullis.issuer", ended.issuer.as_deref());
    attributes.maybe("portcullis.code", ended.code);
    if ended.status >= 500 {
        attributes.error_type(ended.status, ended.code);
    }
    attributes.0
}

fn of_client(finished: &Finished, label: &str) -> Vec<KeyValue> {
    let mut attributes = Attributes::default();
    attributes.text("http.request.method", method(&finished.asked.method));
    let (scheme, authority) = label.split_once("://").unwrap_or(("unix", label));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
        _ if scheme == "https" => (authority, Some(443)),
        _ if scheme == "http" => (authority, Some(80)),
        _ => (authority.strip_prefix("unix:").unwrap_or(authority), None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    attributes.text("server.address", host);
    if let Some(port) = port {
        attributes.number("server.port", port);
        attributes.text("url.scheme", scheme);
    }
    let again = finished.attempts.saturating_sub(1);
    if again > 0 {
        attributes.number("http.request.resend_count", again.into());
    }
    match &finished.ended {
        None => attributes.text("error.type", GIVEN_UP),
        Some(ended) => {
            if ended.code.is_none() {
                attributes.number("http.response.status_code", ended.status.into());
            }
            if ended.status >= 400 {
                attributes.error_type(ended.status, ended.code);
            }
        }
    }
    attributes.0
}

impl Attributes {
    fn add(&mut self, key: &str, value: Value) {
        self.0.push(KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
        });
    }

    fn text(&mut self, key: &str, value: &str) {
        self.add(key, Value::String(value.to_owned()));
    }

    fn maybe(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn number(&mut self, key: &str, value: i64) {
        self.add(key, Value::Int(value));
    }

    fn error_type(&mut self, status: u16, code: Option<&str>) {
        match code {
            Some(code) => self.text("error.type", code),
            None => self.text("error.type", &status.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::spans::{Asked, Context, Ended};

    fn sent_to(label: &str, attempts: u32, ended: Option<Ended>) -> Vec<Span> {
        let own = Context::new(true);
        let finished = Finished {
            own,
            parent: None,
            upstream: own.sibling().span(),
            began: Duration::from_secs(1),
            took: Duration::from_millis(2),
            asked: Asked {
                method: Method::from_bytes(b"SECRET").unwrap(),
                scheme: "https",
                version: Version::HTTP_2,
                client: None,
                request_id: "id".into(),
            },
            ended,
            waits: Vec::new(),
            sent: Some((Arc::from(label), Duration::from_millis(1))),
            attempts,
        };
        let mut spans = Vec::new();
        add(&finished, &mut spans);
        spans
    }

    fn of(span: &Span) -> String {
        let shown = |one: &KeyValue| match one.value.clone().unwrap().value.unwrap() {
            Value::String(text) => format!("{}={text}", one.key),
            Value::Int(number) => format!("{}={number}", one.key),
        };
        let all: Vec<_> = span.attributes.iter().map(shown).collect();
        all.join(" ")
    }

    fn refused() -> Option<Ended> {
        Some(Ended {
            status: 502,
            code: Some("upstream_unavailable"),
            route: None,
            issuer: None,
        })
    }

    #[test]
    fn a_server_has_an_address_and_a_port_where_it_has_one() {
        for (label, shown) in [
            (
                "http://10.0.0.1:9000",
                "server.address=10.0.0.1 server.port=9000 url.scheme=http",
            ),
            (
                "https://api.example",
                "server.address=api.example server.port=443 url.scheme=https",
            ),
            (
                "http://[::1]:80",
                "server.address=::1 server.port=80 url.scheme=http",
            ),
            (
                "http://[::1]",
                "server.address=::1 server.port=80 url.scheme=http",
            ),
            ("unix:/run/api.sock", "server.address=/run/api.sock"),
        ] {
            let spans = sent_to(label, 1, refused());
            let shown =
                format!("http.request.method=_OTHER {shown} error.type=upstream_unavailable");
            assert_eq!(of(&spans[1]), shown);
        }
    }

    #[test]
    fn what_was_sent_again_says_how_often() {
        assert!(!of(&sent_to("http://a", 1, refused())[1]).contains("resend"));
        let again = &sent_to("http://a", 3, refused())[1];
        assert!(of(again).contains("http.request.resend_count=2"));
    }

    #[test]
    fn a_request_that_is_given_up_is_an_error() {
        for span in sent_to("http://a", 1, None) {
            assert_eq!(span.status, Some(Status { code: ERROR }));
            assert!(of(&span).ends_with("error.type=cancelled"));
            assert_eq!(span.end_time_unix_nano, 1_002_000_000);
            assert_eq!(span.name, "_OTHER");
        }
    }
}
