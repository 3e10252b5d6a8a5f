//! Trailers: they go all the way where both ends take them, and say nothing there that only a head or the
//! gateway may say.

use h2::server;
use http::HeaderMap;

use super::harness::{
    H2Upstream, Reply, Request, Stage, get,
    h2_upstream::{Call, send},
    post,
};

const PUBLIC: &str = "[token]\nheader = \"X-Api-Token\"\n\
                      [[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

fn public(upstream: &H2Upstream) -> Stage {
    Stage::with(&format!(
        "[upstream]\nurl = \"{}\"\n{PUBLIC}",
        upstream.url()
    ))
}

/// A request with these lines as trailers.
fn with_trailers(stage: &Stage, trailers: &str) -> super::harness::Response {
    let mut connection = super::harness::Connection::open(stage.address());
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\n{trailers}\r\n"
    ));
    connection.read(false)
}

const BAD: &str = "Authorization: Bearer x\r\nX-Auth-Subject: x\r\nx_auth_groups: x\r\nX-Api-Token: x\r\n\
                   x.request.id: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nHost: x\r\n";

#[test]
fn a_requests_trailers_reach_an_upstream_over_http_2_and_no_other() {
    let upstream = H2Upstream::echo();
    let stage = public(&upstream);
    let response = with_trailers(&stage, &format!("X-Sum: 1\r\n{BAD}"));
    assert_eq!((response.status, response.text().as_str()), (200, "hello"));
    let came = upstream.wait_for(0);
    assert_eq!(
        came.trailers,
        HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())])
    );
    let stage = Stage::with(PUBLIC);
    assert_eq!(with_trailers(&stage, "X-Sum: 1\r\n").status, 200);
    let seen = stage.upstream.wait_for(0);
    assert!(seen.complete && seen.trailers.is_empty());
}

#[test]
fn too_many_trailers_of_a_request_do_not_reach_the_upstream() {
    let upstream = H2Upstream::echo();
    let stage = public(&upstream);
    let many: String = (0..65).map(|n| format!("X-{n}: 1\r\n")).collect();
    let response = with_trailers(&stage, &many);
    assert!(matches!(response.status, 400 | 413), "{}", response.status);
    assert!(!upstream.wait_for(0).complete);
}

/// An upstream over HTTP/2 that ends its response with these.
fn ending_with(trailers: &'static [(&'static str, &'static str)]) -> H2Upstream {
    H2Upstream::start(&server::Builder::new(), move |mut call: Call| async move {
        call.read().await;
        let mut stream = call.begin(200, &[("trailer", "x-sum, x-auth-subject")]);
        send(&mut stream, b"ok").await;
        let trailers = trailers
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        let _ = stream.send_trailers(trailers.collect());
    })
}

fn asking() -> Request {
    get("/").field("TE", "trailers").field("Connection", "TE")
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn a_responses_trailers_reach_a_client_that_asks_for_them() {
    let upstream = ending_with(&[
        ("x-sum", "1"),
        ("authorization", "x"),
        ("x-auth-subject", "x"),
        ("x-unannounced", "x"),
    ]);
    let stage = public(&upstream);
    let response = stage.send(&asking());
    assert_eq!((response.text().as_str(), response.complete), ("ok", true));
    assert_eq!(response.field("trailer"), Some("x-sum"));
    assert_eq!(response.trailers, pairs(&[("x-sum", "1")]));
    // Another gets the same without.
    let response = stage.send(&get("/"));
    assert_eq!((response.text().as_str(), response.complete), ("ok", true));
    assert_eq!(
        (response.field("trailer"), response.trailers.len()),
        (None, 0)
    );
}

#[test]
fn those_of_an_upstream_over_http_1_do_so_too() {
    let stage = Stage::with(PUBLIC);
    let bytes = format!(
        "HTTP/1.1 200 OK\r\ntrailer: X-Sum, X-Api-Token\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\nok\r\n0\r\nX-Sum: 1\r\n{BAD}\r\n"
    );
    stage.upstream.replies(Reply::Bytes(bytes.into()));
    for _ in 0..2 {
        let response = stage.send(&asking());
        assert_eq!((response.text().as_str(), response.complete), ("ok", true));
        assert_eq!(response.field("trailer"), Some("x-sum"));
        assert_eq!(response.trailers, pairs(&[("x-sum", "1")]));
    }
    let response = stage.send(&get("/"));
    assert_eq!((response.text().as_str(), response.complete), ("ok", true));
    assert_eq!(
        (response.field("trailer"), response.trailers.len()),
        (None, 0)
    );
    assert_eq!(stage.upstream.connections(), 1);
}

#[test]
fn what_is_no_trailer_breaks_the_response() {
    let stage = Stage::with(PUBLIC);
    let answer = |trailers: &str| {
        let bytes = format!(
            "HTTP/1.1 200 OK\r\ntrailer: X-Sum\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\nok\r\n0\r\n{trailers}\r\n"
        );
        stage.upstream.replies(Reply::Bytes(bytes.into()));
        stage.send(&asking()).complete
    };
    assert!(answer("X-Sum: 1\r\n"));
    let many: String = (0..65).map(|n| format!("X-{n}: 1\r\n")).collect();
    for bad in ["X-Sum 1\r\n", "X Sum: 1\r\n", "X-Sum: \u{1}\r\n", &many] {
        assert!(!answer(bad), "{bad:?}");
    }
}

#[test]
fn a_length_leaves_no_room_for_trailers_over_http_1() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        call.read().await;
        let mut stream = call.begin(200, &[("trailer", "x-sum"), ("content-length", "2")]);
        send(&mut stream, b"ok").await;
        let _ = stream.send_trailers(HeaderMap::from_iter([(
            "x-sum".parse().unwrap(),
            "1".parse().unwrap(),
        )]));
    });
    let stage = public(&upstream);
    let response = stage.send(&asking());
    assert_eq!((response.text().as_str(), response.complete), ("ok", true));
    assert_eq!(response.field("trailer"), None);
    assert_eq!(stage.send(&post("/", "x")).text(), "ok");
}
