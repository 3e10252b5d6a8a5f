//! What one request, one connection and all of them together may cost.

use std::time::Instant;

use super::harness::{Connection, PATIENCE, Reply, Stage, get, mint, post, refused};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

fn limited(limits: &str) -> Stage {
    Stage::with(&format!("[server.limits]\n{limits}\n{PUBLIC}"))
}

/// How many connections the gateway says that it has.
fn connections(stage: &Stage) -> String {
    let metrics = get("/metrics").send(stage.gateway.admin()).text();
    let gauge = metrics
        .lines()
        .find(|line| line.starts_with("portcullis_connections "));
    gauge.unwrap().to_owned()
}

fn wait_until(mut met: impl FnMut() -> bool) {
    let began = Instant::now();
    while !met() {
        assert!(began.elapsed() < PATIENCE, "waited in vain");
        std::thread::yield_now();
    }
}

#[test]
fn a_request_line_has_a_length() {
    let stage = Stage::with(PUBLIC);
    let target = |length: usize| format!("/{}", "a".repeat(length - "GET / HTTP/1.1".len()));
    stage.allows(&get(&target(8192)));
    for length in [8193, 10_000, 70_000, 2 << 20] {
        stage.refuses(&get(&target(length)), 414, "uri_too_long");
    }
    let absolute = format!("http://api.example.com{}", target(8192));
    stage.refuses(&get(&absolute), 414, "uri_too_long");
    let query = format!("/?{}", &target(8192)[1..]);
    stage.refuses(&get(&query), 414, "uri_too_long");
}

#[test]
fn a_header_block_has_a_size() {
    let stage = Stage::with(PUBLIC);
    let padded = |size: usize| {
        let others = "Host: api.example.com\r\nX: \r\n".len();
        get("/").field("X", "y".repeat(size - others))
    };
    stage.allows(&padded(16 * 1024));
    for size in [16 * 1024 + 1, 40_000, 500_000, 4 << 20] {
        stage.refuses(&padded(size), 431, "headers_too_large");
    }
    let one_name = get("/").field(&"n".repeat(17_000), "y");
    stage.refuses(&one_name, 431, "headers_too_large");
}

#[test]
fn fields_and_cookie_crumbs_are_counted() {
    let stage = Stage::with(PUBLIC);
    let tiny = |count: usize| (0..count).fold(get("/"), |request, _| request.field("X", "y"));
    stage.allows(&tiny(99));
    for count in [100, 101, 200, 600] {
        stage.refuses(&tiny(count), 431, "headers_too_large");
    }
    let crumbs = |count: usize| get("/").field("Cookie", vec!["a=b"; count].join("; "));
    stage.allows(&crumbs(99));
    stage.refuses(&crumbs(100), 431, "headers_too_large");
    let two = crumbs(60).field("cookie", vec!["a=b"; 60].join(";"));
    stage.refuses(&two, 431, "headers_too_large");
    // More than the usual, when the configuration says so.
    let stage = limited("header_fields = 300");
    stage.allows(&tiny(299));
    stage.refuses(&tiny(300), 431, "headers_too_large");
}

#[test]
fn limits_hold_behind_other_requests_too() {
    let stage = Stage::with(PUBLIC);
    let mut connection = Connection::open(stage.address());
    let long = get(&format!("/{}", "a".repeat(9000)));
    connection.offer([get("/1").bytes(), post("/2", "abc").bytes(), long.bytes()].concat());
    assert_eq!(connection.read(false).status, 200);
    assert_eq!(connection.read(false).status, 200);
    refused(&connection.read(false), 414, "uri_too_long");
    assert!(connection.is_closed());
    assert_eq!(stage.upstream.count(), 2);
}

#[test]
fn a_body_has_a_size_when_the_configuration_says_so() {
    let stage = limited("body_bytes = \"1KiB\"");
    stage.allows(&post("/", vec![b'x'; 1024]));
    stage.allows(&post("/", vec![b'x'; 1024]).chunked());
    stage.refuses(&post("/", vec![b'x'; 1025]), 413, "body_too_large");
    stage.refuses(&post("/", vec![b'x'; 3 << 20]), 413, "body_too_large");
    // How long chunks become is known only when they are there: the upstream gets no end.
    let refusal = stage.send(&post("/", vec![b'x'; 5000]).chunked());
    refused(&refusal, 413, "body_too_large");
    let seen = stage.upstream.wait_for(2);
    assert!(!seen.complete && seen.body.len() <= 1024);
}

#[test]
fn a_form_has_a_size_when_its_token_is_looked_for() {
    let stage = Stage::new();
    let token = mint::token().sign();
    let form = |length: usize| {
        let start = format!("access_token={token}&pad=");
        let pad = "x".repeat(length - start.len());
        post("/", "").form(format!("{start}{pad}"))
    };
    stage.allows(&form(8192));
    stage.allows(&form(8192).chunked());
    stage.refuses(&form(8193), 413, "body_too_large");
    stage.refuses(&form(8193).chunked(), 413, "body_too_large");
    stage.refuses(&form(1 << 20), 413, "body_too_large");
    // Whoever brings the token in the header may send as much as he likes, byte for byte.
    for large in [
        post("/", "").form("x".repeat(1 << 20)),
        post("/", "").form("x".repeat(1 << 20)).chunked(),
    ] {
        let seen = stage.allows(&large.bearer(&token));
        assert_eq!((seen.body.len(), seen.complete), (1 << 20, true));
    }
}

#[test]
fn a_small_form_is_still_a_body_with_a_limit() {
    let stage = Stage::with("[server.limits]\nbody_bytes = \"1KiB\"\n");
    let token = mint::token().sign();
    let form =
        |pad: usize| post("/", "").form(format!("access_token={token}&p={}", "x".repeat(pad)));
    stage.allows(&form(100).chunked());
    stage.refuses(&form(1000).chunked(), 413, "body_too_large");
    stage.refuses(&form(1000), 413, "body_too_large");
}

#[test]
fn a_connection_carries_so_many_requests() {
    let stage = limited("requests_per_connection = 3");
    let mut connection = Connection::open(stage.address());
    connection.send(get("/").bytes().repeat(5));
    for last in [false, false, true] {
        let response = connection.read(false);
        assert_eq!(response.status, 200);
        assert_eq!(response.field("connection"), last.then_some("close"));
    }
    assert!(connection.is_closed());
    assert_eq!(stage.upstream.count(), 3);
}

#[test]
fn a_connection_grows_so_old() {
    let stage = limited("connection_age = \"1s\"\nrequests_per_connection = 1000000000");
    let mut connection = Connection::open(stage.address());
    let began = Instant::now();
    while connection.exchange(&get("/")).field("connection").is_none() {
        assert!(began.elapsed() < PATIENCE);
    }
    assert!(began.elapsed().as_millis() > 800);
    assert!(connection.is_closed());
}

#[test]
fn there_are_so_many_connections() {
    let stage = limited("connections = 2");
    let mut first = Connection::open(stage.address());
    let mut second = Connection::open(stage.address());
    assert_eq!(first.exchange(&get("/")).status, 200);
    assert_eq!(second.exchange(&get("/")).status, 200);
    for _ in 0..3 {
        let mut third = Connection::open(stage.address());
        third.offer(get("/").bytes());
        let refusal = third.read(false);
        refused(&refusal, 503, "overloaded");
        assert_eq!(refusal.field("retry-after"), Some("5"));
        assert!(third.is_closed());
    }
    assert_eq!(stage.upstream.count(), 2);
    // Those that are there are served as before, and a place that is given back is taken.
    assert_eq!(first.exchange(&get("/")).status, 200);
    drop(first);
    wait_until(|| connections(&stage) == "portcullis_connections 1");
    stage.allows(&get("/"));
}

#[test]
fn every_place_is_given_back() {
    let stage = Stage::with(PUBLIC);
    for number in 0..1000 {
        let mut connection = Connection::open(stage.address());
        match number % 4 {
            0 => {}
            1 => connection.offer("GET / HT"),
            2 => connection.offer("\0\r\n\r\n"),
            _ => connection.offer("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"),
        }
    }
    wait_until(|| connections(&stage) == "portcullis_connections 0");
    // The upstream may still be busy with halves of requests.
    assert_eq!(stage.send(&get("/")).status, 200);
}

#[test]
fn draining_lets_requests_finish_and_nothing_else_begin() {
    let stage = Stage::with(PUBLIC);
    let held = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nheld";
    stage.upstream.replies(Reply::Held(held.into()));
    let mut fresh = Connection::open(stage.address());
    let mut busy = Connection::open(stage.address());
    busy.send([get("/1").bytes(), get("/2").bytes()].concat());
    stage.upstream.wait_for(0);
    let Stage {
        gateway, upstream, ..
    } = stage;
    std::thread::scope(|scope| {
        let drained = scope.spawn(move || gateway.drain());
        assert!(fresh.is_closed());
        drop(fresh);
        upstream.release();
        let response = busy.read(false);
        assert_eq!(
            (response.text().as_str(), response.field("connection")),
            ("held", Some("close"))
        );
        assert!(busy.is_closed());
        drop(busy);
        assert!(drained.join().unwrap());
    });
    assert_eq!(upstream.count(), 1);
}

#[test]
fn draining_ends_in_time() {
    let stage = limited("drain_timeout = \"50ms\"");
    stage.upstream.replies(Reply::Silence);
    let mut connection = Connection::open(stage.address());
    connection.send(get("/").bytes());
    stage.upstream.wait_for(0);
    let Stage {
        gateway,
        upstream: _upstream,
        ..
    } = stage;
    assert!(!gateway.drain());
    assert!(connection.try_read(false).is_none());
}
