//! HTTP/2 from clients: what passes, what is refused, and what ends a stream or a connection.

use bytes::Bytes;
use h2::Reason;
use http::{Method, Request};

use super::harness::{
    Connection, Reply, Response, Stage, get,
    http2::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GET, GOAWAY, HEADERS, Http2, PING,
        PREFACE, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, headers,
    },
    mint, post, refused,
};

const CLEARTEXT: &str = "[server]\nhttp2_cleartext = true\n";
const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

fn limited(limits: &str) -> Stage {
    Stage::with(&format!("{CLEARTEXT}[server.limits]\n{limits}\n{PUBLIC}"))
}

fn public() -> Stage {
    limited("")
}

fn asks(method: &str, path: &str) -> http::request::Builder {
    let uri = format!("http://api.example.com{path}");
    Request::builder().method(method).uri(uri)
}

fn plain(path: &str) -> Request<()> {
    asks("GET", path).body(()).unwrap()
}

/// Sends a request on a connection of its own.
fn send(stage: &Stage, request: Request<()>) -> Response {
    Http2::open(stage.address()).exchange(request, &[])
}

#[track_caller]
fn allows(stage: &Stage, request: Request<()>) -> super::harness::Seen {
    let before = stage.upstream.count();
    let response = send(stage, request);
    assert_eq!(response.status, 200, "{}", response.text());
    stage.upstream.wait_for(before)
}

#[track_caller]
fn refuses(stage: &Stage, request: Request<()>, status: u16, code: &str) {
    let before = stage.upstream.count();
    let response = send(stage, request);
    refused(&response, status, code);
    assert!(response.field("connection").is_none());
    assert!(response.field("date").is_some());
    assert_eq!(stage.upstream.count(), before, "the upstream saw it");
}

#[test]
fn a_token_decides_over_http_2_as_well() {
    let stage = Stage::with(CLEARTEXT);
    let token = format!("Bearer {}", mint::token().sign());
    let request = asks("GET", "/a?b").header("authorization", &token);
    let seen = allows(&stage, request.body(()).unwrap());
    assert_eq!((&*seen.method, &*seen.target), ("GET", "/a?b"));
    assert_eq!(seen.head.line, "GET /a?b HTTP/1.1");
    assert!(seen.field("x-auth-subject").is_some());
    refuses(&stage, plain("/a?b"), 401, "token_missing");
    let forged = asks("GET", "/a").header("authorization", format!("{token}x"));
    refuses(&stage, forged.body(()).unwrap(), 401, "token_malformed");
}

#[test]
fn a_response_has_its_identifier_and_nothing_of_the_connection() {
    let stage = public();
    stage.upstream.replies_with(
        "200 OK",
        "connection: keep-alive\r\nkeep-alive: timeout=5\r\nx-own: 1\r\n",
        "hello",
    );
    let response = send(&stage, plain("/"));
    assert_eq!((response.status, &*response.body), (200, &b"hello"[..]));
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
        assert!(response.field(name).is_none(), "{name}");
    }
    for name in ["x-request-id", "date", "x-own"] {
        assert!(response.field(name).is_some(), "{name}");
    }
    assert_eq!(response.field("content-length"), Some("5"));
    let head = send(&stage, asks("HEAD", "/").body(()).unwrap());
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.field("content-length"), Some("5"));
}

#[test]
fn without_being_asked_for_the_preface_is_no_request() {
    let stage = Stage::with(PUBLIC);
    let mut connection = Connection::open(stage.address());
    connection.send(PREFACE);
    refused(&connection.read(false), 400, "request_malformed");
    assert!(connection.is_closed());
    stage.upstream.saw_nothing();
}

#[test]
fn http_1_goes_on_beside_it() {
    let stage = public();
    let mut connection = Connection::open(stage.address());
    let request = post("/", "PRI * HTTP/2.0").bytes();
    for byte in &request {
        connection.send([*byte]);
    }
    assert_eq!(connection.read(false).status, 200);
    assert_eq!(connection.exchange(&get("/")).status, 200);
    let mut connection = Connection::open(stage.address());
    connection.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    refused(&connection.read(false), 400, "request_malformed");
    assert_eq!(stage.upstream.count(), 2);
}

#[test]
fn an_upgrade_to_http_2_is_not_taken() {
    let stage = public();
    let request = get("/")
        .field("Connection", "Upgrade, HTTP2-Settings")
        .field("Upgrade", "h2c")
        .field("HTTP2-Settings", "AAMAAABkAAQAAP__");
    let seen = stage.allows(&request);
    assert!(seen.field("upgrade").is_none() && seen.field("http2-settings").is_none());
}

#[test]
fn a_request_names_one_host() {
    let stage = public();
    let hosted = |host: &str| asks("GET", "/").header("host", host).body(()).unwrap();
    allows(&stage, plain("/"));
    let seen = allows(&stage, hosted("API.example.com"));
    assert_eq!(seen.head.all("host").len(), 1);
    refuses(&stage, hosted("b.example.com"), 400, "request_malformed");
    refuses(
        &stage,
        hosted("api.example.com:80"),
        400,
        "request_malformed",
    );
    for uri in ["http://u@api.example.com/", "http://u:p@api.example.com/"] {
        let request = Request::get(uri).body(()).unwrap();
        refuses(&stage, request, 400, "request_malformed");
    }
}

#[test]
fn targets_and_methods_are_those_of_http_1() {
    let stage = public();
    allows(&stage, plain("/a/b"));
    for path in ["/a//b", "/a/../b", "/a%2fb", "/a;b", "/%zz"] {
        refuses(&stage, plain(path), 400, "request_malformed");
    }
    refuses(
        &stage,
        plain(&format!("/{}", "a".repeat(9000))),
        414,
        "uri_too_long",
    );
    let connect = Request::builder().method(Method::CONNECT);
    let connect = connect.uri("api.example.com:443").body(()).unwrap();
    refuses(&stage, connect, 405, "method_not_allowed");
    refuses(
        &stage,
        asks("TRACE", "/").body(()).unwrap(),
        405,
        "method_not_allowed",
    );
}

#[test]
fn fields_and_crumbs_are_counted_as_they_came() {
    let stage = public();
    let many = |name: &str, value: &str, count: usize| {
        let request = (0..count).fold(asks("GET", "/"), |request, _| request.header(name, value));
        request.body(()).unwrap()
    };
    let seen = allows(&stage, many("cookie", "a=b", 99));
    assert_eq!(seen.head.all("cookie"), [vec!["a=b"; 99].join("; ")]);
    allows(&stage, many("x", "y", 99));
    for (name, count) in [("x", 100), ("x", 600), ("cookie", 100), ("cookie", 200)] {
        refuses(&stage, many(name, "y", count), 431, "headers_too_large");
    }
    allows(&stage, many("x", &"y".repeat(1000), 16));
    refuses(
        &stage,
        many("x", &"y".repeat(1000), 17),
        431,
        "headers_too_large",
    );
}

/// GET with `fields` behind its pseudo-header fields.
fn with(fields: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&GET, fields].concat()
}

/// GET without the pseudo-header field `name`, or with `value` in its place.
fn but(name: &'static str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
    let fields = GET.iter().filter_map(|(key, old)| match value {
        _ if *key != name => Some((*key, *old)),
        Some(value) => Some((name, value)),
        None => None,
    });
    fields.collect()
}

#[test]
fn what_belongs_to_http_1_ends_the_stream() {
    let stage = public();
    let mut frames = Frames::open(stage.address());
    frames.send(&headers(1, &with(&[("te", "trailers")]), END_STREAM));
    assert_eq!(frames.wait_for(HEADERS).status(), 200);
    let bad = [
        with(&[("te", "gzip")]),
        with(&[("te", "trailers, deflate")]),
        with(&[("connection", "close")]),
        with(&[("connection", "x-auth-subject")]),
        with(&[("keep-alive", "5")]),
        with(&[("proxy-connection", "keep-alive")]),
        with(&[("upgrade", "websocket")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("content-length", "5")]),
        with(&[("x", " y")]),
        with(&[("x", "y\t")]),
        with(&[("content-length", "+0")]),
        but(":path", None),
        but(":path", Some("")),
        but(":scheme", None),
        but(":method", None),
    ];
    for fields in bad {
        let mut frames = Frames::open(stage.address());
        frames.send(&headers(1, &fields, END_STREAM));
        let answer = frames.find(|frame| frame.stream == 1).unwrap();
        assert_eq!(answer.kind, RST_STREAM, "{fields:?}");
        assert_eq!(answer.reason(), Reason::PROTOCOL_ERROR, "{fields:?}");
    }
    // What is no name at all ends the connection.
    for name in ["Upper", "", "a b", ":late", "a:"] {
        let mut frames = Frames::open(stage.address());
        frames.send(&headers(1, &with(&[(name, "x")]), END_STREAM));
        let answer = frames.find(|f| matches!(f.kind, HEADERS | RST_STREAM | GOAWAY));
        assert_ne!(answer.unwrap().kind, HEADERS, "{name:?}");
    }
    assert_eq!(stage.upstream.count(), 1);
}

#[test]
fn a_value_that_is_none_ends_the_connection_or_the_stream() {
    let stage = public();
    for value in ["a\r\nx-auth-subject: b", "a\nb", "a\rb", "a\0b", "\u{7f}"] {
        let mut frames = Frames::open(stage.address());
        frames.send(&headers(
            1,
            &[&GET[..], &[("x", value)]].concat(),
            END_STREAM,
        ));
        let answer = frames.find(|f| matches!(f.kind, HEADERS | RST_STREAM | GOAWAY));
        assert_ne!(answer.unwrap().kind, HEADERS, "{value:?}");
    }
    stage.upstream.saw_nothing();
    allows(
        &stage,
        asks("GET", "/").header("x", "a\tb").body(()).unwrap(),
    );
}

#[test]
fn a_request_without_a_place_is_refused() {
    let stage = public();
    let bad = [
        but(":authority", None),
        but(":authority", Some("")),
        but(":scheme", Some("ftp")),
        but(":path", Some("a")),
        but(":path", Some("*")),
        with(&[("content-length", "0"), ("content-length", "0")]),
        [&but(":authority", None)[..], &[("host", "api.example.com")]].concat(),
    ];
    for fields in bad {
        let mut frames = Frames::open(stage.address());
        frames.send(&headers(1, &fields, END_STREAM));
        let answer = frames.find(|frame| frame.stream == 1).unwrap();
        let refused = answer.kind == RST_STREAM || answer.status() == 400;
        assert!(refused, "{fields:?}: {answer:?}");
    }
    stage.upstream.saw_nothing();
    let mut frames = Frames::open(stage.address());
    frames.send(&headers(1, &but(":scheme", Some("https")), END_STREAM));
    assert_eq!(frames.wait_for(HEADERS).status(), 200);
}

#[test]
fn a_length_is_kept() {
    let stage = public();
    let sends = |length: &'static str, body: &[u8]| {
        let mut fields = but(":method", Some("POST"));
        fields.push(("content-length", length));
        let mut frames = Frames::open(stage.address());
        let data = frame(DATA, END_STREAM, 1, body);
        frames.send(&[headers(1, &fields, 0), data].concat());
        frames
            .find(|frame| frame.stream == 1 && frame.kind != WINDOW_UPDATE)
            .unwrap()
    };
    assert_eq!(sends("5", b"hello").status(), 200);
    for (length, body) in [("6", "hello"), ("4", "hello"), ("0", "hello")] {
        let answer = sends(length, body.as_bytes());
        assert_eq!(answer.kind, RST_STREAM, "{length}");
        assert_eq!(answer.reason(), Reason::PROTOCOL_ERROR);
    }
    let whole = stage
        .upstream
        .seen()
        .iter()
        .filter(|seen| seen.complete)
        .count();
    assert_eq!(whole, 1);
}

#[test]
fn bodies_are_larger_than_windows_both_ways() {
    let stage = public();
    let large: Vec<u8> = (0..3_000_000u32).map(|i| i.to_le_bytes()[0]).collect();
    stage.upstream.replies_with("200 OK", "", &large);
    let mut client = Http2::open(stage.address());
    let response = client.exchange(asks("POST", "/").body(()).unwrap(), &large);
    assert!(response.complete && response.body == large);
    let seen = stage.upstream.wait_for(0);
    assert!(seen.complete && seen.body == large);
    assert_eq!(seen.field("transfer-encoding"), Some("chunked"));
    let length = asks("POST", "/").header("content-length", large.len());
    let response = client.exchange(length.body(()).unwrap(), &large);
    assert_eq!(response.status, 200);
    let seen = stage.upstream.wait_for(1);
    assert!(seen.complete && seen.field("transfer-encoding").is_none());
}

#[test]
fn one_request_stalls_and_the_others_go_on() {
    let stage = public();
    let mut client = Http2::open(stage.address());
    let mut stalled = client.begin(asks("POST", "/slow").body(()).unwrap());
    stalled
        .body
        .send_data(Bytes::from_static(b"half"), false)
        .unwrap();
    let asked: Vec<_> = (0..50).map(|_| client.ask(plain("/quick"))).collect();
    for response in asked {
        assert_eq!(client.read(response).status, 200);
    }
    stalled
        .body
        .send_data(Bytes::from_static(b"whole"), true)
        .unwrap();
    assert_eq!(client.read(stalled.response).status, 200);
    let seen = stage.upstream.seen();
    assert!(seen.iter().any(|seen| seen.body == b"halfwhole"));
}

#[test]
fn an_answer_may_come_before_the_body() {
    let stage = Stage::with(CLEARTEXT);
    let mut client = Http2::open(stage.address());
    let mut half = client.begin(asks("POST", "/").body(()).unwrap());
    half.body
        .send_data(Bytes::from_static(b"half"), false)
        .unwrap();
    refused(&client.read(half.response), 401, "token_missing");
    stage.upstream.saw_nothing();
    // The connection goes on.
    refused(&client.exchange(plain("/"), &[]), 401, "token_missing");
    let stage = public();
    stage.upstream.replies(Reply::Early(
        b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno".to_vec(),
    ));
    let mut client = Http2::open(stage.address());
    let mut half = client.begin(asks("POST", "/").body(()).unwrap());
    half.body
        .send_data(Bytes::from_static(b"half"), false)
        .unwrap();
    let response = client.read(half.response);
    assert_eq!((response.status, &*response.body), (413, &b"no"[..]));
}

#[test]
fn a_body_that_stalls_is_refused() {
    let stage = limited("idle_timeout = \"500ms\"");
    let mut client = Http2::open(stage.address());
    let mut half = client.begin(asks("POST", "/").body(()).unwrap());
    half.body
        .send_data(Bytes::from_static(b"half"), false)
        .unwrap();
    refused(&client.read(half.response), 408, "request_timeout");
    assert!(stage.upstream.seen().iter().all(|seen| !seen.complete));
}

#[test]
fn headers_that_do_not_end_are_not_waited_for() {
    let stage = limited("header_timeout = \"500ms\"");
    let open = frame(HEADERS, END_STREAM, 1, &block(&GET));
    let mut frames = Frames::open(stage.address());
    frames.send(&[&open[..], &frame(CONTINUATION, END_HEADERS, 1, &[])].concat());
    assert_eq!(frames.wait_for(HEADERS).status(), 200);
    for begun in [&open[..], &open[..20]] {
        let mut frames = Frames::open(stage.address());
        frames.send(begun);
        let goodbye = frames.wait_for(GOAWAY);
        assert_eq!(goodbye.reason(), Reason::ENHANCE_YOUR_CALM);
        assert!(frames.find(|_| false).is_none());
    }
    assert_eq!(stage.upstream.count(), 1);
    // Who has begun is not idle, however short the time for that is.
    let stage = limited("header_timeout = \"1s\"\nidle_timeout = \"50ms\"");
    let mut frames = Frames::open(stage.address());
    let other = frame(HEADERS, END_STREAM, 3, &block(&GET));
    frames.send(&[headers(1, &GET, END_STREAM), other].concat());
    assert_eq!(frames.wait_for(HEADERS).status(), 200);
    let goodbye = frames.wait_for(GOAWAY);
    assert_eq!(goodbye.reason(), Reason::ENHANCE_YOUR_CALM);
    assert!(frames.find(|_| false).is_none());
}

#[test]
fn a_connection_without_requests_ends() {
    let stage = limited("idle_timeout = \"500ms\"\nheader_timeout = \"500ms\"");
    let mut silent = Frames::open(stage.address());
    assert_eq!(silent.wait_for(GOAWAY).reason(), Reason::NO_ERROR);
    assert!(silent.find(|_| false).is_none());
    let mut idle = Frames::open(stage.address());
    idle.send(&headers(1, &GET, END_STREAM));
    assert_eq!(idle.wait_for(HEADERS).status(), 200);
    assert_eq!(idle.wait_for(GOAWAY).reason(), Reason::NO_ERROR);
    assert!(idle.find(|_| false).is_none());
    // Before the preface has ended.
    let mut begun = Connection::open(stage.address());
    begun.send(&PREFACE[..10]);
    assert!(begun.is_closed());
}

#[test]
fn a_window_of_zero_is_not_waited_for() {
    const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];
    let stage = limited("idle_timeout = \"500ms\"");
    let mut frames = Frames::with_settings(stage.address(), &NO_WINDOW);
    frames.send(&headers(1, &GET, END_STREAM));
    assert_eq!(frames.wait_for(HEADERS).status(), 200);
    let reset = frames.wait_for(RST_STREAM);
    assert_eq!((reset.stream, reset.reason()), (1, Reason::CANCEL));
    assert_eq!(frames.wait_for(GOAWAY).reason(), Reason::NO_ERROR);
    assert!(frames.find(|_| false).is_none());
    // Who makes room gets everything.
    let mut frames = Frames::with_settings(stage.address(), &NO_WINDOW);
    frames.send(&headers(1, &GET, END_STREAM));
    assert_eq!(frames.wait_for(HEADERS).status(), 200);
    frames.send(&frame(WINDOW_UPDATE, 0, 1, &100u32.to_be_bytes()));
    let data = frames.wait_for(DATA);
    assert_eq!(
        (data.payload.len(), data.flags & END_STREAM),
        (11, END_STREAM)
    );
}

/// Sends `flood` in a stream of frames, and expects the connection to be ended for it.
#[track_caller]
fn ends(stage: &Stage, begin: &[u8], flood: impl Iterator<Item = Vec<u8>>) {
    let before = stage.upstream.count();
    let mut frames = Frames::open(stage.address());
    frames.send(begin);
    frames.send(&flood.flatten().collect::<Vec<_>>());
    let goodbye = frames.wait_for(GOAWAY);
    assert_eq!(goodbye.reason(), Reason::ENHANCE_YOUR_CALM);
    assert!(frames.find(|_| false).is_none());
    assert!(stage.upstream.count() - before <= 300);
}

/// Sends `frames`, after which the connection must still be alive.
#[track_caller]
fn passes(stage: &Stage, begin: &[u8], some: impl Iterator<Item = Vec<u8>>) {
    let mut frames = Frames::open(stage.address());
    frames.send(begin);
    frames.send(&some.flatten().collect::<Vec<_>>());
    let (is_alive, before) = frames.is_alive();
    assert!(is_alive && before.iter().all(|frame| frame.kind != GOAWAY));
}

#[test]
fn floods_of_small_frames_end_the_connection() {
    let stage = public();
    let post = headers(1, &but(":method", Some("POST")), 0);
    let priority = frame(PRIORITY, 0, 5, &[0, 0, 0, 0, 9]);
    let update = frame(WINDOW_UPDATE, 0, 0, &1u32.to_be_bytes());
    for (begin, flood, few) in [
        (&[][..], frame(PING, 0, 0, &[0; 8]), 400),
        (&[], frame(SETTINGS, 0, 0, &[]), 100),
        (&[], priority, 400),
        (&[], update, 400),
        (&[], frame(0xee, 0, 0, b"what?"), 400),
        (&post, frame(DATA, 0, 1, &[]), 50),
        (&post, frame(DATA, 0, 1, b"x"), 50),
    ] {
        ends(&stage, begin, (0..3000).map(|_| flood.clone()));
        passes(&stage, begin, (0..few).map(|_| flood.clone()));
    }
}

#[test]
fn a_flood_of_continuations_ends_the_connection() {
    let stage = public();
    let begin = frame(HEADERS, END_STREAM, 1, &block(&GET));
    let part = frame(CONTINUATION, 0, 1, &block(&[("x", "y")]));
    let mut frames = Frames::open(stage.address());
    frames.send(&[&begin[..], &part.repeat(3000)].concat());
    let goodbye = frames.wait_for(GOAWAY);
    assert_ne!(goodbye.reason(), Reason::NO_ERROR);
    assert!(frames.find(|_| false).is_none());
    stage.upstream.saw_nothing();
    let end = frame(CONTINUATION, END_HEADERS, 1, &block(&[("x", "y")]));
    let mut frames = Frames::open(stage.address());
    frames.send(&[&begin[..], &part.repeat(3), &end].concat());
    assert_eq!(frames.wait_for(HEADERS).status(), 200);
}

#[test]
fn requests_that_are_given_up_end_the_connection() {
    let stage = public();
    let given_up = |number: u32| {
        let stream = 2 * number + 1;
        let reset = frame(RST_STREAM, 0, stream, &8u32.to_be_bytes());
        [headers(stream, &GET, END_STREAM), reset].concat()
    };
    ends(&stage, &[], (0..2000).map(given_up));
    passes(&stage, &[], (0..10).map(given_up));
}

#[test]
fn resets_that_the_client_provokes_end_the_connection() {
    let stage = public();
    // A window that grows beyond its end is an error of its stream (RFC 9113 §6.9.1).
    let provoked = |number: u32| {
        let stream = 2 * number + 1;
        let update = frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff]);
        [headers(stream, &GET, END_STREAM), update].concat()
    };
    ends(&stage, &[], (0..2000).map(provoked));
    passes(&stage, &[], (0..10).map(provoked));
}

#[test]
fn a_connection_ends_after_its_requests() {
    let stage = limited("requests_per_connection = 2");
    let mut frames = Frames::open(stage.address());
    frames.send(&headers(1, &GET, END_STREAM));
    let (is_alive, before) = frames.is_alive();
    assert!(is_alive && before.iter().all(|frame| frame.kind != GOAWAY));
    frames.send(&headers(3, &GET, END_STREAM));
    assert_eq!(frames.wait_for(GOAWAY).reason(), Reason::NO_ERROR);
    frames.find(|_| false);
    assert_eq!(stage.upstream.count(), 2);
}

#[test]
fn a_client_that_does_not_hear_that_it_is_over_is_told_again() {
    let stage = limited("requests_per_connection = 2\nhttp2_streams = 5");
    let all = (0..100).map(|number| headers(2 * number + 1, &GET, END_STREAM));
    let mut frames = Frames::open(stage.address());
    for request in all {
        frames.send(&request);
        if frames
            .find(|f| f.kind == HEADERS || f.kind == GOAWAY)
            .is_none()
        {
            break;
        }
    }
    assert!(frames.find(|_| false).is_none());
    assert!(stage.upstream.count() < 10);
}

#[test]
fn more_requests_at_a_time_than_allowed_are_refused_one_by_one() {
    let stage = limited("http2_streams = 3");
    stage.upstream.replies(Reply::Held(
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(),
    ));
    let mut frames = Frames::open(stage.address());
    for stream in [1, 3, 5, 7] {
        frames.send(&headers(stream, &GET, END_STREAM));
    }
    let reset = frames.wait_for(RST_STREAM);
    assert_eq!((reset.stream, reset.reason()), (7, Reason::REFUSED_STREAM));
    stage.upstream.release();
    for _ in 0..3 {
        assert_eq!(frames.wait_for(HEADERS).status(), 200);
    }
    assert_eq!(stage.upstream.count(), 3);
}

#[test]
fn a_drain_lets_requests_finish() {
    let stage = public();
    stage.upstream.replies(Reply::Held(
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone".to_vec(),
    ));
    let mut idle = Frames::open(stage.address());
    assert!(idle.is_alive().0);
    let mut client = Http2::open(stage.address());
    let response = client.ask(plain("/"));
    client.runtime.block_on(tokio::task::yield_now());
    stage.upstream.wait_for_heads(1);
    let Stage {
        gateway,
        upstream,
        issuer,
        ..
    } = stage;
    let draining = std::thread::spawn(move || gateway.drain());
    assert_eq!(idle.wait_for(GOAWAY).reason(), Reason::NO_ERROR);
    assert!(!draining.is_finished());
    upstream.release();
    let response = client.read(response);
    assert_eq!((response.status, &*response.body), (200, &b"done"[..]));
    // It says goodbye only while it is awaited.
    let ended = client
        .runtime
        .spawn_blocking(move || draining.join().unwrap());
    assert!(
        client.runtime.block_on(ended).unwrap(),
        "the drain was clean"
    );
    drop(issuer);
}

#[test]
fn a_broken_answer_is_a_reset() {
    let stage = public();
    stage.upstream.replies(Reply::Last(
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec(),
    ));
    let response = send(&stage, plain("/"));
    assert_eq!((response.status, response.complete), (200, false));
    stage.upstream.replies_with("200 OK", "", "whole");
    assert!(send(&stage, plain("/")).complete);
}
