//! What the gateway does when there is too much of something: connections of one address, memory, time.

use std::time::Instant;

use portcullis::pressure::Level;

use super::harness::{Connection, PATIENCE, Reply, Stage, get, mint, post, refused};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";
const HALF: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx";

fn limited(limits: &str) -> Stage {
    Stage::with(&format!("[server.limits]\n{limits}\n{PUBLIC}"))
}

fn metrics(stage: &Stage) -> String {
    get("/metrics").send(stage.gateway.admin()).text()
}

#[track_caller]
pub(crate) fn closed_total(stage: &Stage, reason: &str, count: u64) {
    let line = format!("portcullis_connections_closed_total{{reason=\"{reason}\"}} {count}\n");
    let began = Instant::now();
    while !metrics(stage).contains(&line) {
        assert!(
            began.elapsed() < PATIENCE,
            "{line} is not in {}",
            metrics(stage)
        );
        std::thread::yield_now();
    }
}

#[test]
fn an_address_has_so_many_connections() {
    let stage = Stage::with(&format!(
        "[server]\nworkers = 2\n[server.limits]\nconnections_per_address = 3\n{PUBLIC}"
    ));
    let mut held: Vec<_> = (0..3).map(|_| Connection::open(stage.address())).collect();
    for connection in &mut held {
        assert_eq!(connection.exchange(&get("/")).status, 200);
    }
    for _ in 0..3 {
        let mut fourth = Connection::open(stage.address());
        fourth.offer(get("/").bytes());
        let refusal = fourth.read(false);
        refused(&refusal, 503, "overloaded");
        assert_eq!(refusal.field("retry-after"), Some("5"));
        assert!(fourth.is_closed());
    }
    assert_eq!(stage.upstream.count(), 3);
    closed_total(&stage, "per_address", 3);
    // Those that are there are served as before, and a place that is given back is taken.
    for connection in &mut held {
        assert_eq!(connection.exchange(&get("/")).status, 200);
    }
    held.pop();
    closed_total(&stage, "client", 1);
    stage.allows(&get("/"));
}

#[test]
fn a_trusted_proxy_has_as_many_connections_as_it_likes() {
    let stage = Stage::with(&format!(
        "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n\
         [server.limits]\nconnections_per_address = 1\n{PUBLIC}"
    ));
    let mut held: Vec<_> = (0..5).map(|_| Connection::open(stage.address())).collect();
    for connection in &mut held {
        assert_eq!(connection.exchange(&get("/")).status, 200);
    }
    // And so has everybody where there is no cap.
    let stage = limited("connections_per_address = 0");
    let mut held: Vec<_> = (0..5).map(|_| Connection::open(stage.address())).collect();
    for connection in &mut held {
        assert_eq!(connection.exchange(&get("/")).status, 200);
    }
}

#[test]
fn without_memory_nothing_new_is_taken_on() {
    let stage = Stage::with("[server.limits]\nmemory = \"off\"\n");
    let bearer = get("/").bearer(mint::token().sign());
    let mut connection = Connection::open(stage.address());
    assert_eq!(connection.exchange(&bearer).status, 200);
    let gateway = stage.gateway.running().gateway();
    gateway.pressure().set(Level::Shedding);
    assert_eq!(connection.exchange(&bearer).status, 200);
    gateway.pressure().set(Level::Refusing);
    // Neither a new connection nor a request on an old one.
    let mut second = Connection::open(stage.address());
    second.offer(bearer.bytes());
    for connection in [&mut connection, &mut second] {
        connection.offer(bearer.bytes());
        let refusal = connection.read(false);
        refused(&refusal, 503, "overloaded");
        assert_eq!(refusal.field("retry-after"), Some("5"));
        assert_eq!(refusal.field("connection"), Some("close"));
        assert!(connection.is_closed());
    }
    assert_eq!(stage.upstream.count(), 2);
    closed_total(&stage, "memory", 1);
    closed_total(&stage, "overloaded", 1);
    assert_eq!(get("/livez").send(stage.gateway.admin()).status, 200);
    gateway.pressure().set(Level::Calm);
    stage.allows(&bearer);
}

#[test]
fn the_memory_that_the_process_holds_is_what_counts() {
    // This very process, whose tests hold more than that.
    let held = std::hint::black_box(vec![1_u8; 64 << 20]);
    let stage = limited("memory = \"32MiB\"");
    let began = Instant::now();
    loop {
        // A connection may be accepted just before the first look.
        let mut connection = Connection::open(stage.address());
        connection.offer(get("/").bytes());
        let response = connection.read(false);
        if response.status == 503 {
            refused(&response, 503, "overloaded");
            break;
        }
        assert!(began.elapsed() < PATIENCE);
    }
    let text = metrics(&stage);
    assert!(
        text.contains("portcullis_memory_ceiling_bytes 33554432\n"),
        "{text}"
    );
    assert!(text.contains("portcullis_memory_pressure 2\n"), "{text}");
    assert!(text.contains("portcullis_memory_sheds_total 1\n"), "{text}");
    drop(held);
    let stage = limited("memory = \"1000GiB\"");
    stage.allows(&get("/"));
}

/// Lets more time pass than the header time-out.
fn outlast_the_header_timeout(stage: &Stage) {
    let mut slow = Connection::open(stage.address());
    slow.send("GET / HTTP/1.1\r\n");
    refused(&slow.read(false), 408, "request_timeout");
}

#[test]
fn a_body_that_drips_is_a_slow_request() {
    let times =
        "header_timeout = \"200ms\"\nidle_timeout = \"1s\"\nrequests_per_connection = 1000000";
    let drips = |stage: &Stage, count: usize| {
        let mut connection = Connection::open(stage.address());
        connection.send(HALF);
        for _ in 0..count {
            outlast_the_header_timeout(stage);
            connection.offer("x");
        }
        connection
    };
    // No stall is as long as the time-out, and all of them together are.
    let stage = limited(&format!("{times}\nbody_rate = \"1KiB\""));
    let mut connection = drips(&stage, 8);
    refused(&connection.read(false), 408, "request_timeout");
    assert!(connection.is_closed());
    assert!(!stage.upstream.wait_for(0).complete);
    closed_total(&stage, "body_timeout", 1);
    // Who sends as much as he must, or where there is no such limit, has all the time.
    for (rate, piece) in [("1KiB", 2000), ("", 1)] {
        let stage = limited(&format!("{times}\nbody_rate = \"{rate}\""));
        let mut connection = Connection::open(stage.address());
        let length = 8 * piece;
        connection.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ));
        for _ in 0..8 {
            outlast_the_header_timeout(&stage);
            connection.send("x".repeat(piece));
        }
        assert_eq!(connection.read(false).status, 200, "{rate:?}");
        assert_eq!(stage.upstream.wait_for(0).body.len(), length);
    }
}

#[test]
fn each_end_of_a_connection_has_its_reason() {
    let stage = limited(
        "header_timeout = \"500ms\"\nidle_timeout = \"500ms\"\nrequests_per_connection = 2\n\
         connection_age = \"1h\"\nbody_bytes = \"10B\"",
    );
    let ended = |bytes: &[u8], reads: usize| {
        let mut connection = Connection::open(stage.address());
        connection.send(bytes);
        for _ in 0..reads {
            connection.read(false);
        }
        assert!(connection.is_closed());
    };
    let one = get("/").bytes();
    ended(b"", 0);
    ended(b"GET / HTTP/1.1\r\n", 1);
    closed_total(&stage, "header_timeout", 2);
    ended(&one, 1);
    closed_total(&stage, "idle", 1);
    ended(&one.repeat(2), 2);
    closed_total(&stage, "requests", 1);
    ended(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 1);
    ended(b"no HTTP at all\r\n\r\n", 1);
    closed_total(&stage, "malformed", 2);
    ended(&post("/", "more than ten bytes").bytes(), 1);
    ended(&get(&format!("/{}", "a".repeat(9000))).bytes(), 1);
    closed_total(&stage, "too_large", 2);
    ended(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
        1,
    );
    closed_total(&stage, "body_timeout", 1);
    ended(&get("/").field("Connection", "close").bytes(), 1);
    drop(Connection::open(stage.address()));
    closed_total(&stage, "client", 2);
    let full = limited("connections = 1");
    let mut first = Connection::open(full.address());
    assert_eq!(first.exchange(&get("/")).status, 200);
    let mut second = Connection::open(full.address());
    second.offer(get("/").bytes());
    refused(&second.read(false), 503, "overloaded");
    closed_total(&full, "connections", 1);
}

#[test]
fn a_client_that_does_not_read_is_counted() {
    let stage = limited("idle_timeout = \"500ms\"");
    let mut large = b"HTTP/1.1 200 OK\r\ncontent-length: 40000000\r\n\r\n".to_vec();
    large.resize(40_000_000, b'x');
    stage.upstream.replies(Reply::Bytes(large));
    let mut connection = Connection::open(stage.address());
    connection.send(get("/").bytes());
    closed_total(&stage, "slow_reader", 1);
    drop(connection);
}
