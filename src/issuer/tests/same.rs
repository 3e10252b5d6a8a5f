//! Documents that have not changed, and how soon they are asked for again.

use super::{key_server::Answer, *};

fn answer(status: &str, fields: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{fields}connection: close\r\n");
    Answer::Raw(format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes())
}

/// A server whose document has a tag, and a bench that has read it.
async fn tagged() -> (KeyServer, Bench) {
    let server = KeyServer::start(String::new()).await;
    let document = set_of(&[&jwk("a")]);
    server.answers(answer("200 OK", "etag: \"1\"\r\n", &document));
    let bench = Bench::new(source(remote(&server))).start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    (server, bench)
}

#[tokio::test]
async fn keys_that_have_not_changed_are_as_good_as_new() {
    let (server, bench) = tagged().await;
    assert!(!server.requests()[0].contains("if-none-match"));
    let key = bench.ring().find(&header("a")).await.unwrap();
    for _ in 0..2 {
        server.answers(answer("304 Not Modified", "etag: \"1\"\r\n", ""));
        bench.clock.advance(24 * 3600);
        bench.ring().refresh_now().await;
        assert!(
            server
                .last_request()
                .contains("\r\nif-none-match: \"1\"\r\n")
        );
        let status = bench.ring().status();
        assert_eq!(
            (status.error, status.read_at),
            (None, Some(bench.clock.now()))
        );
    }
    let same = bench.ring().find(&header("a")).await.unwrap();
    assert!(Arc::ptr_eq(&key[0], &same[0]));
    bench.clock.advance(24 * 3600 + 1);
    assert!(bench.ring().current().is_none());

    server.answers(answer("200 OK", "", &set_of(&[&jwk("b")])));
    bench.ring().refresh_now().await;
    assert_eq!(bench.find("b").await.as_deref(), Ok("b"));
    assert_eq!(bench.find("a").await, Err(KeyError::NotFound));
    // That one had no tag.
    bench.ring().refresh_now().await;
    assert!(!server.last_request().contains("if-none-match"));
}

#[tokio::test]
async fn what_nobody_asked_for_is_no_answer() {
    let server = KeyServer::start(String::new()).await;
    server.answers(answer("304 Not Modified", "etag: \"1\"\r\n", ""));
    let bench = Bench::new(source(remote(&server))).start();
    bench.ring().refresh_now().await;
    assert!(bench.error().contains("(304)"), "{}", bench.error());
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
}

#[tokio::test]
async fn a_bad_answer_does_not_bring_its_tag() {
    let (server, bench) = tagged().await;
    server.answers(answer("200 OK", "etag: \"2\"\r\n", "{}"));
    bench.ring().refresh_now().await;
    assert!(bench.error().contains("keys"), "{}", bench.error());
    bench.ring().refresh_now().await;
    assert!(
        server
            .last_request()
            .contains("\r\nif-none-match: \"1\"\r\n")
    );
}

#[tokio::test]
async fn a_tag_goes_to_its_own_document_only() {
    let (one, two) = (tagged().await.0, tagged().await.0);
    let says = |server: &KeyServer| {
        one.has_metadata(Some(format!(
            r#"{{"issuer":"one","jwks_uri":"{}"}}"#,
            server.url
        )));
    };
    let metadata = Some(Metadata {
        issuer: "one".into(),
        allow_http: false,
    });
    let bench = Bench::new(source(Remote {
        uri: one.at("/.well-known/openid-configuration"),
        metadata,
        ..remote(&one)
    }));
    says(&one);
    let bench = bench.start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    bench.ring().refresh_now().await;
    assert!(one.last_request().contains("if-none-match"));
    says(&two);
    bench.ring().refresh_now().await;
    assert!(!two.last_request().contains("if-none-match"));
    assert!(
        one.requests()
            .iter()
            .filter(|r| r.contains("/.well-known/"))
            .count()
            >= 2
    );
    assert!(!one.last_request().contains("if-none-match"));
}

#[tokio::test]
async fn the_server_says_how_soon_to_ask_again() {
    for (fields, seconds) in [
        ("cache-control: public, max-age=300\r\n", 300),
        ("cache-control: max-age=1\r\n", 60),
        ("cache-control: max-age=999999\r\n", 3600),
        ("cache-control: max-age=soon\r\n", 3600),
        ("cache-control: max-age=0\r\n", 60),
        ("cache-control: no-cache\r\n", 60),
        ("cache-control: no-store, max-age=900\r\n", 60),
        ("cache-control: max-age=900\r\nage: 500\r\n", 400),
        ("cache-control: max-age=900\r\nage: 901\r\n", 60),
        ("age: 500\r\n", 3600),
        ("", 3600),
    ] {
        let server = KeyServer::start(String::new()).await;
        server.answers(answer("200 OK", fields, &set_of(&[&jwk("a")])));
        let bench = Bench::new(source(remote(&server))).start();
        bench.ring().refresh_now().await;
        let pause = bench
            .ring()
            .status()
            .next_at
            .unwrap()
            .since(bench.clock.now());
        let bounds = seconds * 9 / 10 - 1..=seconds * 11 / 10;
        assert!(bounds.contains(&pause), "{fields}: {pause}");
    }
}

/// Metadata with a tag that lead to keys, and a bench that has read both.
async fn led() -> (KeyServer, Bench) {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    says(&server, "keys", "m1");
    let bench = Bench::new(source(Remote {
        uri: server.at("/.well-known/openid-configuration"),
        metadata: Some(Metadata {
            issuer: "one".into(),
            allow_http: false,
        }),
        ..remote(&server)
    }))
    .start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    (server, bench)
}

/// Has `server` say in its metadata that the keys are at `path`.
fn says(server: &KeyServer, path: &str, tag: &str) {
    let uri = server.at(path);
    let document = format!(r#"{{"issuer":"one","jwks_uri":"{uri}"}}"#);
    let tag = format!("etag: \"{tag}\"\r\n");
    server.answers_metadata(answer("200 OK", &tag, &document));
}

/// The last requests for the metadata and for anything else.
fn last_two(server: &KeyServer) -> [String; 2] {
    let requests = server.requests();
    let (metadata, keys): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|request| request.contains("/.well-known/"));
    [metadata, keys].map(|mut requests| requests.pop().unwrap())
}

#[tokio::test]
async fn metadata_that_have_not_changed_lead_where_they_did() {
    let (server, bench) = led().await;
    assert!(!last_two(&server)[0].contains("if-none-match"));
    for _ in 0..2 {
        server.answers_metadata(answer("304 Not Modified", "", ""));
        bench.ring().refresh_now().await;
        let [metadata, keys] = last_two(&server);
        assert!(
            metadata.contains("\r\nif-none-match: \"m1\"\r\n"),
            "{metadata}"
        );
        assert!(keys.starts_with("GET /keys "), "{keys}");
        let status = bench.ring().status();
        assert_eq!(
            (status.error, status.jwks_uri.as_deref()),
            (None, Some(server.url.as_str()))
        );
    }
    says(&server, "elsewhere", "m2");
    bench.ring().refresh_now().await;
    bench.ring().refresh_now().await;
    let [metadata, keys] = last_two(&server);
    assert!(metadata.contains("\"m2\"") && keys.starts_with("GET /elsewhere "));
}

#[tokio::test]
async fn metadata_that_lead_nowhere_are_read_anew() {
    let (server, bench) = led().await;
    server.answers_metadata(answer("304 Not Modified", "", ""));
    server.answers(answer("404 Not Found", "", ""));
    bench.ring().refresh_now().await;
    assert!(bench.error().contains("404"), "{}", bench.error());
    says(&server, "elsewhere", "m1");
    server.publishes(set_of(&[&jwk("b")]));
    bench.ring().refresh_now().await;
    let [metadata, keys] = last_two(&server);
    assert!(!metadata.contains("if-none-match"), "{metadata}");
    assert!(keys.starts_with("GET /elsewhere "), "{keys}");
    assert_eq!(bench.find("b").await.as_deref(), Ok("b"));
    assert_eq!(bench.find("a").await, Err(KeyError::NotFound));
}
