//! What an upstream may answer: heads that are read in one way, and nothing that is left for the next one.

use super::harness::{Reply, Stage, get, refused, request};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

#[test]
fn a_head_that_is_read_in_two_ways_is_no_response() {
    let stage = Stage::with(PUBLIC);
    for (number, head) in [
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\n Content-Length: 2",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=\u{1}\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x2",
        "HTTP/1.1 099 OK\r\nContent-Length: 2",
        "HTTP/1.1 600 OK\r\nContent-Length: 2",
        "HTTP/1.1 2000 OK\r\nContent-Length: 2",
        "HTTP/1.2 200 OK\r\nContent-Length: 2",
        "HTTP/2.0 200 OK\r\nContent-Length: 2",
        "ICY 200 OK\r\nContent-Length: 2",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = format!("{head}\r\n\r\nok");
        stage.upstream.replies(Reply::Bytes(answer.into()));
        let response = stage.send(&get("/"));
        assert_eq!(response.status, 502, "{head:?}");
        refused(&response, 502, "upstream_malformed");
        assert_eq!(stage.upstream.connections(), number + 1, "{head:?}");
    }
    // The twin, on a connection that none of them has touched.
    stage.upstream.replies_with("200 OK", "X: a\r\n", "ok");
    let response = stage.send(&get("/"));
    assert_eq!((response.status, response.field("x")), (200, Some("a")));
}

#[test]
fn a_body_that_must_not_be_there_is_nobodys_answer() {
    for (answer, is_head, kept) in [
        ("204 No Content\r\n\r\n", false, true),
        ("204 No Content\r\nContent-Length: 0\r\n\r\n", false, true),
        ("204 No Content\r\nContent-Length: 2\r\n\r\n", false, false),
        (
            "204 No Content\r\nContent-Length: 2\r\n\r\nok",
            false,
            false,
        ),
        (
            "204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
            false,
            false,
        ),
        ("304 Not Modified\r\nContent-Length: 2\r\n\r\n", false, true),
        (
            "304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
            false,
            false,
        ),
        ("200 OK\r\nContent-Length: 2\r\n\r\n", true, true),
        ("200 OK\r\nContent-Length: 2\r\n\r\nokok", false, false),
        (
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nok",
            false,
            false,
        ),
    ] {
        let stage = Stage::with(PUBLIC);
        let bytes = format!("HTTP/1.1 {answer}");
        stage.upstream.replies(Reply::Bytes(bytes.into()));
        let asks = request(if is_head { "HEAD" } else { "GET" }, "/");
        let first = stage.send(&asks);
        assert!(first.status < 400, "{answer:?}");
        if first.status == 204 {
            assert_eq!(first.field("content-length"), None, "{answer:?}");
            assert_eq!(first.field("transfer-encoding"), None, "{answer:?}");
        }
        stage.upstream.replies_with("200 OK", "", "next");
        assert_eq!(stage.send(&get("/next")).text(), "next", "{answer:?}");
        let connections = stage.upstream.connections();
        assert_eq!(connections, if kept { 1 } else { 2 }, "{answer:?}");
    }
}
