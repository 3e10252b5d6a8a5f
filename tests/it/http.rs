//! HTTP/1.1 as nobody should write it, and connections that carry more than one request.

use super::harness::{Connection, Reply, Response, Stage, get, mint, post, refused, request};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

/// Sends these very bytes on a connection of their own.
fn exchange(stage: &Stage, bytes: impl AsRef<[u8]>) -> (Response, Connection) {
    let mut connection = Connection::open(stage.address());
    connection.offer(bytes);
    (connection.read(false), connection)
}

/// Sends these very bytes, which must be refused as malformed, and after which nothing is read.
#[track_caller]
fn malformed(stage: &Stage, bytes: impl AsRef<[u8]>) {
    let text = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    let (response, mut connection) = exchange(stage, bytes);
    assert_eq!(response.status, 400, "{text:?}");
    refused(&response, 400, "request_malformed");
    assert_eq!(response.field("connection"), Some("close"), "{text:?}");
    assert!(connection.is_closed(), "{text:?}");
}

#[test]
fn a_body_has_one_length() {
    let stage = Stage::with(PUBLIC);
    for fields in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length: -3",
        "Content-Length: 3 3",
        "Content-Length: 0x3",
        "Content-Length: 3.0",
        "Content-Length:",
        "Content-Length: 99999999999999999999999",
        "Content-Length: 18446744073709551615",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding:",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked;q=1",
    ] {
        malformed(
            &stage,
            format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\nabc"),
        );
    }
    malformed(
        &stage,
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    stage.upstream.saw_nothing();
}

#[test]
fn a_length_goes_on_as_it_was_understood() {
    let stage = Stage::with(PUBLIC);
    let head = "POST / HTTP/1.1\r\nHost: a\r\n";
    for (number, (framing, body)) in [
        ("Content-Length: 003\r\n\r\n", "abc"),
        ("content-length:3\r\n\r\n", "abc"),
        ("Content-Length: \t3\t \r\n\r\n", "abc"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            exchange(&stage, format!("{head}{framing}{body}")).0.status,
            200
        );
        let seen = stage.upstream.wait_for(number);
        assert_eq!(seen.field("content-length"), Some("3"), "{framing:?}");
        assert_eq!(seen.body, b"abc");
    }
    let chunked = "Transfer-Encoding: CHUNKED\r\n\r\n1;x=\"y\"\r\na\r\n002\r\nbc\r\n0\r\n\r\n";
    assert_eq!(exchange(&stage, format!("{head}{chunked}")).0.status, 200);
    let seen = stage.upstream.wait_for(3);
    assert_eq!(seen.field("transfer-encoding"), Some("chunked"));
    assert_eq!(
        (&*seen.body, seen.field("content-length")),
        (&b"abc"[..], None)
    );
}

#[test]
fn lines_are_lines() {
    let stage = Stage::with(PUBLIC);
    for (line, fields) in [
        ("GET / HTTP/1.1", "Host: a\r\nX: a\rb\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX: a\r\n folded\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX: a\r\n\tfolded\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX: a\0b\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX\0: a\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX : a\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX\t: a\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\n X: a\r\n"),
        ("GET / HTTP/1.1", " Host: a\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\n: a\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX(y): a\r\n"),
        ("GET / HTTP/1.1", "Host: a\r\nX: a\r\r\n"),
        ("GET /\r HTTP/1.1", "Host: a\r\n"),
        ("GET\t/\tHTTP/1.1", "Host: a\r\n"),
        ("GET  / HTTP/1.1", "Host: a\r\n"),
        (" GET / HTTP/1.1", "Host: a\r\n"),
        ("GET / HTTP/1.1 ", "Host: a\r\n"),
        ("GET / HTTP/1.2", "Host: a\r\n"),
        ("GET / HTTP/2.0", "Host: a\r\n"),
        ("GET / HTTP/0.9", "Host: a\r\n"),
        ("GET / HTTPS/1.1", "Host: a\r\n"),
        ("GET /a b HTTP/1.1", "Host: a\r\n"),
        ("GET /", "Host: a\r\n"),
        ("G[T / HTTP/1.1", "Host: a\r\n"),
        ("GET /a#b HTTP/1.1", "Host: a\r\n"),
    ] {
        malformed(&stage, format!("{line}\r\n{fields}\r\n"));
    }
    malformed(&stage, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    malformed(
        &stage,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    );
    malformed(
        &stage,
        "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    stage.upstream.saw_nothing();
    // A bare line feed may end a line, and is never passed on; so may an empty line come first.
    let (response, _) = exchange(&stage, "\r\nGET /x HTTP/1.1\nHost: a\nX: y\n\n");
    assert_eq!(response.status, 200);
    assert_eq!(stage.upstream.wait_for(0).field("x"), Some("y"));
}

#[test]
fn a_request_names_one_host() {
    let stage = Stage::with(PUBLIC);
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n",
        "GET / HTTP/1.1\r\nHost: u@a\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: b\r\n",
        "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n",
        "GET http://a/ HTTP/1.1\r\n",
    ] {
        malformed(&stage, format!("{head}\r\n"));
    }
    stage.upstream.saw_nothing();
    assert_eq!(
        exchange(&stage, "GET http://a/x HTTP/1.1\r\nHost: A\r\n\r\n")
            .0
            .status,
        200
    );
}

#[test]
fn an_upgrade_is_an_ordinary_request() {
    let stage = Stage::with(PUBLIC);
    for upgrade in ["h2c", "websocket", "TLS/1.0"] {
        let before = stage.upstream.count();
        let mut connection = Connection::open(stage.address());
        connection.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\n\
             HTTP2-Settings: AAMAAABk\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        ));
        // What stands behind it is a request of its own, and none that can be understood.
        assert_eq!(connection.read(false).status, 200);
        refused(&connection.read(false), 400, "request_malformed");
        assert!(connection.is_closed());
        let seen = stage.upstream.wait_for(before);
        assert_eq!(
            (seen.field("upgrade"), seen.field("connection")),
            (None, None)
        );
        assert_eq!(stage.upstream.count(), before + 1);
    }
}

#[test]
fn a_tunnel_that_is_refused_carries_nothing() {
    let stage = Stage::with(PUBLIC);
    let connect = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n";
    let (response, mut connection) = exchange(
        &stage,
        format!("{connect}GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    );
    refused(&response, 405, "method_not_allowed");
    assert!(connection.is_closed());
    stage.upstream.saw_nothing();
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let stage = Stage::new();
    let token = mint::token().sign();
    let good = |path: &str| get(path).bearer(&token).bytes();
    let bytes = [
        good("/1"),
        get("/2").bytes(),
        post("/3", "abc").bearer(&token).bytes(),
        get("/4/../x").bearer("junk").bytes(),
        good("/5"),
    ];
    let (response, mut connection) = exchange(&stage, bytes.concat());
    assert_eq!(response.status, 200);
    refused(&connection.read(false), 401, "token_missing");
    assert_eq!(connection.read(false).status, 200);
    // The fourth cannot be understood, so nobody knows what the fifth is.
    refused(&connection.read(false), 400, "request_malformed");
    assert!(connection.is_closed());
    let targets: Vec<_> = stage
        .upstream
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    assert_eq!(targets, ["/1", "/3"]);
}

#[test]
fn a_request_that_is_none_waits_for_the_answers_before_it() {
    let stage = Stage::with(PUBLIC);
    stage.upstream.replies(Reply::Held(
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nheld".into(),
    ));
    let mut connection = Connection::open(stage.address());
    connection.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost : a\r\n\r\nGET /3");
    stage.upstream.wait_for(0);
    stage.upstream.release();
    assert_eq!(connection.read(false).text(), "held");
    refused(&connection.read(false), 400, "request_malformed");
    assert!(connection.is_closed());
    assert_eq!(stage.upstream.count(), 1);
}

#[test]
fn every_cut_of_a_request_is_the_same_request() {
    let stage = Stage::with(PUBLIC);
    let bytes =
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let mut connection = Connection::open(stage.address());
    for number in 0..8 {
        for byte in bytes {
            connection.send([*byte]);
        }
        assert_eq!(connection.read(false).status, 200);
        assert_eq!(stage.upstream.wait_for(number).body, b"abc");
    }
}

#[test]
fn a_refused_body_does_not_become_a_request() {
    let stage = Stage::new();
    let smuggled = get("/admin").bearer(mint::token().sign()).bytes();
    // All of it is there: the body is passed over, or the connection closed.
    let refusable = post("/", smuggled.clone()).bytes();
    let (response, mut connection) = exchange(&stage, [refusable, get("/next").bytes()].concat());
    refused(&response, 401, "token_missing");
    if let Some(next) = connection.try_read(false) {
        refused(&next, 401, "token_missing");
    }
    // Much of it is missing: the response comes all the same, and then the end.
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        1 << 30
    );
    let (response, mut connection) = exchange(&stage, [head.as_bytes(), &smuggled].concat());
    refused(&response, 401, "token_missing");
    assert!(connection.is_closed());
    stage.upstream.saw_nothing();
}

#[test]
fn a_client_hears_a_refusal_although_it_is_still_sending() {
    let stage = Stage::new();
    let large = vec![b'x'; 600 * 1024];
    for body in [post("/", large.clone()), post("/", large).chunked()] {
        refused(&stage.send(&body), 401, "token_missing");
    }
    stage.upstream.saw_nothing();
}

#[test]
fn a_client_that_breaks_its_body_takes_the_upstreams_connection_with_it() {
    let stage = Stage::with(PUBLIC);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for broken in [
        "3\r\nabc\r\nzz\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "ffffffffffffffffff\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
    ] {
        let (response, mut connection) = exchange(&stage, format!("{head}{broken}"));
        refused(&response, 400, "request_malformed");
        assert!(connection.is_closed());
    }
    let seen = stage.allows(&get("/next"));
    assert!(stage.upstream.seen().iter().all(|other| {
        other.complete == (other.target == "/next")
            && (other.complete || other.connection != seen.connection)
    }));
}

#[test]
fn expect_is_between_the_client_and_the_gateway() {
    let stage = Stage::new();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n";
    let (response, mut connection) = exchange(&stage, format!("{head}\r\n"));
    refused(&response, 401, "token_missing");
    assert!(connection.is_closed());
    stage.upstream.saw_nothing();

    let mut connection = Connection::open(stage.address());
    let token = mint::token().sign();
    connection.send(format!("{head}Authorization: Bearer {token}\r\n\r\n"));
    assert_eq!(connection.read_head().line, "HTTP/1.1 100 Continue");
    connection.send("abc");
    assert_eq!(connection.read(false).status, 200);
    let seen = stage.upstream.wait_for(0);
    assert_eq!((&*seen.body, seen.field("expect")), (&b"abc"[..], None));
}

#[test]
fn an_old_client_gets_what_it_can_read() {
    let stage = Stage::with(PUBLIC);
    let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    stage.upstream.replies(Reply::Bytes(chunks.into()));
    let (response, mut connection) = exchange(&stage, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(
        (
            response.text().as_str(),
            response.field("transfer-encoding")
        ),
        ("abc", None)
    );
    assert!(response.head.line.starts_with("HTTP/1.0 200"));
    assert!(connection.is_closed());
    assert_eq!(stage.upstream.wait_for(0).head.line, "GET / HTTP/1.1");
}

#[test]
fn a_method_nobody_knows_is_forwarded_as_it_is() {
    let stage = Stage::with(PUBLIC);
    assert_eq!(stage.allows(&request("PURGE", "/x")).method, "PURGE");
    malformed(&stage, "PU RGE /x HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn every_answer_names_its_request_whatever_was_sent() {
    let stage = Stage::with(&format!(
        "[server.limits]\nheader_timeout = \"500ms\"\nidle_timeout = \"500ms\"\n{PUBLIC}"
    ));
    let bytes = b"POST /a?b HTTP/1.1\r\nHost: a\r\nX-Y: z\r\nContent-Length: 1\r\n\r\nx";
    let nasty = b"\0\t\n\x0b\r \"#%/:;<?@A\\^`{|~\x7f\x80\xff9";
    let answers_to = |place: usize| {
        for byte in nasty {
            let mut mutated = bytes.to_vec();
            mutated[place] = *byte;
            let mut connection = Connection::open(stage.address());
            connection.offer(&mutated);
            let text = String::from_utf8_lossy(&mutated).into_owned();
            let response = connection.read(false);
            assert!(response.field("x-request-id").is_some(), "{text:?}");
            assert!(
                response.status == 200 || response.code().is_some(),
                "{text:?}"
            );
        }
    };
    // Beside each other: some of them wait for a time-out.
    std::thread::scope(|scope| {
        for first in 0..8 {
            scope.spawn(move || (first..bytes.len()).step_by(8).for_each(answers_to));
        }
    });
}
