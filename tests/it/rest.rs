//! Connections that rest between two requests: nothing is different for their clients.

use std::time::Instant;

use super::harness::{Connection, PATIENCE, Stage, get, post, refused};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

fn limited(limits: &str) -> Stage {
    Stage::with(&format!("[server.limits]\n{limits}\n{PUBLIC}"))
}

/// How many connections are awake, and how many there are.
fn connections(stage: &Stage) -> (u32, u32) {
    let loads = stage.gateway.running().loads();
    let awake = loads.iter().map(|load| load.awake()).sum();
    (awake, loads.iter().map(|load| load.all()).sum())
}

fn wait_for(stage: &Stage, awake: u32, all: u32) {
    let began = Instant::now();
    while connections(stage) != (awake, all) {
        assert!(began.elapsed() < PATIENCE, "{:?}", connections(stage));
        std::thread::yield_now();
    }
}

/// A connection that has asked once and rests.
fn rested(stage: &Stage) -> Connection {
    let mut connection = Connection::open(stage.address());
    assert_eq!(connection.exchange(&get("/")).status, 200);
    wait_for(stage, 0, 1);
    connection
}

#[test]
fn the_next_request_is_served_and_judged_as_ever() {
    let stage = Stage::with(PUBLIC);
    let mut connection = rested(&stage);
    let upload = post("/upload", vec![b'x'; 300_000]).chunked();
    for request in [get("/2"), upload, get("/4")] {
        assert_eq!(connection.exchange(&request).status, 200);
        wait_for(&stage, 0, 1);
    }
    assert_eq!(stage.upstream.count(), 4);
    connection.send("GET /5 HTTP/1.1\r\nHost : a\r\n\r\n");
    refused(&connection.read(false), 400, "request_malformed");
    assert!(connection.is_closed());
    assert_eq!(stage.upstream.count(), 4);
}

#[test]
fn who_it_was_before_says_nothing_about_the_next_request() {
    let stage = Stage::new();
    let mut connection = Connection::open(stage.address());
    for _ in 0..2 {
        refused(&connection.exchange(&get("/")), 401, "token_missing");
        wait_for(&stage, 0, 1);
    }
    stage.upstream.saw_nothing();
}

#[test]
fn a_head_that_comes_in_parts_is_whole_and_does_not_rest() {
    let stage = Stage::with(PUBLIC);
    let mut connection = rested(&stage);
    connection.send("GE");
    wait_for(&stage, 1, 1);
    // Another connection comes to rest meanwhile; this one is in the middle of something.
    let mut other = Connection::open(stage.address());
    assert_eq!(other.exchange(&get("/")).status, 200);
    wait_for(&stage, 1, 2);
    for part in ["T /in-parts HT", "TP/1.1\r", "\nHost: a\r\n", "\r\n"] {
        connection.send(part);
    }
    assert_eq!(connection.read(false).status, 200);
    assert_eq!(stage.upstream.count(), 3);
}

#[test]
fn half_a_head_after_a_rest_is_too_slow_in_the_end() {
    let stage = limited("header_timeout = \"500ms\"");
    let mut connection = rested(&stage);
    connection.send("GET / HT");
    refused(&connection.read(false), 408, "request_timeout");
    assert!(connection.is_closed());
    assert_eq!(stage.upstream.count(), 1);
}

#[test]
fn several_requests_at_once_are_all_answered() {
    let stage = Stage::with(PUBLIC);
    let mut connection = rested(&stage);
    for _ in 0..2 {
        connection.send(get("/").bytes().repeat(40));
        for _ in 0..40 {
            assert_eq!(connection.read(false).status, 200);
        }
        wait_for(&stage, 0, 1);
    }
    assert_eq!(stage.upstream.count(), 81);
}

#[test]
fn requests_are_counted_across_rests() {
    let stage = limited("requests_per_connection = 3");
    let mut connection = rested(&stage);
    for last in [false, true] {
        let response = connection.exchange(&get("/"));
        assert_eq!(response.field("connection"), last.then_some("close"));
        if !last {
            wait_for(&stage, 0, 1);
        }
    }
    assert!(connection.is_closed());
    assert!(connection.try_exchange(&get("/")).is_none());
    assert_eq!(stage.upstream.count(), 3);
}

#[test]
fn it_grows_old_while_it_rests() {
    let stage = limited("connection_age = \"1s\"");
    let mut connection = Connection::open(stage.address());
    let young = connection.exchange(&get("/"));
    assert_eq!(young.field("connection"), None);
    wait_for(&stage, 0, 1);
    let began = Instant::now();
    while began.elapsed().as_millis() < 1100 {
        // Others come and go.
        assert_eq!(stage.send(&get("/")).status, 200);
    }
    let old = connection.exchange(&get("/"));
    assert_eq!(old.field("connection"), Some("close"));
    assert!(connection.is_closed());
}

#[test]
fn it_does_not_rest_for_ever() {
    let stage = limited("idle_timeout = \"1s\"");
    let mut connection = rested(&stage);
    assert!(connection.is_closed());
    wait_for(&stage, 0, 0);
    stage.allows(&get("/"));
}

#[test]
fn a_drain_closes_what_rests() {
    let stage = Stage::with(PUBLIC);
    let mut connection = rested(&stage);
    let Stage { gateway, .. } = stage;
    std::thread::scope(|scope| {
        let draining = scope.spawn(move || gateway.drain());
        assert!(connection.is_closed());
        drop(connection);
        assert!(draining.join().unwrap(), "the drain was clean");
    });
}

#[test]
fn a_client_that_goes_while_it_rests_gives_its_place_back() {
    let stage = limited("connections = 1");
    let connection = rested(&stage);
    refused(&stage.send(&get("/")), 503, "overloaded");
    drop(connection);
    wait_for(&stage, 0, 0);
    stage.allows(&get("/"));
}
