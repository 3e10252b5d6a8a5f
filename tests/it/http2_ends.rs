//! How requests, answers and connections over HTTP/2 end, and who hears of it.

use bytes::Bytes;
use http::Request;
use prometheus_client::{encoding::text::encode, registry::Registry};

use super::{
    harness::{
        Connection, H2Upstream, Reply, Stage, get,
        h2_upstream::Call,
        http2::{
            CONTINUATION, DATA, END_STREAM, Frames, GET, GOAWAY, HEADERS, Http2, PING,
            WINDOW_UPDATE, block, frame, headers,
        },
        mint, refused,
    },
    overload::closed_total,
};

const CLEARTEXT: &str = "[server]\nhttp2_cleartext = true\n";
const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

fn limited(limits: &str) -> Stage {
    Stage::with(&format!("{CLEARTEXT}[server.limits]\n{limits}\n{PUBLIC}"))
}

fn at(url: &str, keys: &str) -> Stage {
    Stage::with(&format!(
        "{CLEARTEXT}[upstream]\nurl = \"{url}\"\n{keys}\n{PUBLIC}"
    ))
}

fn asks(method: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri("http://api.example.com/")
}

fn plain() -> Request<()> {
    asks("GET").body(()).unwrap()
}

fn cut_off(stage: &Stage, code: &str) -> u64 {
    let line =
        format!("portcullis_responses_cut_off_total{{route=\"/{{*rest}}\",code=\"{code}\"}} ");
    let metrics = get("/metrics").send(stage.gateway.admin()).text();
    let found = metrics.lines().find_map(|l| l.strip_prefix(&line));
    found.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn a_broken_answer_is_told_of() {
    let stage = limited("");
    stage.upstream.replies(Reply::Last(
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec(),
    ));
    let mut client = Http2::open(stage.address());
    assert!(!client.exchange(plain(), &[]).complete);
    assert_eq!(cut_off(&stage, "upstream_unreachable"), 1);
    // The connection goes on, and a whole answer is none that broke off.
    stage.upstream.replies_with("200 OK", "", "whole");
    assert!(client.exchange(plain(), &[]).complete);
    assert_eq!(cut_off(&stage, "upstream_unreachable"), 1);
}

/// An upstream that begins its answer and says no more; it notes when it is given up.
fn silent() -> H2Upstream {
    H2Upstream::doing(|mut call: Call| async move {
        let mut stream = call.begin(200, &[]);
        stream
            .send_data(Bytes::from_static(b"part"), false)
            .unwrap();
        let reset = std::future::poll_fn(|context| stream.poll_reset(context)).await;
        call.upstream.note(format!("{:?}", reset.unwrap()));
    })
}

#[test]
fn an_upstream_that_stops_is_given_up_and_the_client_sees_it() {
    let upstream = silent();
    let stage = at(&upstream.url(), "stall_timeout = \"500ms\"");
    let mut old = Connection::open(stage.address());
    old.send(get("/").bytes());
    let response = old.read(false);
    assert_eq!(
        (response.text().as_str(), response.complete),
        ("part", false)
    );
    assert!(old.is_closed());
    upstream.wait_for_note("CANCEL");
    assert_eq!(cut_off(&stage, "upstream_timeout"), 1);
    let mut new = Http2::open(stage.address());
    let response = new.exchange(plain(), &[]);
    assert_eq!(
        (response.text().as_str(), response.complete),
        ("part", false)
    );
    assert_eq!(cut_off(&stage, "upstream_timeout"), 2);
    // Its connection goes on, and so does the one to the upstream.
    assert!(!new.exchange(plain(), &[]).complete);
    assert_eq!((upstream.count(), upstream.connections()), (3, 1));
}

#[test]
fn an_upstream_that_neither_reads_nor_writes_is_given_up() {
    let upstream = silent();
    let stage = at(&upstream.url(), "stall_timeout = \"1s\"");
    // The client is awaited when the answer begins, and later only the upstream is.
    let mut client = Http2::open(stage.address());
    let mut half = client.begin(asks("POST").body(()).unwrap());
    half.body
        .send_data(Bytes::from_static(b"half"), false)
        .unwrap();
    let response = client.runtime.block_on(&mut half.response).unwrap();
    let mut body = response.into_body();
    let part = client.runtime.block_on(body.data()).unwrap().unwrap();
    assert_eq!(part, "part");
    half.body
        .send_data(vec![b'x'; 1_000_000].into(), true)
        .unwrap();
    assert!(client.runtime.block_on(body.data()).unwrap().is_err());
    assert_eq!(cut_off(&stage, "upstream_timeout"), 1);
}

#[test]
fn each_end_of_a_connection_has_its_reason() {
    let stage = limited(
        "header_timeout = \"500ms\"\nidle_timeout = \"500ms\"\nrequests_per_connection = 2",
    );
    let ended = |bytes: &[&[u8]]| {
        let mut frames = Frames::open(stage.address());
        frames.send(&bytes.concat());
        assert!(frames.find(|_| false).is_none());
    };
    let one = headers(1, &GET, END_STREAM);
    ended(&[]);
    ended(&[&frame(HEADERS, END_STREAM, 1, &block(&GET))]);
    let mut begun = Connection::open(stage.address());
    begun.send("PRI * HTTP");
    assert!(begun.is_closed());
    closed_total(&stage, "header_timeout", 3);
    ended(&[&one]);
    closed_total(&stage, "idle", 1);
    ended(&[&one, &headers(3, &GET, END_STREAM)]);
    closed_total(&stage, "requests", 1);
    ended(&[&frame(PING, 0, 0, &[0; 8]).repeat(3000)]);
    let part = frame(CONTINUATION, 0, 1, &block(&[("x", "y")]));
    let begin = frame(HEADERS, END_STREAM, 1, &block(&GET));
    ended(&[&begin, &part.repeat(3000)]);
    closed_total(&stage, "flood", 2);
    ended(&[&frame(DATA, 0, 0, b"of no stream")]);
    ended(&[
        &headers(1, &[("Upper", "x")], END_STREAM),
        &frame(HEADERS, 4, 2, b""),
    ]);
    closed_total(&stage, "malformed", 2);
    drop(Frames::open(stage.address()));
    closed_total(&stage, "client", 1);
}

#[test]
fn a_client_that_does_not_read_is_counted() {
    const LARGE_WINDOW: [u8; 6] = [0, 4, 0x7f, 0xff, 0xff, 0xff];
    let stage = limited("idle_timeout = \"500ms\"");
    stage
        .upstream
        .replies_with("200 OK", "", vec![b'x'; 40_000_000]);
    let mut frames = Frames::with_settings(stage.address(), &LARGE_WINDOW);
    frames.send(&frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes()));
    frames.send(&headers(1, &GET, END_STREAM));
    closed_total(&stage, "slow_reader", 1);
    drop(frames);
}

#[test]
fn a_drain_is_counted_while_others_finish() {
    let stage = limited("");
    stage.upstream.replies(Reply::Held(
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone".to_vec(),
    ));
    let mut idle = Frames::open(stage.address());
    idle.send(&[]);
    assert!(idle.is_alive().0);
    let closed = std::sync::Arc::clone(stage.gateway.running().gateway());
    let Stage { gateway, .. } = stage;
    let draining = std::thread::spawn(move || gateway.drain());
    idle.wait_for(GOAWAY);
    idle.find(|_| false);
    drop(idle);
    assert!(draining.join().unwrap());
    let (mut text, mut registry) = (String::new(), Registry::default());
    closed.metrics().register(&mut registry);
    encode(&mut text, &registry).unwrap();
    assert!(
        text.contains("connections_closed_total{reason=\"drain\"} 1\n"),
        "{text}"
    );
}

#[test]
fn a_body_that_drips_is_a_slow_request() {
    let times = "header_timeout = \"200ms\"\nidle_timeout = \"1s\"\nbody_rate = \"1KiB\"\n\
                 requests_per_connection = 1000000";
    let stage = limited(times);
    let mut client = Http2::open(stage.address());
    let mut half = client.begin(asks("POST").body(()).unwrap());
    for _ in 0..8 {
        let _ = half.body.send_data(Bytes::from_static(b"x"), false);
        client.runtime.block_on(tokio::task::yield_now());
        // More time passes than the header time-out.
        let mut slow = Connection::open(stage.address());
        slow.send("GET / HTTP/1.1\r\n");
        refused(&slow.read(false), 408, "request_timeout");
    }
    refused(&client.read(half.response), 408, "request_timeout");
    assert!(stage.upstream.seen().iter().all(|seen| !seen.complete));
    let mut client = Http2::open(stage.address());
    assert_eq!(
        client
            .exchange(asks("POST").body(()).unwrap(), b"whole")
            .status,
        200
    );
}

#[test]
fn a_body_that_waits_is_asked_for_when_it_is_wanted() {
    let stage = Stage::with(CLEARTEXT);
    let token = format!("Bearer {}", mint::token().sign());
    let waits = |expectation: &str| asks("POST").header("expect", expectation);
    for expectation in ["100-continue", "100-Continue"] {
        let before = stage.upstream.count();
        let mut client = Http2::open(stage.address());
        let request = waits(expectation).header("authorization", &token);
        let mut half = client.begin(request.body(()).unwrap());
        assert_eq!(client.interim(&mut half.response), Some(100));
        half.body
            .send_data(Bytes::from_static(b"body"), true)
            .unwrap();
        assert_eq!(client.interim(&mut half.response), None);
        assert_eq!(client.read(half.response).status, 200);
        let seen = stage.upstream.wait_for(before);
        assert_eq!(
            (seen.body.as_slice(), seen.field("expect")),
            (&b"body"[..], None)
        );
    }
    // Who is refused is asked for nothing, and who has nothing to send neither.
    let before = stage.upstream.count();
    let mut client = Http2::open(stage.address());
    let mut half = client.begin(waits("100-continue").body(()).unwrap());
    assert_eq!(client.interim(&mut half.response), None);
    refused(&client.read(half.response), 401, "token_missing");
    for expectation in ["100-continue, x", "x", ""] {
        let request = waits(expectation).header("authorization", &token);
        let mut half = client.begin(request.body(()).unwrap());
        assert_eq!(client.interim(&mut half.response), None);
        refused(&client.read(half.response), 417, "expectation_failed");
    }
    assert_eq!(stage.upstream.count(), before);
    let request = waits("100-continue").header("authorization", &token);
    let mut response = client.ask(request.body(()).unwrap());
    assert_eq!(client.interim(&mut response), None);
    assert_eq!(client.read(response).status, 200);
}

#[test]
fn a_body_that_is_needed_for_the_decision_is_asked_for() {
    let stage = Stage::with(CLEARTEXT);
    let form = format!("access_token={}", mint::token().sign());
    let mut client = Http2::open(stage.address());
    let request = asks("POST")
        .header("expect", "100-continue")
        .header("content-type", "application/x-www-form-urlencoded");
    let mut half = client.begin(request.body(()).unwrap());
    assert_eq!(client.interim(&mut half.response), Some(100));
    half.body.send_data(form.into(), true).unwrap();
    let response = client.read(half.response);
    let came = [401, 200].contains(&response.status);
    assert!(came, "{}", response.text());
}
