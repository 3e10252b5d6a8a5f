//! Whoever keeps the gateway waiting: clients that send slowly or do not read, upstreams that are silent.
//!
//! Where a test needs time to pass, something that takes that time is waited for on another connection.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use super::harness::{
    Connection, PATIENCE, Reply, Stage, get, listen, mint, nobody, post, refused,
};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const HALF: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.";

fn limited(limits: &str) -> Stage {
    Stage::with(&format!("[server.limits]\n{limits}\n{PUBLIC}"))
}

/// Takes one connection from the gateway, and reads from it until `end` has come.
fn accept(listener: &TcpListener, end: &[u8]) -> TcpStream {
    let (mut upstream, _) = listener.accept().unwrap();
    upstream.set_read_timeout(Some(PATIENCE)).unwrap();
    upstream.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        upstream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    upstream
}

/// Lets more time pass than the header time-out.
fn outlast_the_header_timeout(stage: &Stage) {
    for _ in 0..2 {
        let mut slow = Connection::open(stage.address());
        slow.send("GET / HTTP/1.1\r\n");
        refused(&slow.read(false), 408, "request_timeout");
    }
}

#[test]
fn a_slow_head_is_answered_and_closed() {
    let stage = limited("header_timeout = \"300ms\"");
    for begun in [
        "G",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n",
        "\r\n",
    ] {
        let mut connection = Connection::open(stage.address());
        connection.send(begun);
        refused(&connection.read(false), 408, "request_timeout");
        assert!(connection.is_closed());
    }
    // Behind another request, also when it came with that.
    let mut connection = Connection::open(stage.address());
    connection.send([&*get("/").bytes(), b"GET /2 HTTP"].concat());
    assert_eq!(connection.read(false).status, 200);
    refused(&connection.read(false), 408, "request_timeout");
    assert!(connection.is_closed());
    assert_eq!(stage.upstream.count(), 1);
}

#[test]
fn whoever_connects_and_says_nothing_is_closed() {
    let stage = limited("header_timeout = \"300ms\"");
    assert!(Connection::open(stage.address()).is_closed());
}

#[test]
fn an_idle_connection_is_closed() {
    let stage = limited("idle_timeout = \"300ms\"");
    let mut connection = Connection::open(stage.address());
    for _ in 0..2 {
        assert_eq!(connection.exchange(&get("/")).status, 200);
    }
    assert!(connection.is_closed());
    stage.allows(&get("/"));
}

#[test]
fn a_slow_form_is_a_slow_request() {
    let stage = Stage::with("[server.limits]\nheader_timeout = \"300ms\"\n");
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    for framing in [
        "Content-Length: 100\r\n\r\nacc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nacc\r\n",
    ] {
        let mut connection = Connection::open(stage.address());
        connection.send(format!("{head}{framing}"));
        refused(&connection.read(false), 408, "request_timeout");
        assert!(connection.is_closed());
    }
    stage.upstream.saw_nothing();
}

#[test]
fn a_slow_body_is_a_slow_request() {
    let stage = limited("idle_timeout = \"300ms\"");
    for half in [
        HALF,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let before = stage.upstream.count();
        let mut connection = Connection::open(stage.address());
        connection.send(half);
        refused(&connection.read(false), 408, "request_timeout");
        assert!(connection.is_closed());
        assert!(!stage.upstream.wait_for(before).complete);
    }
    stage.allows(&post("/", "whole"));
}

#[test]
fn a_slow_body_is_not_the_upstreams_fault() {
    let stage = Stage::with(&format!(
        "[upstream]\nresponse_timeout = \"300ms\"\n{PUBLIC}"
    ));
    let mut slow = Connection::open(stage.address());
    slow.send(HALF);
    stage.upstream.wait_for_heads(1);
    // A silent upstream takes the whole of the time that it has.
    stage.upstream.replies(Reply::Silence);
    for _ in 0..2 {
        refused(&stage.send(&get("/silent")), 504, "upstream_timeout");
    }
    slow.send("other");
    assert_eq!(slow.read(false).status, 200);
}

#[test]
fn a_silent_upstream_is_given_up() {
    let stage = Stage::with(&format!(
        "[upstream]\nresponse_timeout = \"300ms\"\n{PUBLIC}"
    ));
    stage.upstream.replies(Reply::Silence);
    refused(&stage.send(&get("/")), 504, "upstream_timeout");
    refused(&stage.send(&post("/", "whole")), 504, "upstream_timeout");
    // Neither connection is used again: its response could still come.
    assert_eq!(stage.upstream.connections(), 2);
    stage.upstream.replies(Reply::Bytes(OK.into()));
    assert_eq!(stage.allows(&get("/")).connection, 2);
}

#[test]
fn a_connection_is_idle_after_an_early_response_too() {
    let stage = limited("idle_timeout = \"300ms\"");
    stage.upstream.replies(Reply::Early(OK.into()));
    // The body goes on after the response, and ends.
    let mut connection = Connection::open(stage.address());
    connection.send(HALF);
    assert_eq!(connection.read(false).text(), "ok");
    connection.send("other");
    assert!(connection.is_closed());
    // The body goes on and stops.
    let mut connection = Connection::open(stage.address());
    connection.send(HALF);
    assert_eq!(connection.read(false).text(), "ok");
    connection.send("oth");
    assert!(connection.is_closed());
}

#[test]
fn a_body_after_an_early_response_is_no_head() {
    let stage = limited("header_timeout = \"300ms\"");
    stage.upstream.replies(Reply::Early(OK.into()));
    let mut connection = Connection::open(stage.address());
    connection.send(HALF);
    assert_eq!(connection.read(false).text(), "ok");
    connection.send("o");
    outlast_the_header_timeout(&stage);
    connection.send("ther");
    let seen = stage.upstream.wait_for(0);
    assert_eq!((&*seen.body, seen.complete), (&b"half.other"[..], true));
    assert_eq!(connection.exchange(&get("/next")).status, 200);
}

#[test]
fn a_body_beside_its_response_is_no_head() {
    let listener = listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stage = Stage::with(&format!(
        "[upstream]\nurl = \"{url}\"\nresponse_timeout = \"300ms\"\n\
         [server.limits]\nheader_timeout = \"300ms\"\n{PUBLIC}"
    ));
    let mut connection = Connection::open(stage.address());
    connection.send(HALF);
    let mut upstream = accept(&listener, b"half.");
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf.")
        .unwrap();
    connection.read_head();
    connection.send("o");
    outlast_the_header_timeout(&stage);
    connection.send("ther");
    let mut rest = [0; 5];
    upstream.read_exact(&mut rest).unwrap();
    upstream.write_all(&rest).unwrap();
    assert_eq!(connection.read_bytes(10), b"half.other");
    connection.send(get("/next").bytes());
    upstream.write_all(OK).unwrap();
    assert_eq!(connection.read(false).text(), "ok");
}

#[test]
fn a_body_that_stops_after_the_response_has_begun_ends_the_connection() {
    let listener = listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stage = Stage::with(&format!(
        "[upstream]\nurl = \"{url}\"\n[server.limits]\nidle_timeout = \"300ms\"\n{PUBLIC}"
    ));
    let mut connection = Connection::open(stage.address());
    connection.send(HALF);
    let mut upstream = accept(&listener, b"half.");
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun")
        .unwrap();
    let response = connection.read(false);
    assert_eq!(
        (response.text().as_str(), response.complete),
        ("begun", false)
    );
    // And the upstream hears of it.
    assert_eq!(upstream.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_client_that_does_not_read_is_closed_and_costs_little() {
    let listener = listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stage = Stage::with(&format!(
        "[upstream]\nurl = \"{url}\"\n[server.limits]\nidle_timeout = \"300ms\"\n{PUBLIC}"
    ));
    let mut connection = Connection::open(stage.address());
    connection.send(get("/").bytes());
    let mut upstream = accept(&listener, b"\r\n\r\n");
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        .unwrap();
    let chunk = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    let failed = loop {
        match upstream.write(&chunk) {
            Ok(count) => sent += count,
            Err(error) => break error.kind(),
        }
    };
    // It is closed, not stalled; what was taken stands in sockets and a small buffer.
    assert!(!matches!(
        failed,
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    ));
    assert!(
        sent < 32 << 20,
        "{sent} bytes were taken for a client that does not read"
    );
    assert!(!connection.read(false).complete);
}

#[test]
fn an_upstream_that_does_not_read_holds_the_client_back() {
    let listener = listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stage = Stage::with(&format!(
        "[upstream]\nurl = \"{url}\"\nresponse_timeout = \"300ms\"\n{PUBLIC}"
    ));
    let mut connection = Connection::open(stage.address());
    connection.offer("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    let (upstream, _) = listener.accept().unwrap();
    let response = connection.exchange(&get("/never").body(vec![b'x'; 64 << 20]));
    // It is the upstream that is too slow, and the client hears of it in the middle of its body.
    refused(&response, 504, "upstream_timeout");
    drop(upstream);
}

#[test]
fn an_upstream_that_cannot_be_reached_is_no_secret() {
    let closed = nobody();
    let stage = Stage::with(&format!("[upstream]\nurl = \"http://{closed}\"\n"));
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    refused(&response, 502, "upstream_unreachable");
    refused(&stage.send(&get("/")), 401, "token_missing");
}

#[test]
fn deadlines_do_not_outlive_what_they_are_for() {
    // Each kind of wait comes and goes, and the connection works on.
    let stage = limited("header_timeout = \"5s\"\nidle_timeout = \"5s\"");
    let mut connection = Connection::open(stage.address());
    let began = std::time::Instant::now();
    for part in [
        "GET / HT",
        "TP/1.1\r\nHost: a\r\n\r\n",
        HALF,
        "other",
        "GET / HTTP/1.1\r\n",
        "Host: a\r\n\r\n",
    ] {
        connection.send(part);
        if part.ends_with("\r\n\r\n") || part == "other" {
            assert_eq!(connection.read(false).status, 200);
        }
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_request_that_is_none_waits_until_the_answer_before_it_is_read() {
    let stage = Stage::with(PUBLIC);
    let body = vec![b'x'; 16 << 20];
    stage.upstream.replies_with("200 OK", "", &body);
    let mut connection = Connection::open(stage.address());
    connection.send([&*get("/").bytes(), b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"].concat());
    // The upstream has got rid of most of it before anything is read here.
    stage.upstream.wait_for(0);
    let response = connection.read(false);
    assert!(response.complete && response.body == body);
    refused(&connection.read(false), 400, "request_malformed");
    assert!(connection.is_closed());
}

#[test]
fn a_slow_head_is_not_answered_in_the_middle_of_a_response() {
    let listener = listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stage = Stage::with(&format!(
        "[upstream]\nurl = \"{url}\"\n[server.limits]\nheader_timeout = \"300ms\"\nidle_timeout = \"300ms\"\n{PUBLIC}"
    ));
    let mut connection = Connection::open(stage.address());
    connection.send([&*get("/").bytes(), b"GET / HT"].concat());
    let mut upstream = accept(&listener, b"\r\n\r\n");
    let body = vec![b'x'; 64 << 20];
    write!(
        upstream,
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    // Ends when the gateway has given up the client, which does not read.
    let _ = upstream.write_all(&body);
    let response = connection.read(false);
    assert!(!response.complete && response.body.iter().all(|byte| *byte == b'x'));
}
