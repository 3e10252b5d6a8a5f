//! Upstreams that speak HTTP/2: many requests on one connection, and nothing lost or made up between them.

use std::{io::Write as _, net::TcpListener, thread};

use h2::{Reason, server};

use super::harness::{
    Connection, H2Upstream, Stage, get,
    h2_upstream::{Call, send},
    h2_wire::{Frames, HEADERS, RST_STREAM},
    listen, mint, nobody, post, refused, request,
};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;

/// A stage in front of `upstream`, on which everybody may do anything.
fn public(upstream: &H2Upstream) -> Stage {
    at(&upstream.url(), "")
}

fn at(url: &str, keys: &str) -> Stage {
    Stage::with(&format!("[upstream]\nurl = \"{url}\"\n{keys}\n{PUBLIC}"))
}

/// A stage whose upstream is the test itself.
fn by_hand(keys: &str) -> (Stage, TcpListener) {
    let listener = listen();
    let url = format!("h2c://{}", listener.local_addr().unwrap());
    (at(&url, keys), listener)
}

#[test]
fn a_request_arrives_as_it_would_over_http_1() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        let uri = call.head.uri.to_string();
        call.upstream.note(format!("{} {uri}", call.head.method));
        call.read().await;
        call.answer(200, &[("x-up", "1")]);
    });
    let url = format!("{}/base", upstream.url());
    let stage = Stage::with(&format!("[upstream]\nurl = \"{url}\"\n"));
    let response = stage.send(
        &post("/orders/42?a=b", "hello")
            .bearer(mint::token().sign())
            .field("Connection", "X-Hop, keep-alive")
            .field("X-Hop", "1")
            .field("TE", "trailers")
            .field("X-Auth-Subject", "spoofed")
            .field("X_Auth_Groups", "spoofed")
            .field("X-Stays", "1"),
    );
    assert_eq!((response.status, response.field("x-up")), (200, Some("1")));
    let came = upstream.wait_for(0);
    let host = url.trim_start_matches("h2c://");
    upstream.wait_for_note(&format!("POST http://{host}/orders/42?a=b"));
    assert_eq!((came.body.as_slice(), came.complete), (&b"hello"[..], true));
    let field = |name: &str| came.head.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(field("content-length"), Some("5"));
    assert_eq!(field("te"), Some("trailers"));
    assert_eq!(field("x-stays"), Some("1"));
    assert_eq!(field("via"), Some("1.1 portcullis"));
    assert_eq!(field("x-auth-subject"), Some("alice"));
    for gone in [
        "x-hop",
        "connection",
        "host",
        "authorization",
        "x_auth_groups",
    ] {
        assert_eq!(field(gone), None, "{gone}");
    }
    // Without a token nothing goes on.
    refused(&stage.send(&get("/")), 401, "token_missing");
    assert_eq!((upstream.count(), upstream.connections()), (1, 1));
}

#[test]
fn a_hundred_requests_are_on_one_connection_at_once() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        call.released().await;
        call.read().await;
        call.answer(200, &[]);
    });
    let stage = public(&upstream);
    let mut clients: Vec<_> = (0..100)
        .map(|_| Connection::open(stage.address()))
        .collect();
    for client in &mut clients {
        client.send(get("/").bytes());
    }
    upstream.wait_for_calls(100);
    (0..100).for_each(|_| upstream.release());
    for client in &mut clients {
        assert_eq!(client.read(false).status, 200);
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn where_one_request_at_a_time_is_taken_others_get_connections_of_their_own() {
    let mut settings = server::Builder::new();
    settings.max_concurrent_streams(1);
    let upstream = H2Upstream::start(&settings, |mut call: Call| async move {
        call.released().await;
        call.read().await;
        call.answer(200, &[]);
    });
    let stage = public(&upstream);
    // One after the other they share one.
    for _ in 0..3 {
        upstream.release();
        assert_eq!(stage.send(&get("/")).status, 200);
    }
    assert_eq!(upstream.connections(), 1);
    let mut clients: Vec<_> = (0..5).map(|_| Connection::open(stage.address())).collect();
    for client in &mut clients {
        client.send(get("/").bytes());
    }
    upstream.wait_for_calls(8);
    (0..5).for_each(|_| upstream.release());
    for client in &mut clients {
        assert_eq!(client.read(false).status, 200);
    }
    assert_eq!(upstream.connections(), 5);
}

#[test]
fn long_bodies_go_both_ways_through_small_windows() {
    let mut settings = server::Builder::new();
    settings
        .initial_window_size(1000)
        .initial_connection_window_size(70_000);
    let upstream = H2Upstream::start(&settings, Call::echo);
    let stage = public(&upstream);
    let body: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
    for request in [post("/", body.clone()), post("/", body.clone()).chunked()] {
        let response = stage.send(&request);
        assert!(response.complete && response.body == body);
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_response_may_have_no_body() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        call.read().await;
        match call.head.uri.path() {
            "/204" => call.answer(204, &[]),
            "/304" => call.answer(304, &[("etag", "\"a\"")]),
            "/length" => call.answer(200, &[("content-length", "0")]),
            _ => call.answer(200, &[]),
        }
    });
    let stage = public(&upstream);
    let mut connection = Connection::open(stage.address());
    assert_eq!(connection.exchange(&request("HEAD", "/")).status, 200);
    assert_eq!(connection.exchange(&get("/204")).status, 204);
    let not_modified = connection.exchange(&get("/304"));
    assert_eq!(
        (not_modified.status, not_modified.field("etag")),
        (304, Some("\"a\""))
    );
    for path in ["/", "/length"] {
        let empty = connection.exchange(&get(path));
        assert_eq!(
            (empty.status, empty.field("content-length")),
            (200, Some("0"))
        );
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn an_early_response_is_not_kept_waiting_and_the_rest_of_the_request_follows() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        let mut stream = call.begin(200, &[("content-length", "5")]);
        send(&mut stream, b"early").await;
        call.read().await;
        let _ = stream.send_data(bytes::Bytes::new(), true);
    });
    let stage = public(&upstream);
    let mut connection = Connection::open(stage.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.");
    assert_eq!(connection.read(false).text(), "early");
    connection.send("other");
    let came = upstream.wait_for(0);
    assert_eq!(
        (came.body.as_slice(), came.complete),
        (&b"half.other"[..], true)
    );
}

#[test]
fn both_directions_go_on_at_once() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        let mut stream = call.begin(200, &[]);
        while let Some(Ok(data)) = call.body.data().await {
            let _ = call.body.flow_control().release_capacity(data.len());
            send(&mut stream, &data).await;
        }
        let _ = stream.send_data(bytes::Bytes::new(), true);
    });
    let stage = public(&upstream);
    let mut connection = Connection::open(stage.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let head = connection.read_head();
    assert_eq!(head.get("transfer-encoding"), Some("chunked"));
    for _ in 0..10 {
        connection.send("5\r\nhello\r\n");
        assert_eq!(connection.read_bytes(10), b"5\r\nhello\r\n");
    }
    connection.send("0\r\n\r\n");
    assert_eq!(connection.read_bytes(5), b"0\r\n\r\n");
}

#[test]
fn a_response_that_breaks_is_broken_for_the_client_too() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        let fields: &[_] = match call.head.uri.path() {
            "/length" => &[("content-length", "10")],
            _ => &[],
        };
        let mut stream = call.begin(200, fields);
        send(&mut stream, b"begun").await;
        call.released().await;
        stream.send_reset(Reason::INTERNAL_ERROR);
    });
    let stage = public(&upstream);
    for path in ["/", "/length"] {
        let mut connection = Connection::open(stage.address());
        connection.send(get(path).bytes());
        let head = connection.read_head();
        upstream.release();
        let response = connection.read_behind(head, false);
        assert_eq!((response.status, response.complete), (200, false), "{path}");
    }
    // The others on the connection do not notice.
    assert_eq!(upstream.connections(), 1);
    // A connection that breaks breaks its responses too.
    let (stage, listener) = by_hand("");
    let upstream = thread::spawn(move || {
        let mut frames = Frames::accept(&listener);
        let stream = frames.next(HEADERS).stream;
        frames.begin(stream);
    });
    let response = stage.send(&get("/"));
    assert_eq!((response.status, response.complete), (200, false));
    upstream.join().unwrap();
}

#[test]
fn a_request_that_is_reset_has_no_answer_and_is_not_sent_again() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        call.read().await;
        call.respond.send_reset(Reason::INTERNAL_ERROR);
    });
    let stage = public(&upstream);
    refused(&stage.send(&get("/")), 502, "upstream_unreachable");
    refused(&stage.send(&post("/", "x")), 502, "upstream_unreachable");
    assert_eq!(upstream.count(), 2);
}

#[test]
fn a_request_that_the_upstream_did_not_look_at_is_sent_once_more() {
    for (refuses, method) in [
        (true, "GET"),
        (true, "POST"),
        (false, "GET"),
        (false, "POST"),
    ] {
        let (stage, listener) = by_hand("");
        let upstream = thread::spawn(move || {
            let mut frames = Frames::accept(&listener);
            let stream = frames.next(HEADERS).stream;
            frames.answer(stream);
            let stream = frames.next(HEADERS).stream;
            if refuses {
                frames.reset(stream, REFUSED_STREAM);
                let stream = frames.next(HEADERS).stream;
                frames.answer(stream);
            } else {
                frames.goodbye(stream - 2);
                let mut other = Frames::accept(&listener);
                let stream = other.next(HEADERS).stream;
                other.answer(stream);
            }
        });
        // One that may not be repeated, as nobody knows what it does, may be sent when nothing was done.
        for _ in 0..2 {
            assert_eq!(
                stage.send(&request(method, "/")).status,
                200,
                "{refuses} {method}"
            );
        }
        upstream.join().unwrap();
    }
}

#[test]
fn a_request_that_is_refused_again_and_again_is_given_up() {
    let (stage, listener) = by_hand("");
    let upstream = thread::spawn(move || {
        let mut frames = Frames::accept(&listener);
        for _ in 0..3 {
            let stream = frames.next(HEADERS).stream;
            frames.reset(stream, REFUSED_STREAM);
        }
        frames
    });
    refused(&stage.send(&get("/")), 502, "upstream_unreachable");
    drop(upstream.join().unwrap());
}

#[test]
fn what_was_begun_before_a_goodbye_is_finished() {
    let (stage, listener) = by_hand("");
    let upstream = thread::spawn(move || {
        let mut frames = Frames::accept(&listener);
        let stream = frames.next(HEADERS).stream;
        frames.goodbye(stream);
        frames.begin(stream);
        let mut other = Frames::accept(&listener);
        let next = other.next(HEADERS).stream;
        other.answer(next);
        frames.write(0, 1, stream, b"late");
        (frames, other)
    });
    let mut first = Connection::open(stage.address());
    first.send(get("/").bytes());
    let head = first.read_head();
    assert!(head.line.contains("200"));
    assert_eq!(stage.send(&get("/")).status, 200);
    assert_eq!(first.read_bytes(9), b"4\r\nlate\r\n");
    drop(upstream.join().unwrap());
}

#[test]
fn a_connection_that_breaks_is_replaced_and_what_can_be_repeated_is() {
    for (method, status) in [("GET", 200), ("POST", 502)] {
        let (stage, listener) = by_hand("");
        let upstream = thread::spawn(move || {
            let mut frames = Frames::accept(&listener);
            let stream = frames.next(HEADERS).stream;
            frames.answer(stream);
            frames.next(HEADERS);
            drop(frames);
            if method == "GET" {
                let mut other = Frames::accept(&listener);
                let stream = other.next(HEADERS).stream;
                other.answer(stream);
            }
        });
        assert_eq!(stage.send(&request(method, "/")).status, 200);
        assert_eq!(stage.send(&request(method, "/")).status, status, "{method}");
        upstream.join().unwrap();
    }
}

#[test]
fn who_speaks_no_http_2_never_sees_a_request() {
    // The usual upstream of a stage speaks HTTP/1.1.
    let other = Stage::with(PUBLIC);
    let url = other.upstream.url().replace("http://", "h2c://");
    let stage = at(&url, "");
    refused(&stage.send(&get("/")), 502, "upstream_unreachable");
    assert_eq!(stage.upstream.count(), 0);
    // One that says nothing does not see it either.
    let (stage, _silent) = by_hand("connect_timeout = \"50ms\"");
    refused(&stage.send(&get("/")), 504, "upstream_timeout");
    // And nobody's door is no upstream either.
    let stage = at(&format!("h2c://{}", nobody()), "");
    refused(&stage.send(&get("/")), 502, "upstream_unreachable");
}

#[test]
fn a_silent_upstream_is_given_up_and_hears_of_it() {
    let (stage, listener) = by_hand("response_timeout = \"500ms\"");
    let upstream = thread::spawn(move || {
        let mut frames = Frames::accept(&listener);
        let stream = frames.next(HEADERS).stream;
        let reset = frames.next(RST_STREAM);
        assert_eq!(
            (reset.stream, reset.payload),
            (stream, CANCEL.to_be_bytes().to_vec())
        );
    });
    refused(&stage.send(&get("/")), 504, "upstream_timeout");
    upstream.join().unwrap();
}

#[test]
fn a_client_that_goes_takes_its_request_along_and_nobody_elses() {
    let (stage, listener) = by_hand("");
    let mut gone = Connection::open(stage.address());
    gone.send(get("/").bytes());
    let mut frames = Frames::accept(&listener);
    let first = frames.next(HEADERS).stream;
    let mut stays = Connection::open(stage.address());
    stays.send(get("/").bytes());
    let second = frames.next(HEADERS).stream;
    frames.begin(first);
    gone.read_head();
    drop(gone);
    assert_eq!(frames.next(RST_STREAM).stream, first);
    frames.answer(second);
    assert_eq!(stays.read(false).status, 200);
}

#[test]
fn a_client_that_does_not_read_holds_its_upstream_back_and_nobody_else() {
    const MUCH: usize = 64 << 20;
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        if call.head.uri.path() != "/much" {
            return call.answer(200, &[]);
        }
        let mut stream = call.begin(200, &[]);
        let piece = vec![b'x'; 16 * 1024];
        for number in 0..MUCH / piece.len() {
            if !send(&mut stream, &piece).await {
                return;
            }
            call.upstream.note(format!("{number}"));
        }
    });
    let stage = public(&upstream);
    let mut slow = Connection::open(stage.address());
    slow.send(get("/much").bytes());
    slow.read_head();
    for _ in 0..300 {
        assert_eq!(stage.send(&get("/")).status, 200);
    }
    // What the sockets and the windows hold has gone out, and no more.
    let sent = upstream.notes() * 16 * 1024;
    assert!(sent < MUCH / 2, "{sent}");
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_body_that_is_too_long_is_reset_for_the_upstream() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        call.read().await;
        call.answer(200, &[]);
    });
    let stage = Stage::with(&format!(
        "[server.limits]\nbody_bytes = \"1KiB\"\n[upstream]\nurl = \"{}\"\n{PUBLIC}",
        upstream.url()
    ));
    let fits = post("/", vec![b'x'; 1024]).chunked();
    assert_eq!(stage.send(&fits).status, 200);
    let long = post("/", vec![b'x'; 2000]).chunked();
    refused(&stage.send(&long), 413, "body_too_large");
    let came = upstream.wait_for(1);
    assert!(!came.complete);
}

#[test]
fn interim_responses_are_passed_over_and_a_flood_of_them_is_not() {
    let answered = |count: usize| {
        let (stage, listener) = by_hand("");
        let upstream = thread::spawn(move || {
            let mut frames = Frames::accept(&listener);
            let stream = frames.next(HEADERS).stream;
            for _ in 0..count {
                // A literal `:status: 103`, with the name by the static table.
                frames.write(HEADERS, 0x4, stream, &[0x08, 0x03, b'1', b'0', b'3']);
            }
            frames.answer(stream);
            frames
        });
        let response = stage.send(&get("/"));
        drop(upstream.join().unwrap());
        response
    };
    assert_eq!(answered(3).status, 200);
    refused(&answered(100), 502, "upstream_malformed");
}

#[test]
fn nonsense_in_the_place_of_frames_is_a_bad_gateway() {
    let (stage, listener) = by_hand("");
    let upstream = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap();
    });
    refused(&stage.send(&get("/")), 502, "upstream_unreachable");
    upstream.join().unwrap();
}
