//! Keys that the issuer's metadata lead to.

use super::{
    key_server::{Answer, response},
    *,
};
use crate::secret::Secret;

/// What the metadata at `server` lead to.
fn discovered(server: &KeyServer) -> Remote {
    Remote {
        uri: server.at("/.well-known/openid-configuration"),
        metadata: Some(Metadata {
            issuer: "one".into(),
            allow_http: false,
        }),
        ..remote(server)
    }
}

fn metadata(issuer: &str, jwks_uri: &reqwest::Url) -> String {
    format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}"}}"#)
}

/// A provider, whose metadata say what it says.
async fn provider(kid: &str) -> KeyServer {
    let server = KeyServer::start(set_of(&[&jwk(kid)])).await;
    server.has_metadata(Some(metadata("one", &server.url)));
    server
}

#[tokio::test]
async fn two_documents_are_one_read() {
    let server = provider("a").await;
    let bench = Bench::new(source(discovered(&server))).start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    assert_eq!(bench.find("b").await, Err(KeyError::NotFound));
    let status = bench.ring().status();
    assert_eq!((status.successes, status.failures), (1, 0));
    assert_eq!(status.jwks_uri.as_deref(), Some(server.url.as_str()));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].starts_with("GET /.well-known/openid-configuration HTTP/1.1\r\n"));
    assert!(requests[0].contains("\r\naccept: application/json\r\n"));
    assert!(requests[1].starts_with("GET /keys HTTP/1.1\r\n"));
}

#[tokio::test]
async fn keys_follow_the_metadata() {
    let (server, elsewhere) = (provider("a").await, provider("b").await);
    let bench = Bench::new(source(discovered(&server))).start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    server.has_metadata(Some(metadata("one", &elsewhere.url)));
    bench.ring().refresh_now().await;
    assert_eq!(bench.find("b").await.as_deref(), Ok("b"));
    assert_eq!(bench.find("a").await, Err(KeyError::NotFound));
}

#[tokio::test]
async fn metadata_that_lead_astray_leave_the_old_keys() {
    let (server, canary) = (provider("a").await, provider("b").await);
    let bench = Bench::new(source(discovered(&server))).start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    let far = "http://idp.example/keys".parse().unwrap();
    for (document, why) in [
        (metadata("One", &canary.url), "another issuer, \"One\""),
        (metadata("one/", &canary.url), "another issuer"),
        (metadata("one", &far), "must be https"),
        (r#"{"issuer":"one"}"#.to_owned(), "no \"jwks_uri\""),
        (
            format!(r#"{{"jwks_uri":"{}"}}"#, canary.url),
            "no \"issuer\"",
        ),
        ("<html>".to_owned(), "not JSON"),
        (" ".repeat(fetch::MAX_BYTES + 1), "longer than"),
    ] {
        let before = server.hits();
        server.has_metadata(Some(document));
        bench.ring().refresh_now().await;
        assert!(bench.error().contains(why), "{why}: {}", bench.error());
        assert_eq!(server.hits(), before + 1, "{why}");
        assert_eq!(bench.find("a").await.as_deref(), Ok("a"), "{why}");
        assert_eq!(bench.find("b").await, Err(KeyError::NotFound), "{why}");
    }
    assert_eq!(canary.hits(), 0);
}

#[tokio::test]
async fn metadata_of_another_issuer_give_no_keys_at_all() {
    let server = provider("a").await;
    server.has_metadata(Some(metadata("two", &server.url)));
    let bench = Bench::new(source(discovered(&server))).start();
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    assert_eq!(server.hits(), 1);
    assert!(bench.ring().current().is_none());
}

#[tokio::test]
async fn no_redirect_is_followed_on_the_way() {
    let (server, canary) = (provider("a").await, provider("b").await);
    let bench = Bench::new(source(discovered(&server))).start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\n\r\n", canary.url);
    server.answers(Answer::Raw(redirect.clone().into_bytes()));
    bench.ring().refresh_now().await;
    assert!(
        bench.error().contains("a redirect (302)"),
        "{}",
        bench.error()
    );
    server.has_metadata(None);
    bench.ring().refresh_now().await;
    let error = bench.error();
    assert!(
        error.starts_with("the issuer's metadata: the answer is a redirect"),
        "{error}"
    );
    assert_eq!(canary.hits(), 0);
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
}

#[tokio::test]
async fn one_timeout_is_for_both() {
    let server = provider("a").await;
    let timeout = Duration::from_millis(100);
    let bench = Bench::new(source(Remote {
        timeout,
        ..discovered(&server)
    }));
    server.answers(Answer::Unfinished(b"HTTP/1.1 200 OK\r\n".to_vec()));
    let bench = bench.start();
    bench.ring().refresh_now().await;
    assert_eq!(bench.error(), "no complete answer within 100ms");
    server.has_metadata(None);
    bench.ring().refresh_now().await;
    assert_eq!(bench.error(), "no complete answer within 100ms");
}

#[tokio::test]
async fn a_document_does_not_choose_who_gets_the_password() {
    let (server, elsewhere) = (provider("a").await, provider("b").await);
    let credentials = Some(("me".to_owned(), Secret::new(b"pw".to_vec())));
    let bench = Bench::new(source(Remote {
        credentials,
        ..discovered(&server)
    }))
    .start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    assert!(
        server
            .requests()
            .iter()
            .all(|r| r.contains("\r\nauthorization: Basic "))
    );
    server.has_metadata(Some(metadata("one", &elsewhere.url)));
    bench.ring().refresh_now().await;
    assert_eq!(bench.find("b").await.as_deref(), Ok("b"));
    assert!(!elsewhere.last_request().contains("authorization"));
}

#[tokio::test]
async fn a_failure_to_discover_waits_longer_each_time_and_a_request_causes_one() {
    let server = provider("a").await;
    server.has_metadata(Some("{}".to_owned()));
    let bench = Bench::new(source(discovered(&server))).start();
    for _ in 0..100 {
        assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    }
    assert!(server.hits() <= 2, "{}", server.hits());
    server.answers(Answer::Raw(response("500 Oh", "")));
    server.has_metadata(Some(metadata("one", &server.url)));
    bench.ring().refresh_now().await;
    assert!(bench.error().contains("status is 500"), "{}", bench.error());
}
