//! Draining, panics, and what the operators see.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use portcullis::clock::{Clock, UnixTime};
use serde_json::Value;

use super::harness::{
    Connection, ISSUER, NOW, PATIENCE, Reply, Request, Response, Stage, get, mint, refused, request,
};

fn bearer(path: &str) -> Request {
    get(path).bearer(mint::token().sign())
}

fn admin(stage: &Stage, path: &str) -> Response {
    get(path).send(stage.gateway.admin())
}

#[test]
fn a_drain_finishes_what_runs_and_closes_what_is_idle() {
    let stage = Stage::new();
    stage.upstream.replies(Reply::Held(
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone".to_vec(),
    ));
    let mut idle = Connection::open(stage.address());
    let early = idle.exchange(&get("/"));
    assert_eq!(early.status, 401);
    let mut busy = Connection::open(stage.address());
    busy.send(bearer("/").bytes());
    stage.upstream.wait_for(0);
    let Stage {
        gateway,
        upstream,
        issuer,
        ..
    } = stage;
    let address = gateway.address();
    let draining = thread::spawn(move || gateway.drain());
    // The idle connection is closed while the other request still runs.
    assert!(idle.is_closed());
    assert!(!draining.is_finished());
    upstream.release();
    let response = busy.read(false);
    assert_eq!((response.status, &*response.body), (200, &b"done"[..]));
    assert_eq!(response.field("connection"), Some("close"));
    assert!(busy.is_closed());
    assert!(draining.join().unwrap(), "the drain was clean");
    assert!(std::net::TcpStream::connect(address).is_err());
    drop(issuer);
}

#[test]
fn before_a_drain_others_are_asked_and_nobody_is_refused() {
    let stage = Stage::new();
    assert_eq!(admin(&stage, "/readyz").status, 200);
    stage.gateway.running().announce_drain();
    let ready = admin(&stage, "/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["draining"], true);
    assert_eq!(admin(&stage, "/livez").status, 200);
    // New connections are served as before, and old ones too.
    let mut connection = Connection::open(stage.address());
    for _ in 0..2 {
        let response = connection.exchange(&bearer("/"));
        assert_eq!((response.status, response.field("connection")), (200, None));
    }
    stage.rejects(&mint::token().claim("exp", 0), "token_expired");
    assert!(stage.gateway.drain());
    assert!(connection.is_closed());
}

#[test]
fn in_a_drain_it_is_alive_and_not_ready() {
    let stage = Stage::new();
    stage.upstream.replies(Reply::Held(
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone".to_vec(),
    ));
    let mut idle = Connection::open(stage.address());
    assert_eq!(idle.exchange(&get("/")).status, 401);
    let mut busy = Connection::open(stage.address());
    busy.send(bearer("/").bytes());
    stage.upstream.wait_for(0);
    let at = stage.gateway.admin();
    let Stage {
        gateway,
        upstream,
        issuer: _issuer,
        ..
    } = stage;
    let draining = thread::spawn(move || gateway.drain());
    assert!(idle.is_closed());
    assert_eq!(get("/readyz").send(at).status, 503);
    assert_eq!(get("/livez").send(at).status, 200);
    drop(idle);
    let began = std::time::Instant::now();
    let counted = "closed_total{reason=\"drain\"} 1\n";
    while !get("/metrics").send(at).text().contains(counted) {
        assert!(began.elapsed() < PATIENCE);
    }
    upstream.release();
    assert_eq!(busy.read(false).status, 200);
    assert!(draining.join().unwrap());
}

#[test]
fn who_has_just_connected_is_answered_in_a_drain() {
    let stage = Stage::new();
    let early: Vec<_> = (0..20)
        .map(|_| {
            let mut connection = Connection::open(stage.address());
            connection.send(bearer("/").bytes());
            connection
        })
        .collect();
    // Some of them are still in the listener's queue, and others have been accepted and not read.
    let Stage {
        gateway,
        upstream,
        issuer: _issuer,
        ..
    } = stage;
    assert!(gateway.drain());
    for mut connection in early {
        assert_eq!(connection.read(false).status, 200);
        assert!(connection.is_closed());
    }
    assert_eq!(upstream.count(), 20);
}

#[test]
fn a_drain_does_not_wait_for_ever() {
    let stage = Stage::with("[server.limits]\ndrain_timeout = \"200ms\"");
    stage.upstream.replies(Reply::Silence);
    let mut busy = Connection::open(stage.address());
    busy.send(bearer("/").bytes());
    stage.upstream.wait_for(0);
    assert!(!stage.gateway.drain(), "a request was cut off");
    assert!(busy.is_closed());
}

#[test]
fn a_panic_ends_its_own_request_and_lets_nothing_through() {
    let armed = Arc::new(AtomicBool::new(false));
    let clock = {
        let armed = Arc::clone(&armed);
        Clock::from_fn(move || {
            let named = thread::current()
                .name()
                .is_some_and(|name| name.starts_with("worker"));
            if named && armed.swap(false, Ordering::SeqCst) {
                panic!("this panic is part of the test");
            }
            UnixTime(NOW)
        })
    };
    let stage = Stage::builder()
        .clock(clock)
        .with("[server.limits]\ndrain_timeout = \"10s\"")
        .start();
    let mut other = Connection::open(stage.address());
    assert_eq!(other.exchange(&bearer("/")).status, 200);
    for _ in 0..3 {
        armed.store(true, Ordering::SeqCst);
        let mut connection = Connection::open(stage.address());
        connection.send(bearer("/").bytes());
        let response = connection.read(false);
        refused(&response, 500, "internal_error");
        assert_eq!(response.field("connection"), Some("close"));
        assert!(connection.is_closed());
        assert!(!armed.load(Ordering::SeqCst), "the clock was asked");
        assert_eq!(stage.upstream.count(), 1);
    }
    assert_eq!(other.exchange(&bearer("/")).status, 200);
    stage.accepts(&mint::token());
    stage.rejects(&mint::token().claim("exp", 0), "token_expired");
    let metrics = admin(&stage, "/metrics").text();
    assert!(metrics.contains("portcullis_panics_total 3\n"), "{metrics}");
    assert!(metrics.contains("closed_total{reason=\"panic\"} 3\n"));
    assert!(metrics.contains("outcome=\"fail\",code=\"internal_error\"} 3\n"));
    drop(other);
    assert!(stage.gateway.drain(), "a connection was not given back");
}

#[test]
fn the_admin_listener_tells_how_it_goes() {
    let stage = Stage::new();
    assert_eq!(admin(&stage, "/livez").status, 200);
    let ready = admin(&stage, "/readyz");
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["ready"], true);
    let issuer = |body: &Value| body["issuers"][0]["issuer"].clone();
    assert_eq!(issuer(&ready.json()), ISSUER);
    let status = admin(&stage, "/status").json();
    assert_eq!(issuer(&status), ISSUER);
    assert_eq!(status["issuers"][0]["keys"].as_array().unwrap().len(), 2);
    assert_eq!(status["upstreams"][0]["upstream"], "default");
    assert!(status["version"].is_string());
    assert_eq!(admin(&stage, "/else").status, 404);
    assert_eq!(
        request("POST", "/livez").send(stage.gateway.admin()).status,
        405
    );
    // Nothing of it is on the public listener.
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        stage.refuses(&get(path), 401, "token_missing");
    }
}

#[test]
fn without_keys_it_is_alive_and_not_ready() {
    let builder = Stage::builder();
    builder.issuer_itself().dies();
    let stage = builder.start();
    assert_eq!(admin(&stage, "/livez").status, 200);
    let ready = admin(&stage, "/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["ready"], false);
    stage.issuer.comes_back();
    stage.gateway.refresh(ISSUER);
    assert_eq!(admin(&stage, "/readyz").status, 200);
}

#[test]
fn the_admin_token_guards_what_tells_secrets() {
    let stage = Stage::with("[admin]\ntoken = \"a-secret-of-the-operators\"");
    for open in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(admin(&stage, open).status, 200, "{open}");
    }
    let with = |value: &str| get("/status").field("Authorization", value);
    let send = |request: Request| request.send(stage.gateway.admin()).status;
    assert_eq!(send(with("Bearer a-secret-of-the-operators")), 200);
    for wrong in [
        "",
        "Bearer ",
        "Bearer a-secret-of-the-operator",
        "Bearer a-secret-of-the-operators2",
        "Basic a-secret-of-the-operators",
        "a-secret-of-the-operators",
    ] {
        assert_eq!(send(with(wrong)), 401, "{wrong}");
    }
    assert_eq!(send(get("/status")), 401);
    let good = "Bearer a-secret-of-the-operators";
    assert_eq!(send(with(good).field("Authorization", good)), 401);
    let token = with(&format!("Bearer {}", mint::token().sign()));
    assert_eq!(send(token), 401);
}

#[test]
fn requests_are_counted_by_route_and_outcome_only() {
    let stage = Stage::with(
        "[[routes]]\npath = \"/orders/{id}\"\n[[routes]]\npath = \"/{*rest}\"\nscopes = [\"x\"]\n",
    );
    for _ in 0..3 {
        stage.allows(&bearer("/orders/secret-1"));
    }
    stage.refuses(&bearer("/other/secret-2"), 403, "scope_insufficient");
    let expired = mint::token().claim("exp", 0).sign();
    stage.refuses(
        &get("/orders/secret-3").bearer(expired),
        401,
        "token_expired",
    );
    let text = admin(&stage, "/metrics").text();
    let count = |outcome: &str, code: &str| {
        let lines = text.lines().filter(|line| {
            line.starts_with("portcullis_requests_total{")
                && line.contains(&format!("outcome=\"{outcome}\""))
                && line.contains(&format!("code=\"{code}\""))
        });
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum::<u64>()
    };
    assert_eq!(count("allow", "ok"), 3);
    assert_eq!(count("refuse", "scope_insufficient"), 1);
    assert_eq!(count("refuse", "token_expired"), 1);
    assert_eq!(count("refuse", "signature_invalid"), 0);
    assert!(!text.contains("secret"), "a label came from a request");
    for name in [
        "portcullis_request_duration_seconds_count",
        "portcullis_upstream_duration_seconds_count",
        "portcullis_connections",
        "portcullis_token_cache_hits_total",
        "portcullis_token_cache_misses_total",
        "portcullis_key_set_fetches_total",
        "portcullis_key_set_age_seconds",
        "portcullis_keys",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(name)),
            "{name} is missing"
        );
    }
}

#[test]
fn protected_resource_metadata_is_there_when_clients_know_the_url() {
    let stage = Stage::with("[server]\npublic_url = \"https://api.example.com/v1\"");
    let path = "/.well-known/oauth-protected-resource/v1";
    let response = stage.send(&get(path));
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["resource"], "https://api.example.com/v1");
    assert_eq!(response.json()["authorization_servers"][0], ISSUER);
    stage.upstream.saw_nothing();
    Stage::new().refuses(&get(path), 401, "token_missing");
}
