//! Long answers: each piece goes on when it comes, whoever stops is given up, and a part never looks whole.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use super::harness::{
    Connection, PATIENCE, Reply, Stage, get, listen, mint, nobody, post, refused, request,
};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const EVENTS: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                        transfer-encoding: chunked\r\n\r\n7\r\ndata: 1\r\n";

/// A gateway, and the place where its upstream listens.
fn stage(text: &str) -> (Stage, TcpListener) {
    let listener = listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let builder = Stage::builder().with(&format!("[upstream]\nurl = \"{url}\"\n{PUBLIC}"));
    (builder.with(text).start(), listener)
}

/// Takes one connection from the gateway, and its request's head.
fn accept(listener: &TcpListener) -> TcpStream {
    let (mut upstream, _) = listener.accept().unwrap();
    upstream.set_read_timeout(Some(PATIENCE)).unwrap();
    take_head(&mut upstream);
    upstream
}

fn take_head(upstream: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        upstream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
}

fn asked(stage: &Stage, version: &str) -> Connection {
    let mut connection = Connection::open(stage.address());
    connection.send(format!("GET / {version}\r\nHost: a\r\n\r\n"));
    connection
}

fn cut_off(stage: &Stage, code: &str) -> bool {
    let wanted =
        format!("portcullis_responses_cut_off_total{{route=\"/{{*rest}}\",code=\"{code}\"}} 1");
    let metrics = get("/metrics").send(stage.gateway.admin()).text();
    metrics.lines().any(|line| line == wanted)
}

#[test]
fn each_piece_goes_on_when_it_comes() {
    let (stage, listener) = stage("");
    let mut client = asked(&stage, "HTTP/1.1");
    let mut upstream = accept(&listener);
    upstream.write_all(EVENTS).unwrap();
    assert_eq!(
        client.read_head().get("content-type"),
        Some("text/event-stream")
    );
    assert_eq!(client.read_bytes(12), b"7\r\ndata: 1\r\n");
    upstream.write_all(b"1\r\n\n\r\n").unwrap();
    assert_eq!(client.read_bytes(6), b"1\r\n\n\r\n");
    upstream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(client.read_bytes(5), b"0\r\n\r\n");
    // Both connections work on.
    client.send(get("/").bytes());
    take_head(&mut upstream);
    upstream.write_all(OK).unwrap();
    assert_eq!(client.read(false).text(), "ok");
}

#[test]
fn an_upstream_that_stops_is_given_up_and_the_client_sees_it() {
    let (stage, listener) = stage("[upstream]\nstall_timeout = \"500ms\"\n");
    let mut client = asked(&stage, "HTTP/1.1");
    let mut upstream = accept(&listener);
    upstream.write_all(EVENTS).unwrap();
    let response = client.read(false);
    assert_eq!(
        (response.text().as_str(), response.complete),
        ("data: 1", false)
    );
    assert!(client.is_closed());
    assert_eq!(upstream.read(&mut [0]).unwrap(), 0);
    assert!(cut_off(&stage, "upstream_timeout"));
}

#[test]
fn an_upstream_that_goes_on_in_time_may_go_on_for_long() {
    let (stage, listener) =
        stage("[upstream]\nstall_timeout = \"2s\"\nresponse_timeout = \"1s\"\n");
    let mut client = asked(&stage, "HTTP/1.1");
    let mut upstream = accept(&listener);
    upstream.write_all(EVENTS).unwrap();
    client.read_head();
    client.read_bytes(12);
    // Each pause is longer than half of the time; what takes that long is another gateway's time-out.
    for _ in 0..4 {
        let slow = Stage::with("[server.limits]\nheader_timeout = \"600ms\"\n");
        let mut other = Connection::open(slow.address());
        other.send("G");
        refused(&other.read(false), 408, "request_timeout");
        upstream.write_all(b"1\r\n\n\r\n").unwrap();
        assert_eq!(client.read_bytes(6), b"1\r\n\n\r\n");
    }
    upstream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(client.read_bytes(5), b"0\r\n\r\n");
}

#[test]
fn a_part_is_never_taken_for_the_whole_by_an_old_client() {
    for (framing, last) in [("", false), ("transfer-encoding: chunked\r\n", true)] {
        let (stage, listener) = stage("");
        let mut client = asked(&stage, "HTTP/1.0");
        let mut upstream = accept(&listener);
        let chunk = if last { "4\r\npart\r\n" } else { "part" };
        write!(upstream, "HTTP/1.1 200 OK\r\n{framing}\r\n{chunk}").unwrap();
        let head = client.read_head();
        assert_eq!(
            (head.get("content-length"), head.get("transfer-encoding")),
            (None, None)
        );
        assert_eq!(client.read_bytes(4), b"part");
        // A body that ends with its connection ends well; one in chunks lacks its last.
        drop(upstream);
        assert_eq!(client.is_reset(), last);
        assert_eq!(cut_off(&stage, "upstream_unreachable"), last);
    }
}

#[test]
fn a_client_that_leaves_ends_the_upstreams_work() {
    for begun in [&b""[..], EVENTS] {
        let (stage, listener) = stage("");
        let mut client = asked(&stage, "HTTP/1.1");
        let mut upstream = accept(&listener);
        if !begun.is_empty() {
            upstream.write_all(begun).unwrap();
            client.read_head();
            client.read_bytes(12);
        }
        drop(client);
        // Long before any time-out, which would be a refusal of the read here.
        assert_eq!(upstream.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn a_refused_request_is_not_asked_to_go_on() {
    let stage = Stage::with("[server.limits]\nbody_bytes = \"1KiB\"\n");
    let head = |fields: &str| {
        format!("POST / HTTP/1.1\r\nHost: api.example.com\r\nExpect: 100-Continue\r\n{fields}\r\n")
    };
    let token = mint::token().sign();
    for (fields, status, code) in [
        ("Content-Length: 3\r\n".to_owned(), 401, "token_missing"),
        (
            "Transfer-Encoding: chunked\r\n".to_owned(),
            401,
            "token_missing",
        ),
        (
            format!("Content-Length: 5000\r\nAuthorization: Bearer {token}\r\n"),
            413,
            "body_too_large",
        ),
    ] {
        let mut client = Connection::open(stage.address());
        client.send(head(&fields));
        // The very first that comes is the refusal.
        refused(&client.read(false), status, code);
        assert!(client.is_closed());
    }
    stage.upstream.saw_nothing();
    for fields in ["Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut client = Connection::open(stage.address());
        client.send(head(&format!("{fields}Authorization: Bearer {token}\r\n")));
        assert_eq!(client.read_head().line, "HTTP/1.1 100 Continue");
        let body = if fields.starts_with('C') {
            "abc"
        } else {
            "3\r\nabc\r\n0\r\n\r\n"
        };
        client.send(body);
        assert_eq!(client.read(false).status, 200);
    }
    let seen = stage.upstream.wait_for(1);
    assert_eq!((&*seen.body, seen.field("expect")), (&b"abc"[..], None));
}

#[test]
fn an_upstream_that_cannot_be_reached_asks_for_no_body() {
    let closed = nobody();
    let stage = Stage::with(&format!("[upstream]\nurl = \"http://{closed}\"\n{PUBLIC}"));
    let mut client = Connection::open(stage.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    refused(&client.read(false), 502, "upstream_unreachable");
}

#[test]
fn what_else_is_expected_is_refused() {
    let stage = Stage::with(PUBLIC);
    for expect in ["200-ok", "100-continue, x", "", "100-continue; q=1"] {
        let mut client = Connection::open(stage.address());
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: {expect}\r\n\r\n"
        ));
        refused(&client.read(false), 417, "expectation_failed");
        assert!(client.is_closed());
    }
    stage.upstream.saw_nothing();
    stage.allows(&post("/", "").field("Expect", "100-CONTINUE"));
    // An old client's expectation means nothing.
    let mut client = Connection::open(stage.address());
    client.send("GET / HTTP/1.0\r\nHost: a\r\nExpect: x\r\n\r\n");
    assert_eq!(client.read(false).status, 200);
}

#[test]
fn interim_answers_are_passed_over_but_not_for_ever() {
    let stage = Stage::with(PUBLIC);
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    for (count, status) in [(0, 200), (15, 200), (16, 502), (1000, 502)] {
        let answer = [hint.repeat(count).as_bytes(), OK].concat();
        stage.upstream.replies(Reply::Bytes(answer));
        let response = stage.send(&get("/"));
        assert_eq!(response.status, status, "{count}");
        assert_eq!(response.field("link"), None);
    }
}

#[test]
fn interim_answers_are_counted_however_they_come() {
    let (stage, listener) = stage("");
    let mut client = asked(&stage, "HTTP/1.1");
    let mut upstream = accept(&listener);
    for _ in 0..16 {
        upstream
            .write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            .unwrap();
        // Each comes by itself: something else was answered in between.
        let mut other = Connection::open(stage.address());
        refused(
            &other.exchange(&request("TRACE", "/")),
            405,
            "method_not_allowed",
        );
    }
    refused(&client.read(false), 502, "upstream_malformed");
}

#[test]
fn head_has_the_length_and_no_body() {
    let stage = Stage::with(PUBLIC);
    stage.upstream.replies(Reply::Bytes(
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".into(),
    ));
    let mut client = Connection::open(stage.address());
    for _ in 0..2 {
        let response = client.exchange(&request("HEAD", "/"));
        assert_eq!(
            (response.status, response.field("content-length")),
            (200, Some("5"))
        );
    }
    stage.upstream.replies_with("200 OK", "", "hello");
    assert_eq!(client.exchange(&get("/")).text(), "hello");
    assert_eq!(stage.upstream.connections(), 1);
}

#[test]
fn a_client_that_reads_slowly_gets_it_all() {
    let stage = Stage::with(&format!("[server.limits]\nidle_timeout = \"2s\"\n{PUBLIC}"));
    let body = vec![b'x'; 8 << 20];
    stage.upstream.replies_with("200 OK", "", &body);
    let mut client = Connection::open(stage.address());
    client.send(get("/").bytes());
    let head = client.read_head();
    assert_eq!(head.get("content-length"), Some("8388608"));
    for _ in 0..64 {
        assert!(
            client
                .read_bytes(128 << 10)
                .iter()
                .all(|byte| *byte == b'x')
        );
    }
    assert_eq!(client.exchange(&get("/").host("b")).status, 200);
}
