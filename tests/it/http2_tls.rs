//! HTTP/2 over TLS: who speaks it with whom, and what that changes.

use http::Request;

use super::{
    harness::{
        Authority, H2Upstream, Reply, Stage, TlsClient, TlsUpstream, get, h2_upstream::Call,
        http2::Http2, mint, post, refused,
    },
    tls::{NAME, simple, stage},
};

fn asks(path: &str) -> http::request::Builder {
    Request::get(format!("https://{NAME}{path}"))
}

fn bearing(path: &str) -> Request<()> {
    let token = format!("Bearer {}", mint::token().sign());
    let request = asks(path).header("authorization", token);
    request.body(()).unwrap()
}

fn bare(path: &str) -> Request<()> {
    asks(path).body(()).unwrap()
}

/// On a connection that is there, a good request is answered and one without a token is not.
#[track_caller]
fn serves(stage: &Stage, client: &mut Http2) {
    let before = stage.upstream.count();
    let response = client.exchange(bearing("/a?b"), &[]);
    assert_eq!(response.status, 200, "{}", response.text());
    refused(&client.exchange(bare("/a?b"), &[]), 401, "token_missing");
    assert_eq!(stage.upstream.count(), before + 1);
}

#[test]
fn a_client_chooses_it_and_the_upstream_hears_of_tls() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    for client in [
        TlsClient::trusting(&authority),
        TlsClient::of_12(&authority),
    ] {
        let mut connection = Http2::over_tls(stage.address(), &client, NAME);
        serves(&stage, &mut connection);
        // What the request says of its scheme changes nothing.
        let token = format!("Bearer {}", mint::token().sign());
        let plain = Request::get(format!("http://{NAME}/plain"));
        let plain = plain.header("authorization", token).body(()).unwrap();
        assert_eq!(connection.exchange(plain, &[]).status, 200);
    }
    for seen in stage.upstream.seen() {
        assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
        assert!(seen.field("forwarded").unwrap().ends_with(";proto=https"));
    }
    assert_eq!(stage.upstream.count(), 4);
}

#[test]
fn a_client_that_offers_http_1_gets_that() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let client = TlsClient::trusting(&authority);
    let mut beside = Http2::over_tls(stage.address(), &client, NAME);
    serves(&stage, &mut beside);
    let request = get("/").bearer(mint::token().sign());
    for (offered, agreed) in [
        (&["http/1.1"][..], Some("http/1.1")),
        (&[], None),
        (&["http/1.1", "h2"], Some("h2")),
    ] {
        let client = client.offering(offered);
        let mut connection = client.connect(stage.address(), NAME).unwrap();
        assert_eq!(connection.protocol(), agreed);
        if agreed != Some("h2") {
            assert_eq!(connection.exchange(&request).unwrap().status, 200);
            let bare = connection.exchange(&get("/")).unwrap();
            refused(&bare, 401, "token_missing");
        }
    }
    assert_eq!(stage.upstream.count(), 3);
    // Who knows neither is turned away.
    assert!(
        client
            .offering(&["h3"])
            .connect(stage.address(), NAME)
            .is_err()
    );
    serves(&stage, &mut beside);
}

#[test]
fn where_it_is_off_http_1_is_chosen() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "[server]\nhttp2 = false\n");
    let client = TlsClient::trusting(&authority);
    let both = client.offering(&["h2", "http/1.1"]);
    let mut connection = both.connect(stage.address(), NAME).unwrap();
    assert_eq!(connection.protocol(), Some("http/1.1"));
    let request = get("/").bearer(mint::token().sign());
    assert_eq!(connection.exchange(&request).unwrap().status, 200);
    let only = client.offering(&["h2"]);
    assert!(only.connect(stage.address(), NAME).is_err());
    // Nor is the preface a request, where no protocol was agreed on.
    let mut connection = client.connect(stage.address(), NAME).unwrap();
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    refused(&connection.read(false).unwrap(), 400, "request_malformed");
    assert_eq!(stage.upstream.count(), 1);
}

#[test]
fn a_certificate_that_is_required_is_required_here_too() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let [certificate, key] = authority.issue(&[NAME]);
    let pem = clients.pem();
    let stage = stage(
        &[
            ("api.pem", &*certificate),
            ("api.key", &key),
            ("clients.pem", &pem),
        ],
        "certificate_file = \"api.pem\"\nprivate_key_file = \"api.key\"\n\
         client_certificate = \"required\"\nclient_ca_file = \"clients.pem\"\n\
         client_certificate_headers = true\n",
    );
    let known = TlsClient::showing(&authority, &clients.issue(&["client"]));
    serves(&stage, &mut Http2::over_tls(stage.address(), &known, NAME));
    let seen = stage.upstream.wait_for(0);
    assert_eq!(seen.field("x-client-cert-subject"), Some("CN=a\\, b"));
    let strange = TlsClient::showing(&authority, &Authority::new().issue(&["client"]));
    for turned_away in [strange, TlsClient::trusting(&authority)] {
        let mut connection = Http2::over_tls(stage.address(), &turned_away, NAME);
        assert!(connection.status(bearing("/")).is_err());
    }
    assert_eq!(stage.upstream.count(), 1);
}

#[test]
fn a_new_certificate_leaves_open_streams_alone() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let client = TlsClient::trusting(&authority);
    let mut old = Http2::over_tls(stage.address(), &client, NAME);
    stage.upstream.replies(Reply::Held(
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone".to_vec(),
    ));
    let response = old.ask(bearing("/"));
    old.runtime.block_on(tokio::task::yield_now());
    stage.upstream.wait_for_heads(1);
    let before = client.connect(stage.address(), NAME).unwrap();
    let [certificate, key] = authority.issue(&[NAME]);
    std::fs::write(stage.file("api.pem"), certificate).unwrap();
    std::fs::write(stage.file("api.key"), key).unwrap();
    stage.applies();
    let after = TlsClient::trusting(&authority);
    let after = after.connect(stage.address(), NAME).unwrap();
    assert_ne!(before.certificate(), after.certificate());
    stage.upstream.release();
    assert_eq!(old.read(response).text(), "done");
    stage.upstream.replies_with("200 OK", "", "more");
    serves(&stage, &mut old);
    serves(&stage, &mut Http2::over_tls(stage.address(), &client, NAME));
}

#[test]
fn a_drain_says_goodbye_and_lets_requests_finish() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    stage.upstream.replies(Reply::Held(
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone".to_vec(),
    ));
    let client = TlsClient::trusting(&authority);
    let mut idle = Http2::over_tls(stage.address(), &client, NAME);
    refused(&idle.exchange(bare("/"), &[]), 401, "token_missing");
    let mut busy = Http2::over_tls(stage.address(), &client, NAME);
    let response = busy.ask(bearing("/"));
    busy.runtime.block_on(tokio::task::yield_now());
    stage.upstream.wait_for_heads(1);
    let Stage {
        gateway, upstream, ..
    } = stage;
    let draining = std::thread::spawn(move || gateway.drain());
    assert!(idle.ends(), "an orderly goodbye");
    assert!(!draining.is_finished());
    upstream.release();
    assert_eq!(busy.read(response).text(), "done");
    assert!(busy.ends(), "an orderly goodbye");
    assert!(draining.join().unwrap(), "the drain was clean");
}

/// A stage whose upstream is at `url`, and must be known to `authority`.
fn upstream_at(url: &str, authority: &Authority) -> Stage {
    let builder = Stage::builder();
    std::fs::write(builder.directory().join("ca.pem"), authority.pem()).unwrap();
    builder
        .with(&format!(
            "[upstream]\nurl = \"{url}\"\nprotocol = \"http2\"\n[upstream.tls]\nca_file = \"ca.pem\""
        ))
        .start()
}

const ADDRESS: &str = "127.0.0.1";

#[test]
fn an_upstream_over_tls_speaks_it_too() {
    let authority = Authority::new();
    let upstream = H2Upstream::over_tls(&authority.issue(&[ADDRESS]), |call: Call| async move {
        call.upstream
            .note(call.head.uri.scheme_str().unwrap_or("-"));
        call.echo().await;
    });
    let stage = upstream_at(&upstream.url(), &authority);
    let body = vec![b'x'; 300_000];
    for request in [post("/", body.clone()), post("/", body.clone()).chunked()] {
        let response = stage.send(&request.bearer(mint::token().sign()));
        assert_eq!((response.status, response.body.len()), (200, body.len()));
    }
    upstream.wait_for_note("https");
    assert_eq!((upstream.count(), upstream.connections()), (2, 1));
    refused(&stage.send(&get("/")), 401, "token_missing");
    // Nobody but who is trusted.
    let strange = upstream_at(&upstream.url(), &Authority::new());
    is_unreachable(&strange, "invalid peer certificate");
    assert_eq!(upstream.count(), 2);
}

#[track_caller]
fn is_unreachable(stage: &Stage, cause: &str) {
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    refused(&response, 502, "upstream_unreachable");
    let status = get("/status").send(stage.gateway.admin()).text();
    assert!(status.contains(cause), "{status}");
}

#[test]
fn an_upstream_that_chooses_something_else_is_unreachable() {
    let authority = Authority::new();
    let own = authority.issue(&[ADDRESS]);
    for (knows, cause) in [
        (&[][..], "did not choose h2 by ALPN"),
        (&["http/1.1"], "NoApplicationProtocol"),
    ] {
        let upstream = TlsUpstream::knowing(&own, knows);
        is_unreachable(&upstream_at(&upstream.url(), &authority), cause);
        assert!(upstream.visits().is_empty());
    }
    // One that knows both is spoken to in either, as configured.
    let both = TlsUpstream::knowing(&own, &["http/1.1"]);
    let builder = Stage::builder();
    std::fs::write(builder.directory().join("ca.pem"), authority.pem()).unwrap();
    let tls = "[upstream.tls]\nca_file = \"ca.pem\"";
    let stage = builder.with(&format!("[upstream]\nurl = \"{}\"\n{tls}", both.url()));
    let stage = stage.start();
    let request = get("/").bearer(mint::token().sign());
    assert_eq!(stage.send(&request).status, 200);
    assert_eq!(both.visits().len(), 1);
}
