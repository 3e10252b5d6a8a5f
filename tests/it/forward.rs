//! What the upstream gets, and what the client gets back.

use serde_json::json;

use super::harness::{
    Connection, ISSUER, Reply, Request, Stage, get, mint, nobody, post, refused, request,
};

fn bearer(path: &str) -> Request {
    get(path).bearer(mint::token().sign())
}

fn posted(body: impl Into<Vec<u8>>) -> Request {
    post("/upload", body).bearer(mint::token().sign())
}

/// Every byte value, often enough to fill many buffers.
fn binary(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8)) as u8).collect()
}

#[test]
fn the_upstream_is_told_who_it_is() {
    let stage = Stage::new();
    let token = mint::token()
        .claim("groupIds", json!(["staff", "night shift"]))
        .claim("realmName", "orders")
        .claim("scope", "read write");
    let seen = stage.accepts(&token);
    for (name, value) in [
        ("x-auth-subject", "alice"),
        ("x-auth-issuer", ISSUER),
        ("x-auth-realm", "orders"),
        ("x-auth-groups", "staff,night shift"),
        ("x-auth-scope", "read,write"),
    ] {
        assert_eq!(seen.field(name), Some(value), "{name}");
    }
    let plain = stage.accepts(&mint::token().claim("groupIds", "staff"));
    assert_eq!(plain.field("x-auth-realm"), Some(ISSUER));
    assert_eq!(plain.field("x-auth-groups"), Some("staff"));
    assert_eq!(plain.field("x-auth-scope"), None);
    assert_eq!(stage.accepts(&mint::token()).field("x-auth-groups"), None);
}

#[test]
fn a_request_without_a_subject_has_none() {
    let stage = Stage::with_issuer("require = [\"iss\", \"exp\"]");
    let seen = stage.accepts(&mint::token().without("sub"));
    assert_eq!(seen.field("x-auth-subject"), None);
    stage.rejects(&mint::token().claim("sub", 7), "claim_malformed");
}

#[test]
fn what_belongs_to_one_connection_ends_there() {
    let stage = Stage::new();
    let seen = stage.allows(
        &bearer("/")
            .field("Connection", "keep-alive, X-Mine")
            .field("connection", "x-auth-subject, X-REQUEST-ID, Authorization")
            .field("X-Mine", "1")
            .field("Keep-Alive", "timeout=5")
            .field("Proxy-Connection", "keep-alive")
            .field("Proxy-Authorization", "Basic x")
            .field("TE", "trailers")
            .field("Upgrade", "h2c")
            .field("HTTP2-Settings", "AAMAAABkAAQAAP__")
            .field("X-Yours", "2"),
    );
    for gone in [
        "connection",
        "x-mine",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "upgrade",
        "http2-settings",
        "authorization",
    ] {
        assert_eq!(seen.head.all(gone), [""; 0], "{gone}");
    }
    assert_eq!(seen.field("x-yours"), Some("2"));
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    assert!(seen.field("x-request-id").is_some());
}

#[test]
fn what_the_upstream_says_to_its_connection_ends_there_too() {
    let stage = Stage::new();
    let fields = "Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
                  X-Stays: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
                  X-Request-Id: theirs\r\n";
    stage.upstream.replies_with("200 OK", fields, "hello");
    let response = stage.send(&bearer("/"));
    assert_eq!((response.status, &*response.body), (200, &b"hello"[..]));
    assert_eq!(response.field("x-hop"), None);
    assert_eq!(response.field("keep-alive"), None);
    assert_eq!(response.field("x-stays"), Some("2"));
    assert_eq!(response.head.all("set-cookie"), ["a=1", "b=2"]);
    assert_ne!(response.field("x-request-id"), Some("theirs"));
    assert_eq!(response.field("connection"), None);
}

#[test]
fn the_hop_is_told_truly() {
    let stage = Stage::new();
    let spoofed = || {
        bearer("/")
            .field("X-Forwarded-For", "10.0.0.1")
            .field("X-Forwarded-Proto", "https")
            .field("X-Forwarded-Host", "admin.example.com")
            .field("X_Forwarded_For", "10.0.0.1")
            .field("Forwarded", "for=10.0.0.1")
            .field("X-Request-Id", "mine")
    };
    let seen = stage.allows(&spoofed());
    assert_eq!(seen.head.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.field("x_forwarded_for"), None);
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.field("x-forwarded-host"), Some("api.example.com"));
    assert_eq!(
        seen.field("forwarded"),
        Some("for=127.0.0.1;host=\"api.example.com\";proto=http")
    );
    assert!(seen.field("via").unwrap().ends_with("portcullis"));
    assert_ne!(seen.field("x-request-id"), Some("mine"));
    let trusting = Stage::with("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]");
    let seen = trusting.allows(&spoofed());
    assert_eq!(
        seen.head.all("x-forwarded-for").join(", "),
        "10.0.0.1, 127.0.0.1"
    );
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-forwarded-host"), Some("admin.example.com"));
    assert_eq!(seen.field("x_forwarded_for"), None);
    assert_eq!(seen.field("x-request-id"), Some("mine"));
}

#[test]
fn a_request_has_one_identifier_everywhere() {
    let stage = Stage::new();
    let response = stage.send(&bearer("/"));
    let id = response.field("x-request-id").unwrap();
    assert_eq!(stage.upstream.wait_for(0).field("x-request-id"), Some(id));
    let refusal = stage.refuses(
        &get("/").field("X-Request-Id", "mine"),
        401,
        "token_missing",
    );
    assert_ne!(refusal.field("x-request-id"), Some("mine"));
    assert_ne!(refusal.field("x-request-id"), Some(id));
    let trusting = Stage::with("[server]\ntrusted_proxies = [\"127.0.0.1\"]");
    let named = get("/").field("X-Request-Id", "from-the-edge_1.2");
    let refusal = trusting.refuses(&named, 401, "token_missing");
    assert_eq!(refusal.field("x-request-id"), Some("from-the-edge_1.2"));
    let garbled = get("/").field("X-Request-Id", "a b\"}");
    let refusal = trusting.refuses(&garbled, 401, "token_missing");
    assert_ne!(refusal.field("x-request-id"), Some("a b\"}"));
}

#[test]
fn the_host_is_the_upstreams_unless_it_wants_the_clients() {
    let stage = Stage::new();
    let own = stage.upstream.url().replace("http://", "");
    assert_eq!(stage.allows(&bearer("/")).field("host"), Some(&*own));
    let keep = Stage::with("[upstream]\npreserve_host = true");
    assert_eq!(
        keep.allows(&bearer("/")).field("host"),
        Some("api.example.com")
    );
}

#[test]
fn a_base_path_stands_before_every_target() {
    let builder = Stage::builder();
    let url = builder.upstream_itself().url();
    let stage = builder
        .with(&format!("[upstream]\nurl = \"{url}/v1\""))
        .start();
    assert_eq!(
        stage.allows(&bearer("/orders?a=1")).target,
        "/v1/orders?a=1"
    );
    stage.refuses(&bearer("/../admin"), 400, "request_malformed");
}

#[test]
fn bodies_go_up_byte_for_byte() {
    let stage = Stage::new();
    for length in [0, 1, 999, 16_384, 3_000_000] {
        let body = binary(length);
        let seen = stage.allows(&posted(&*body));
        assert!(seen.complete && seen.body == body, "{length}");
        assert_eq!(seen.field("content-length"), Some(&*length.to_string()));
        let seen = stage.allows(&posted(&*body).chunked());
        assert!(seen.complete && seen.body == body, "{length} in chunks");
        assert!(seen.trailers.is_empty());
    }
    let bodiless = stage.allows(&bearer("/"));
    assert_eq!(bodiless.field("content-length"), None);
    assert_eq!(bodiless.field("transfer-encoding"), None);
}

#[test]
fn bodies_come_back_byte_for_byte() {
    let stage = Stage::new();
    for length in [0, 1, 65_537, 3_000_000] {
        let body = binary(length);
        stage
            .upstream
            .replies_with("201 Created", "content-type: x/y\r\n", &body);
        let response = stage.send(&bearer("/"));
        assert_eq!(response.status, 201);
        assert!(response.complete && response.body == body, "{length}");
        let mut chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(50_000) {
            chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunked.extend_from_slice(chunk);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        stage.upstream.replies(Reply::Bytes(chunked));
        let response = stage.send(&bearer("/"));
        assert!(
            response.complete && response.body == body,
            "{length} in chunks"
        );
        // Without a length and without chunks, the end of the connection is the end.
        let until_end = [&b"HTTP/1.0 200 OK\r\n\r\n"[..], &body].concat();
        stage.upstream.replies(Reply::Last(until_end));
        let response = stage.send(&bearer("/"));
        assert!(
            response.complete && response.body == body,
            "{length} until the end"
        );
    }
}

#[test]
fn a_body_is_passed_on_before_it_has_ended() {
    let stage = Stage::new();
    let mut connection = Connection::open(stage.address());
    connection.send(format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: 10\r\n\r\nhello",
        mint::token().sign()
    ));
    stage.upstream.wait_for_heads(1);
    assert!(stage.upstream.seen().is_empty());
    connection.send("world");
    assert_eq!(stage.upstream.wait_for(0).body, b"helloworld");
    assert_eq!(connection.read(false).status, 200);
}

#[test]
fn a_response_without_a_body_has_none() {
    let stage = Stage::new();
    stage
        .upstream
        .replies_with("200 OK", "x-a: b\r\n", "twelve bytes");
    let head = request("HEAD", "/").bearer(mint::token().sign());
    let mut connection = Connection::open(stage.address());
    for status in ["204 No Content", "304 Not Modified"] {
        let response = connection.exchange(&head);
        assert_eq!(response.field("content-length"), Some("12"));
        assert_eq!(response.status, 200);
        let bodiless = format!("HTTP/1.1 {status}\r\netag: \"x\"\r\n\r\n");
        stage.upstream.replies(Reply::Bytes(bodiless.into_bytes()));
        let response = connection.exchange(&bearer("/"));
        assert_eq!(response.status.to_string(), status[..3]);
        assert_eq!(response.field("etag"), Some("\"x\""));
        assert_eq!(response.field("transfer-encoding"), None);
        stage
            .upstream
            .replies_with("200 OK", "x-a: b\r\n", "twelve bytes");
    }
    assert_eq!(connection.exchange(&bearer("/")).body, b"twelve bytes");
}

#[test]
fn the_upstreams_own_refusals_are_its_own() {
    let stage = Stage::new();
    for status in ["401 Unauthorized", "403 Forbidden", "500 Oops", "503 Busy"] {
        stage
            .upstream
            .replies_with(status, "www-authenticate: Basic\r\n", "theirs");
        let response = stage.send(&bearer("/"));
        assert_eq!(response.status.to_string(), status[..3]);
        assert_eq!(response.body, b"theirs");
        assert_eq!(response.field("www-authenticate"), Some("Basic"));
    }
}

#[test]
fn an_upstream_that_is_not_there_is_unreachable() {
    let stage = Stage::with(&format!("[upstream]\nurl = \"http://{}\"", nobody()));
    stage.refuses(&bearer("/"), 502, "upstream_unreachable");
    stage.refuses(&posted("x"), 502, "upstream_unreachable");
    stage.refuses(&get("/"), 401, "token_missing");
    Stage::new().allows(&bearer("/"));
}

#[test]
fn an_upstream_that_does_not_answer_in_time_is_given_up() {
    let stage = Stage::with("[upstream]\nresponse_timeout = \"1s\"");
    stage.allows(&bearer("/"));
    stage.upstream.replies(Reply::Silence);
    refused(&stage.send(&bearer("/")), 504, "upstream_timeout");
    stage.upstream.replies_with("200 OK", "", "back");
    // On another connection: the answer to the one that was given up may still come on the old one.
    assert_eq!(stage.send(&bearer("/")).body, b"back");
    let seen = stage.upstream.wait_for(2);
    assert_ne!(seen.connection, stage.upstream.seen()[1].connection);
}

#[test]
fn an_upstream_that_hangs_up_is_unreachable() {
    let stage = Stage::new();
    stage.upstream.replies(Reply::Last(Vec::new()));
    refused(&stage.send(&bearer("/")), 502, "upstream_unreachable");
    refused(&stage.send(&posted("x")), 502, "upstream_unreachable");
    // What may have had an effect is not sent again.
    assert_eq!(stage.upstream.count(), 2);
    stage
        .upstream
        .replies(Reply::Last(b"HTTP/1.1 200 OK\r\nx-a".to_vec()));
    let response = stage.send(&bearer("/"));
    assert_eq!(response.status, 502);
    assert!(response.code().unwrap().starts_with("upstream_"));
}

#[test]
fn an_upstream_that_speaks_no_http_is_malformed() {
    let stage = Stage::new();
    for garbage in [
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        stage.upstream.replies(Reply::Last(garbage.into()));
        refused(&stage.send(&bearer("/")), 502, "upstream_malformed");
    }
    stage.upstream.replies_with("200 OK", "", "sane");
    assert_eq!(stage.send(&bearer("/")).body, b"sane");
}

#[test]
fn a_response_that_breaks_off_is_seen_to_break_off() {
    let stage = Stage::new();
    for broken in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n",
    ] {
        stage.upstream.replies(Reply::Last(broken.into()));
        let mut connection = Connection::open(stage.address());
        let response = connection.exchange(&bearer("/"));
        assert_eq!(response.status, 200);
        assert!(!response.complete, "{broken}");
        assert!(connection.is_closed());
    }
    stage.upstream.replies_with("200 OK", "", "whole");
    assert!(stage.send(&bearer("/")).complete);
}

#[test]
fn connections_to_the_upstream_are_used_again() {
    let stage = Stage::new();
    for _ in 0..5 {
        stage.allows(&bearer("/"));
    }
    assert_eq!(stage.upstream.connections(), 1);
    let bad = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    stage.upstream.replies(Reply::Bytes(bad.into()));
    let broken = Connection::open(stage.address()).try_exchange(&bearer("/"));
    assert!(broken.is_none_or(|response| !response.complete));
    stage.upstream.replies_with("200 OK", "", "fine");
    assert_eq!(stage.send(&bearer("/")).body, b"fine");
    assert_eq!(stage.upstream.connections(), 2);
}

#[test]
fn a_connection_that_the_upstream_closed_meanwhile_costs_no_request() {
    let stage = Stage::new();
    stage.upstream.replies(Reply::Last(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec(),
    ));
    for number in 1..10 {
        assert_eq!(stage.send(&posted("body")).body, b"hi");
        stage.upstream.wait_for_closed(number);
        // The worker has heard of it when it has answered somebody else since.
        for _ in 0..2 {
            stage.refuses(&get("/"), 401, "token_missing");
        }
    }
    assert!(
        stage
            .upstream
            .seen()
            .iter()
            .all(|seen| seen.body == b"body")
    );
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let stage = Stage::with("[server.limits]\nbody_bytes = \"1KiB\"");
    stage.allows(&posted(binary(1024)));
    stage.allows(&posted(binary(1024)).chunked());
    stage.refuses(&posted(binary(1025)), 413, "body_too_large");
    // In chunks the length shows only on the way; the upstream never gets a whole request.
    let response = stage.send(&posted(binary(5000)).chunked());
    refused(&response, 413, "body_too_large");
    assert!(
        stage
            .upstream
            .seen()
            .iter()
            .all(|seen| seen.complete == (seen.body.len() == 1024))
    );
}

#[test]
fn a_refused_body_does_not_wait_to_be_read() {
    let stage = Stage::new();
    let body = binary(500_000);
    for request in [post("/", &*body), post("/", &*body).chunked()] {
        stage.refuses(&request, 401, "token_missing");
    }
    stage.upstream.saw_nothing();
    let mut connection = Connection::open(stage.address());
    let small = connection.exchange(&post("/", "small"));
    refused(&small, 401, "token_missing");
    assert_eq!(connection.exchange(&bearer("/")).status, 200);
}

#[test]
fn an_upstream_that_answers_early_is_heard() {
    let stage = Stage::new();
    stage.upstream.replies(Reply::Early(
        b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nno!".to_vec(),
    ));
    let mut connection = Connection::open(stage.address());
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\nbegun",
        mint::token().sign()
    ));
    let response = connection.read(false);
    assert_eq!((response.status, &*response.body), (413, &b"no!"[..]));
    // The rest of the body is nobody's request.
    connection.offer("x".repeat(95));
    stage.upstream.replies_with("200 OK", "", "fine");
    assert_eq!(stage.send(&bearer("/")).body, b"fine");
}

#[test]
fn a_client_that_breaks_off_leaves_no_whole_request_behind() {
    let stage = Stage::new();
    let mut connection = Connection::open(stage.address());
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\nbegun",
        mint::token().sign()
    ));
    stage.upstream.wait_for_heads(1);
    drop(connection);
    assert!(!stage.upstream.wait_for(0).complete);
    stage.allows(&bearer("/"));
}

#[test]
fn a_response_is_passed_on_before_it_has_ended() {
    let stage = Stage::new();
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
    stage
        .upstream
        .replies(Reply::Halves(head.into(), b"world".to_vec()));
    let mut connection = Connection::open(stage.address());
    connection.send(bearer("/").bytes());
    assert!(connection.read_head().line.starts_with("HTTP/1.1 200"));
    assert_eq!(connection.read_bytes(5), b"hello");
    stage.upstream.release();
    assert_eq!(connection.read_bytes(5), b"world");
}

#[test]
fn the_trailers_of_a_response_are_dropped_unless_they_are_asked_for() {
    let stage = Stage::new();
    stage.upstream.replies(Reply::Bytes(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
          2\r\nhi\r\n0\r\nx-sum: 1\r\n\r\n"
            .to_vec(),
    ));
    let response = stage.send(&bearer("/").field("TE", "gzip"));
    assert_eq!((&*response.body, response.complete), (&b"hi"[..], true));
    assert_eq!(response.trailers, []);
    assert_eq!(response.field("trailer"), None);
}

#[test]
fn a_connection_that_its_client_ends_is_closed() {
    let stage = Stage::new();
    let mut connection = Connection::open(stage.address());
    assert_eq!(connection.exchange(&bearer("/")).status, 200);
    connection.finish();
    assert!(connection.is_closed());
}
