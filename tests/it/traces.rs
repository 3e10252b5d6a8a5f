//! Traces: what goes on, what is recorded, and what a collector gets to see of it.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use portcullis::telemetry::Metrics;
use prost::Message as _;

use super::{
    harness::{Builder, NOW, Publish, Reply, Request, Seen, Stage, Upstream, get, mint},
    logs::Log,
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const ROUTES: &str = "[[routes]]\npath = \"/orders/{id}\"\n\
                      [[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

/// Where spans arrive. It answers as any server would until it is told something else.
struct Collector(Upstream);

impl Collector {
    fn start() -> Self {
        Self(Upstream::start())
    }

    /// The default configuration, which sends its spans here soon.
    fn builder(&self, keys: &str) -> Builder {
        let url = self.0.url();
        let soon =
            format!("[tracing]\nendpoint = \"{url}/v1/traces\"\ninterval = \"10ms\"\nsample = 0\n");
        let builder = Stage::builder().with(ROUTES).with(&soon);
        builder.with(&format!("[tracing]\n{keys}"))
    }

    fn stage(&self, keys: &str) -> Stage {
        self.builder(keys).start()
    }

    /// The spans of the call number `call`, once it is there.
    fn spans(&self, call: usize) -> Vec<Span> {
        spans(&self.0.wait_for(call))
    }
}

fn spans(call: &Seen) -> Vec<Span> {
    assert_eq!(call.method, "POST");
    assert_eq!(call.target, "/v1/traces");
    assert_eq!(call.field("content-type"), Some("application/x-protobuf"));
    let request = ExportTraceServiceRequest::decode(&*call.body).unwrap();
    let [resource] = &request.resource_spans[..] else {
        panic!("{request:?}")
    };
    let service = &resource.resource.as_ref().unwrap().attributes;
    assert_eq!(text(service, "service.name"), Some("portcullis"));
    let scopes = resource.scope_spans.iter();
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let mut same = attributes.iter().filter(|a| a.key == key);
    let value = same.next()?.value.as_ref().unwrap().value.as_ref();
    assert!(same.next().is_none(), "{key} comes twice");
    value
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        other => panic!("{key}: {other:?}"),
    }
}

fn number(span: &Span, key: &str) -> Option<i64> {
    match value(&span.attributes, key)? {
        Value::IntValue(number) => Some(*number),
        other => panic!("{key}: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn is_error(span: &Span) -> bool {
    let code = span.status.as_ref().map_or(0, |status| status.code);
    code == StatusCode::Error as i32
}

fn order() -> Request {
    get("/orders/4711?key=hidden").bearer(mint::token().sign())
}

fn told(seen: &Seen) -> &str {
    seen.field("traceparent").unwrap()
}

/// Drains the gateway, so that every span is sent and counted.
fn drained(stage: Stage) -> Arc<Metrics> {
    let metrics = Arc::clone(stage.gateway.running().gateway().metrics());
    assert!(stage.gateway.drain());
    metrics
}

#[test]
fn what_systems_tell_each_other_goes_on_with_its_trace_only() {
    let stage = Stage::with(ROUTES);
    let asks = |parent: &str, state: &[&str]| {
        let mut request = get("/").field("traceparent", parent);
        for state in state {
            request = request.field("tracestate", *state);
        }
        let seen = stage.allows(&request);
        let states = seen.head.all("tracestate").join(",");
        (told(&seen).to_owned(), states)
    };
    let both = |parent: &str, state: &str| (parent.to_owned(), state.to_owned());
    assert_eq!(asks(PARENT, &["a=1,b=2"]), both(PARENT, "a=1,b=2"));
    assert_eq!(asks(PARENT, &["a=1", "b=2"]), both(PARENT, "a=1,b=2"));
    assert_eq!(asks(PARENT, &["a=1", "b"]), both(PARENT, ""));
    let later = PARENT.replacen("00", "cc", 1) + "-more";
    assert_eq!(asks(&later, &["a=1"]), both(PARENT, "a=1"));
    for bad in ["nonsense", &PARENT.replacen("00", "ff", 1)] {
        let (parent, state) = asks(bad, &["a=1"]);
        assert!(parent != bad && parent.ends_with("-02"), "{parent}");
        assert_eq!(state, "");
    }
    let request = get("/").field("tracestate", "a=1");
    assert_eq!(stage.allows(&request).field("tracestate"), None);
    let request = request
        .field("traceparent", PARENT)
        .field("Connection", "traceparent");
    let seen = stage.allows(&request);
    assert_ne!(told(&seen), PARENT);
    assert_eq!(seen.field("tracestate"), None);
}

#[test]
fn who_is_not_trusted_begins_a_trace_of_its_own() {
    let proxies = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    for (trust, proxies, goes_on) in [
        ("all", "", true),
        ("trusted_proxies", "", false),
        ("trusted_proxies", proxies, true),
        ("none", proxies, false),
    ] {
        let stage = Stage::with(&format!("{ROUTES}{proxies}[tracing]\ntrust = \"{trust}\""));
        let request = get("/")
            .field("traceparent", PARENT)
            .field("tracestate", "a=1");
        let seen = stage.allows(&request);
        assert_eq!(told(&seen) == PARENT, goes_on, "{trust}");
        assert_eq!(seen.field("tracestate").is_some(), goes_on, "{trust}");
    }
}

#[test]
fn a_recorded_request_has_a_span_and_its_upstream_is_told_another() {
    let collector = Collector::start();
    let stage = collector.stage("headers = \"x-key: secret\"");
    let token = mint::token().claim("mark", "c0ffee").sign();
    let request = get("/orders/4711?key=hidden").bearer(&token);
    let request = request
        .field("traceparent", PARENT)
        .field("tracestate", "a=1");
    let seen = stage.allows(&request);
    assert_eq!(seen.field("tracestate"), Some("a=1"));
    let call = collector.0.wait_for(0);
    assert_eq!(call.field("x-key"), Some("secret"));
    let spans = spans(&call);
    let [server, client] = &spans[..] else {
        panic!("{spans:?}")
    };
    for span in [server, client] {
        assert_eq!(hex(&span.trace_id), &PARENT[3..35]);
        assert_eq!(span.flags & 0xff, 1);
        let begins = span.start_time_unix_nano;
        assert_eq!(begins / 1_000_000_000, NOW.unsigned_abs());
        assert!(span.end_time_unix_nano >= begins);
        assert!(!is_error(span));
    }
    assert_eq!(hex(&server.parent_span_id), &PARENT[36..52]);
    assert_eq!(client.parent_span_id, server.span_id);
    assert_eq!(
        told(&seen),
        format!("{}-{}-01", &PARENT[..35], hex(&client.span_id))
    );
    assert_eq!(server.kind, SpanKind::Server as i32);
    assert_eq!(client.kind, SpanKind::Client as i32);
    assert_eq!(server.name, "GET /orders/{id}");
    assert_eq!(client.name, "GET");
    for (key, wanted) in [
        ("http.request.method", "GET"),
        ("http.route", "/orders/{id}"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
        ("portcullis.issuer", super::harness::ISSUER),
    ] {
        assert_eq!(text(&server.attributes, key), Some(wanted), "{key}");
    }
    assert_eq!(number(server, "http.response.status_code"), Some(200));
    assert_eq!(
        text(&client.attributes, "server.address"),
        Some("127.0.0.1")
    );
    let port = stage.upstream.address().port();
    assert_eq!(number(client, "server.port"), Some(port.into()));
    assert_eq!(number(client, "http.response.status_code"), Some(200));
    let sent = String::from_utf8_lossy(&call.body).into_owned();
    let mut hidden = vec!["4711", "hidden", "c0ffee", "key="];
    hidden.extend(token.split('.'));
    for hidden in hidden {
        assert!(!sent.contains(hidden), "{hidden}");
    }
}

#[test]
fn whoever_began_a_trace_decides_and_else_the_gateway_does() {
    let collector = Collector::start();
    let never = collector.stage("");
    let asked = order().field("traceparent", UNSAMPLED);
    assert_eq!(told(&never.allows(&asked)), UNSAMPLED);
    let begun = never.allows(&order());
    assert!(told(&begun).ends_with("-02"));
    assert_eq!(drained(never).spans.exported.get(), 0);
    collector.0.saw_nothing();

    let always = collector.stage("sample = 1.0");
    assert_eq!(told(&always.allows(&asked)), UNSAMPLED);
    let begun = always.allows(&order());
    let spans = collector.spans(0);
    let (server, client) = (&spans[0], &spans[1]);
    assert!(server.parent_span_id.is_empty());
    let (trace, span) = (hex(&client.trace_id), hex(&client.span_id));
    assert_eq!(told(&begun), format!("00-{trace}-{span}-03"));
    assert_eq!(drained(always).spans.exported.get(), 2);
    assert_eq!(collector.0.count(), 1);
}

#[test]
fn a_refused_request_says_why_and_has_no_upstream() {
    let log = Log::start();
    let collector = Collector::start();
    let stage = collector.stage("");
    let asked = get("/orders/1").field("traceparent", PARENT);
    let response = stage.refuses(&asked, 401, "token_missing");
    let spans = collector.spans(0);
    let [span] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(span.name, "GET /orders/{id}");
    let id = response.field("x-request-id").unwrap();
    for (key, wanted) in [
        ("portcullis.code", "token_missing"),
        ("portcullis.request_id", id),
    ] {
        assert_eq!(text(&span.attributes, key), Some(wanted));
    }
    assert_eq!(number(span, "http.response.status_code"), Some(401));
    // The client's mistake, and none of this server.
    assert!(!is_error(span));
    let log = log.text();
    let line = log.lines().find(|line| line.contains(id)).unwrap();
    assert!(line.contains(&PARENT[3..35]), "{line}");
}

#[test]
fn an_upstream_that_fails_makes_errors_of_both_spans() {
    let collector = Collector::start();
    let stage = collector.stage("");
    let asked = order().field("traceparent", PARENT);
    stage
        .upstream
        .replies_with("503 Service Unavailable", "", "");
    assert_eq!(stage.send(&asked).status, 503);
    drop(collector.0.wait_for(0));
    stage
        .upstream
        .replies(Reply::Last(b"nonsense\r\n\r\n".to_vec()));
    assert_eq!(stage.send(&asked).status, 502);
    for (call, status, kind) in [(0, Some(503), "503"), (1, None, "upstream_malformed")] {
        let spans = collector.spans(call);
        assert_eq!(spans.len(), 2);
        for span in &spans {
            assert!(is_error(span));
            assert_eq!(text(&span.attributes, "error.type"), Some(kind));
        }
        assert_eq!(number(&spans[1], "http.response.status_code"), status);
    }
}

#[test]
fn what_a_request_waits_for_is_a_span_too() {
    let collector = Collector::start();
    let server = Upstream::start();
    let token = "{\"access_token\": \"t\", \"token_type\": \"Bearer\", \"expires_in\": 300}";
    let length = token.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    server.replies(Reply::Held([head, token.to_owned()].concat().into()));
    let stage = collector
        .builder("")
        .with(&format!(
            "[upstream.credential]\nkind = \"client_credentials\"\nclient_id = \"g\"\n\
             client_secret = \"s\"\ntoken_endpoint = \"{}/token\"\n",
            server.url()
        ))
        .start();
    let asked = order().field("traceparent", PARENT);
    let names = |call| -> Vec<String> {
        let spans = collector.spans(call);
        let inner = spans.iter().skip(1);
        inner
            .clone()
            .for_each(|span| assert_eq!(span.parent_span_id, spans[0].span_id));
        inner.map(|span| span.name.clone()).collect()
    };
    // What is there at once is no wait: the answer comes when the worker has gone on to something else.
    let meanwhile = |asked: &Request, has_asked: &dyn Fn(), release: &dyn Fn()| {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| stage.send(asked).status);
            has_asked();
            assert_eq!(stage.send(&get("/orders/1")).status, 401);
            release();
            waiting.join().unwrap()
        })
    };
    let status = meanwhile(&asked, &|| server.wait_for_heads(1), &|| server.release());
    assert_eq!(status, 200);
    assert_eq!(names(0), ["fetch credential", "GET"]);
    // It is there now.
    stage.allows(&asked);
    assert_eq!(names(1), ["GET"]);
    // A key that nobody knows is looked for.
    let stranger = mint::Token::of(mint::stranger()).header("kid", "another");
    let asked = get("/orders/1").bearer(stranger.sign());
    let fetches = stage.issuer.fetches();
    stage.issuer.does(Publish::Held(vec![mint::es256().jwk()]));
    let status = meanwhile(
        &asked.field("traceparent", PARENT),
        &|| stage.issuer.wait_for_fetches(fetches + 1),
        &|| stage.issuer.release(),
    );
    assert_eq!(status, 401);
    assert_eq!(names(2), ["fetch keys"]);
}

#[test]
fn a_collector_that_is_busy_is_asked_again() {
    let collector = Collector::start();
    collector.0.replies_with("503 Busy", "", "");
    let stage = collector.stage("");
    stage.allows(&order().field("traceparent", PARENT));
    let first = collector.0.wait_for(0);
    collector.0.replies_with("200 OK", "", "");
    assert_eq!(collector.0.wait_for(1).body, first.body);
    let metrics = drained(stage);
    assert_eq!(metrics.spans.exported.get(), 2);
    assert_eq!(metrics.spans.failed.get(), 0);
}

#[test]
fn what_a_collector_does_not_want_is_counted_and_not_sent_again() {
    let collector = Collector::start();
    collector.0.replies_with("400 Bad Request", "", "");
    let stage = collector.stage("");
    stage.allows(&order().field("traceparent", PARENT));
    drop(collector.0.wait_for(0));
    let metrics = drained(stage);
    assert_eq!(metrics.spans.failed.get(), 2);
    assert_eq!(collector.0.count(), 1);

    let answer = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 1,
            error_message: "not that one".to_owned(),
        }),
    };
    collector
        .0
        .replies_with("200 OK", "", answer.encode_to_vec());
    let stage = collector.stage("");
    stage.allows(&order().field("traceparent", PARENT));
    drop(collector.0.wait_for(1));
    let metrics = drained(stage);
    let counts = (metrics.spans.exported.get(), metrics.spans.failed.get());
    assert_eq!(counts, (1, 1));
}

#[test]
fn a_collector_that_is_silent_keeps_no_request_waiting() {
    let collector = Collector::start();
    collector.0.replies(Reply::Silence);
    let stage = collector.stage("batch = 1\nmax_queue = 2\ntimeout = \"1s\"");
    let asked = order().field("traceparent", PARENT);
    stage.allows(&asked);
    collector.0.wait_for_heads(1);
    for _ in 0..9 {
        stage.allows(&asked);
    }
    let metrics = drained(stage);
    let (dropped, failed) = (metrics.spans.dropped.get(), metrics.spans.failed.get());
    assert_eq!(dropped + failed, 20);
    assert!(dropped >= 12, "{dropped}");
    assert_eq!(metrics.spans.exported.get(), 0);
}

#[test]
fn what_waits_is_sent_when_the_gateway_ends() {
    let collector = Collector::start();
    let stage = collector.stage("interval = \"60s\"");
    let asked = order().field("traceparent", PARENT);
    stage.allows(&asked);
    stage.allows(&asked);
    assert_eq!(collector.0.count(), 0);
    let metrics = drained(stage);
    assert_eq!(metrics.spans.exported.get(), 4);
    assert_eq!(collector.0.count(), 1);
    assert_eq!(collector.spans(0).len(), 4);
}

#[test]
fn a_second_has_room_for_so_many_and_strangers_for_half() {
    let collector = Collector::start();
    let stage = collector.stage("max_per_second = 2");
    let asked = order().field("traceparent", PARENT);
    assert_ne!(told(&stage.allows(&asked)), PARENT);
    // Its trace has no hole: the upstream is told of the span that asked.
    assert_eq!(told(&stage.allows(&asked)), PARENT);
    stage.clock.advance(1);
    assert_ne!(told(&stage.allows(&asked)), PARENT);
    let metrics = drained(stage);
    assert_eq!(metrics.spans.over_limit.get(), 1);
    assert_eq!(metrics.spans.exported.get(), 4);
}
