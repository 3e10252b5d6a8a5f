//! Upstreams and the connections to them: used again when that is safe, and never otherwise.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use super::harness::{Connection, PATIENCE, Reply, Stage, get, listen, post, refused, request};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

/// A stage whose upstream is the test itself.
fn stage() -> (Stage, TcpListener) {
    let listener = listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (
        Stage::with(&format!("[upstream]\nurl = \"{url}\"\n{PUBLIC}")),
        listener,
    )
}

/// Takes one connection from the gateway, and reads from it until `end` has come.
fn accept(listener: &TcpListener, end: &[u8]) -> TcpStream {
    let (mut upstream, _) = listener.accept().unwrap();
    upstream.set_read_timeout(Some(PATIENCE)).unwrap();
    read_until(&mut upstream, end);
    upstream
}

fn read_until(upstream: &mut TcpStream, end: &[u8]) {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        upstream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
}

/// Ends what `upstream` sends, and returns when the other end has got to know: it may come behind what others
/// send later (`/proc/net/tcp`: 1 is established, 4 waits for the acknowledgement).
#[cfg(target_os = "linux")]
fn end(upstream: &TcpStream) {
    upstream.shutdown(std::net::Shutdown::Write).unwrap();
    let port = |address: std::net::SocketAddr| format!("0100007F:{:04X}", address.port());
    let here = port(upstream.local_addr().unwrap());
    let there = port(upstream.peer_addr().unwrap());
    let waits = ["01", "04"].map(|state| format!("{here} {there} {state}"));
    let is_under_way = || {
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        waits.iter().any(|one| sockets.contains(one))
    };
    while is_under_way() {
        std::thread::yield_now();
    }
}

/// Reads what is left until the other end has gone.
fn read_until_closed(mut upstream: TcpStream) {
    let left = upstream.read_to_end(&mut Vec::new());
    assert!(
        left.map_err(|error| error.kind())
            .is_ok_and(|left| left < 16)
    );
}

/// Fails unless the other end closes the connection without another byte.
#[track_caller]
fn assert_closed(mut upstream: TcpStream) {
    let read = upstream.read(&mut [0]);
    assert!(
        matches!(&read, Ok(0))
            || read.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset)
    );
}

#[test]
fn one_connection_serves_many_requests() {
    let stage = Stage::with(PUBLIC);
    for number in 0..20 {
        let body = vec![b'x'; number * 1000];
        stage.allows(&post("/", body.clone()));
        stage.allows(&post("/", body).chunked());
    }
    assert_eq!(stage.upstream.connections(), 1);
}

#[test]
fn bodies_that_are_not_there_are_not_waited_for() {
    let stage = Stage::with(PUBLIC);
    stage.upstream.replies_with("200 OK", "", "hello");
    let head = stage.send(&request("HEAD", "/"));
    assert_eq!(
        (head.status, head.field("content-length")),
        (200, Some("5"))
    );
    stage
        .upstream
        .replies(Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".into()));
    assert_eq!(stage.send(&get("/")).status, 204);
    let not_modified = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: \"a\"\r\n\r\n";
    stage.upstream.replies(Reply::Bytes(not_modified.into()));
    let response = stage.send(&get("/"));
    assert_eq!(
        (response.status, response.field("etag")),
        (304, Some("\"a\""))
    );
    stage.upstream.replies_with("200 OK", "", "");
    assert_eq!(stage.send(&get("/")).field("content-length"), Some("0"));
    assert_eq!(stage.upstream.connections(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_the_upstream_has_closed_is_no_failure() {
    let (stage, listener) = stage();
    let mut connection = Connection::open(stage.address());
    for number in 0..10 {
        connection.send(post("/", "abc").bytes());
        let mut upstream = accept(&listener, b"abc");
        upstream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .unwrap();
        // Nobody has used it since, so nothing that was sent on it can be lost.
        end(&upstream);
        assert_eq!(connection.read(false).text(), "ok", "{number}");
    }
}

#[test]
fn an_upstream_that_wants_to_close_is_let_go() {
    for close in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: Close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let stage = Stage::with(PUBLIC);
        stage.upstream.replies(Reply::Bytes(close.into()));
        for number in 1..3 {
            let response = stage.send(&get("/"));
            assert_eq!((response.status, response.text().as_str()), (200, "ok"));
            assert_eq!(stage.upstream.connections(), number, "{close}");
        }
    }
}

#[test]
fn what_comes_before_a_response_is_passed_over() {
    let stage = Stage::with(PUBLIC);
    let hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let response = format!("{hints}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    stage.upstream.replies(Reply::Bytes(response.into()));
    for _ in 0..2 {
        let response = stage.send(&get("/"));
        assert_eq!((response.status, response.text().as_str()), (200, "ok"));
        assert_eq!(response.field("link"), None);
    }
    assert_eq!(stage.upstream.connections(), 1);
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_no_answer() {
    let stage = Stage::with(PUBLIC);
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nx";
    stage.upstream.replies(Reply::Bytes(switch.into()));
    for asks in [
        get("/"),
        get("/")
            .field("Upgrade", "x")
            .field("Connection", "Upgrade"),
    ] {
        refused(&stage.send(&asks), 502, "upstream_malformed");
    }
    assert_eq!(stage.upstream.connections(), 2);
}

#[test]
fn what_is_no_response_is_a_bad_gateway() {
    let stage = Stage::with(PUBLIC);
    for (number, answer) in [
        "",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-le",
    ]
    .into_iter()
    .enumerate()
    {
        stage.upstream.replies(Reply::Last(answer.into()));
        let response = stage.send(&get("/"));
        assert_eq!(response.status, 502, "{answer:?}");
        let code = response.code().unwrap();
        assert!(
            matches!(&*code, "upstream_malformed" | "upstream_unreachable"),
            "{answer:?}"
        );
        assert_eq!(stage.upstream.connections(), number + 1);
    }
}

#[test]
fn a_body_that_breaks_is_broken_for_the_client_too() {
    let stage = Stage::with(PUBLIC);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (number, answer) in [
        format!("{chunked}3\r\nabc\r\nzz\r\n"),
        format!("{chunked}3\r\nabcd\r\n0\r\n\r\n"),
        format!("{chunked}3\r\nabc\r\n"),
        format!("{chunked}3\r\nabc\r\nffffffffffffffffff\r\n"),
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        // The connection stays open where the chunks themselves are wrong.
        let is_open = answer.contains("zz") || answer.contains("abcd") || answer.contains("fff");
        let bytes = answer.clone().into_bytes();
        stage.upstream.replies(if is_open {
            Reply::Bytes(bytes)
        } else {
            Reply::Last(bytes)
        });
        let response = stage.send(&get("/"));
        assert!(!response.complete, "{answer:?}");
        assert_eq!(stage.upstream.connections(), number + 1);
    }
    stage.upstream.replies_with("200 OK", "", "ok");
    assert_eq!(stage.allows(&get("/")).connection, 5);
}

#[test]
fn a_length_beside_chunks_counts_for_nothing() {
    let stage = Stage::with(PUBLIC);
    for fields in [
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 3",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        stage.upstream.replies(Reply::Bytes(answer.into()));
        let response = stage.send(&get("/"));
        if response.status == 200 {
            assert_eq!(
                (response.text().as_str(), response.complete),
                ("hello", true)
            );
            assert_eq!(response.field("content-length"), None);
        } else {
            refused(&response, 502, "upstream_malformed");
        }
    }
}

#[test]
fn what_an_upstream_says_unasked_is_nobodys_answer() {
    let stage = Stage::with(PUBLIC);
    let poison = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    stage.upstream.replies(Reply::Bytes(poison.into()));
    for number in 1..10 {
        let response = stage.send(&get("/"));
        assert_eq!((response.status, response.text().as_str()), (200, "ok"));
        assert_eq!(stage.upstream.connections(), number);
    }
    // A response to HEAD has no body, whatever the upstream sends.
    let (stage, listener) = self::stage();
    let mut connection = Connection::open(stage.address());
    connection.send(request("HEAD", "/").bytes());
    let mut upstream = accept(&listener, b"\r\n\r\n");
    upstream.write_all(poison.as_bytes()).unwrap();
    assert_eq!(connection.read(true).status, 200);
    assert_closed(upstream);
}

#[test]
fn a_client_that_goes_takes_its_request_along() {
    let (stage, listener) = stage();
    // In the middle of its body.
    let mut connection = Connection::open(stage.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.");
    let upstream = accept(&listener, b"half.");
    drop(connection);
    assert_closed(upstream);
    // While it waits.
    let mut connection = Connection::open(stage.address());
    connection.send(get("/").bytes());
    let upstream = accept(&listener, b"\r\n\r\n");
    drop(connection);
    assert_closed(upstream);
    // In the middle of the response.
    for framing in [
        "content-length: 100\r\n\r\nbegun",
        "transfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n",
    ] {
        let mut connection = Connection::open(stage.address());
        connection.send(get("/").bytes());
        let mut upstream = accept(&listener, b"\r\n\r\n");
        write!(upstream, "HTTP/1.1 200 OK\r\n{framing}").unwrap();
        connection.read_head();
        drop(connection);
        assert_closed(upstream);
    }
    // None of these connections is used again.
    let mut connection = Connection::open(stage.address());
    connection.send(get("/").bytes());
    let mut upstream = accept(&listener, b"\r\n\r\n");
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .unwrap();
    assert_eq!(connection.read(false).text(), "ok");
}

#[test]
fn an_early_response_is_not_kept_waiting() {
    let (stage, listener) = stage();
    let mut connection = Connection::open(stage.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.");
    let mut upstream = accept(&listener, b"half.");
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .unwrap();
    assert_eq!(connection.read(false).text(), "ok");
    // A request in between does not get on the connection that is still sending.
    let mut other = Connection::open(stage.address());
    other.send(get("/other").bytes());
    let mut second = accept(&listener, b"\r\n\r\n");
    second
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother")
        .unwrap();
    assert_eq!(other.read(false).text(), "other");
    connection.send("other");
    read_until(&mut upstream, b"other");
    // The early one's client goes on, on a connection that has come to its end.
    connection.send(get("/next").bytes());
    read_until(&mut second, b"\r\n\r\n");
    second
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext")
        .unwrap();
    assert_eq!(connection.read(false).text(), "next");
    assert_closed(upstream);
}

#[test]
fn a_client_that_breaks_its_body_beside_the_response_ends_both() {
    let (stage, listener) = stage();
    for broken in ["zz\r\n", "3\r\nabcd\r\n"] {
        let mut connection = Connection::open(stage.address());
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        connection.send(format!("{head}5\r\nhalf.\r\n"));
        let mut upstream = accept(&listener, b"5\r\nhalf.\r\n");
        upstream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
            .unwrap();
        connection.read_head();
        connection.send(broken);
        assert!(connection.is_closed());
        read_until_closed(upstream);
    }
}

#[test]
fn a_refusal_of_the_upstreams_own_ends_the_upload() {
    let (stage, listener) = stage();
    let mut connection = Connection::open(stage.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhalf.");
    let mut upstream = accept(&listener, b"half.");
    let refusal =
        b"HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
    upstream.write_all(refusal).unwrap();
    drop(upstream);
    let response = connection.read(false);
    assert_eq!((response.status, response.text().as_str()), (413, "no"));
    assert!(connection.is_closed());
}

#[test]
fn a_long_response_comes_through_whole() {
    let stage = Stage::with(PUBLIC);
    let body: Vec<u8> = (0..8 << 20)
        .map(|number: u32| number.to_le_bytes()[1])
        .collect();
    stage.upstream.replies_with("200 OK", "", &body);
    let mut connection = Connection::open(stage.address());
    for _ in 0..2 {
        let response = connection.exchange(&get("/"));
        assert!(response.complete && response.body == body);
    }
    let seen = stage.send(&post("/", body.clone()).chunked());
    assert_eq!(seen.status, 200);
    assert!(stage.upstream.wait_for(2).body == body);
    assert_eq!(stage.upstream.connections(), 1);
}

#[test]
fn trailers_of_a_response_are_its_own_affair() {
    let stage = Stage::with(PUBLIC);
    let answer =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n";
    stage.upstream.replies(Reply::Bytes(answer.into()));
    for _ in 0..2 {
        let response = stage.send(&get("/"));
        assert_eq!((response.text().as_str(), response.complete), ("ok", true));
    }
    assert_eq!(stage.upstream.connections(), 1);
}
