//! What a provider sends, and what becomes of the keys.

use super::{
    key_server::{Answer, response},
    *,
};
use crate::{
    jose::jwk::{self, Symmetric},
    secret::Secret,
};

#[tokio::test]
async fn keys_rotate() {
    let (a, b, c) = (jwk("a"), jwk("b"), jwk("c"));
    let server = KeyServer::start(set_of(&[&a, &b])).await;
    let bench = Bench::new(source(remote(&server))).start();
    let first = bench.ring().find(&header("a")).await.unwrap();
    let kept = bench.ring().find(&header("b")).await.unwrap();
    assert!(
        bench
            .ring()
            .still_holds(first[0].thumbprint(), &header("a"))
    );
    assert!(
        !bench
            .ring()
            .still_holds(first[0].thumbprint(), &header("b"))
    );

    server.publishes(set_of(&[&b, &c]));
    bench.ring().refresh_now().await;
    assert_eq!(bench.find("c").await.as_deref(), Ok("c"));
    assert_eq!(bench.find("a").await, Err(KeyError::NotFound));
    assert!(
        !bench
            .ring()
            .still_holds(first[0].thumbprint(), &header("a"))
    );
    // The same material is the same key in memory.
    let again = bench.ring().find(&header("b")).await.unwrap();
    assert!(Arc::ptr_eq(&kept[0], &again[0]));
}

#[tokio::test]
async fn the_same_kid_with_other_material_is_another_key() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    let bench = Bench::new(source(remote(&server))).start();
    let old = bench.ring().find(&header("a")).await.unwrap();
    server.publishes(set_of(&[&jwk("a")]));
    bench.ring().refresh_now().await;
    let new = bench.ring().find(&header("a")).await.unwrap();
    assert_ne!(old[0].thumbprint(), new[0].thumbprint());
    assert!(!bench.ring().still_holds(old[0].thumbprint(), &header("a")));
    assert!(bench.ring().still_holds(new[0].thumbprint(), &header("a")));
}

#[tokio::test]
async fn an_unusable_key_does_not_harm_the_others() {
    let bad = r#"{"kty":"oct","kid":"bad","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}"#;
    let server = KeyServer::start(set_of(&[bad, &jwk("good")])).await;
    let bench = Bench::new(source(remote(&server))).start();
    assert_eq!(bench.find("good").await.as_deref(), Ok("good"));
    assert_eq!(bench.find("bad").await, Err(KeyError::NotFound));
    let set = bench.ring().current().unwrap();
    assert_eq!(set.skipped.len(), 1);
    assert_eq!(set.skipped[0].kid.as_deref(), Some("bad"));
    assert_eq!(bench.ring().status().error, None);
}

#[tokio::test]
async fn basic_credentials_are_sent_and_only_those() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    let credentials = Some(("me".to_owned(), Secret::new(b"pass:word".to_vec())));
    let bench = Bench::new(source(Remote {
        credentials,
        ..remote(&server)
    }))
    .start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    let request = server.last_request();
    // RFC 7617 §2: base64 of "me:pass:word".
    assert!(
        request.contains("\r\nauthorization: Basic bWU6cGFzczp3b3Jk\r\n"),
        "{request}"
    );

    let bench = Bench::new(source(remote(&server))).start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    let request = server.last_request();
    assert!(request.starts_with("GET /keys HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nuser-agent: portcullis/"), "{request}");
    assert!(request.contains("\r\naccept: application/jwk-set+json, application/json"));
    for absent in ["authorization", "cookie", "referer", "accept-encoding"] {
        assert!(!request.contains(absent), "{request}");
    }
}

#[tokio::test]
async fn a_bad_answer_leaves_the_old_keys() {
    let a = jwk("a");
    let b = set_of(&[&jwk("b")]);
    let canary = KeyServer::start(b.clone()).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\n\r\n", canary.url);
    let large = format!(
        r#"{{"pad":"{}","keys":[{}]}}"#,
        "x".repeat(10_000_000),
        jwk("b")
    );
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"keys\":[\r\n";
    let cases = [
        (response("500 Internal Server Error", &b), "status is 500"),
        (response("404 Not Found", &b), "status is 404"),
        (
            response("203 Non-Authoritative Information", &b),
            "status is 203",
        ),
        (response("200 OK", "<!doctype html><p>Sign in"), "key set"),
        (response("200 OK", ""), "key set"),
        (response("200 OK", r#"{"key":[]}"#), "keys"),
        (response("200 OK", r#"{"keys":[]}"#), "empty"),
        (
            response("200 OK", r#"{"keys":[{"kty":"RSA","kid":"b"}]}"#),
            "none of the key set's 1",
        ),
        (response("200 OK", &large), "longer than 1048576 bytes"),
        (redirect.into_bytes(), "a redirect (302)"),
        (chunked.into(), "exchange failed"),
        (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), "exchange failed"),
    ];
    let server = KeyServer::start(set_of(&[&a])).await;
    let bench = Bench::new(source(remote(&server))).start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    for (answer, why) in cases {
        let failures = bench.ring().status().failures;
        server.answers(Answer::Raw(answer));
        bench.ring().refresh_now().await;
        let status = bench.ring().status();
        assert!(bench.error().contains(why), "{why}: {status:?}");
        assert!(status.failures > failures, "{why}");
        assert_eq!(bench.find("a").await.as_deref(), Ok("a"), "{why}");
        assert_eq!(bench.find("b").await, Err(KeyError::NotFound), "{why}");
    }
    assert_eq!(canary.hits(), 0);

    server.publishes(b);
    bench.ring().refresh_now().await;
    assert_eq!(bench.ring().status().error, None);
    assert_eq!(bench.find("b").await.as_deref(), Ok("b"));
}

#[tokio::test]
async fn a_slow_answer_is_cut_off() {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"keys\":";
    for answer in [&begun[..], &begun[..20], b""] {
        let server = KeyServer::start(String::new()).await;
        server.answers(Answer::Unfinished(answer.to_vec()));
        let timeout = Duration::from_millis(100);
        let bench = Bench::new(source(Remote {
            timeout,
            ..remote(&server)
        }));
        let held = jwk::parse_set(set_of(&[&jwk("a")]).as_bytes(), Symmetric::Refused).unwrap();
        bench.ring().land(Ok(held.into()), UnixTime(0));
        let bench = bench.start();
        bench.ring().refresh_now().await;
        assert_eq!(bench.error(), "no complete answer within 100ms");
        assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    }
}

#[tokio::test]
async fn without_keys_it_is_an_outage_and_not_the_clients_fault() {
    let server = KeyServer::start(String::new()).await;
    server.answers(Answer::Raw(response("500 Oh", "")));
    let bench = Bench::new(source(remote(&server))).start();
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    assert!(bench.ring().current().is_none());

    server.publishes(set_of(&[&jwk("a")]));
    bench.ring().refresh_now().await;
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    assert_eq!(bench.find("b").await, Err(KeyError::NotFound));
}

#[tokio::test]
async fn keys_serve_until_they_are_too_old() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    let cooldown = Duration::ZERO;
    let bench = Bench::new(source(Remote {
        stale_for: HOUR,
        cooldown,
        ..remote(&server)
    }))
    .start();
    let key = bench.ring().find(&header("a")).await.unwrap()[0].thumbprint();
    server.answers(Answer::Raw(response("500 Oh", "")));

    bench.clock.advance(3600);
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    assert!(bench.ring().still_holds(key, &header("a")));
    bench.clock.advance(1);
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    assert!(!bench.ring().still_holds(key, &header("a")));
    assert!(bench.ring().current().is_none());

    server.publishes(set_of(&[&jwk("a")]));
    bench.ring().refresh_now().await;
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
}

#[tokio::test]
async fn a_clock_that_jumps_harms_nothing() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    let bench = Bench::new(source(remote(&server))).start();
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    for time in [i64::MIN, -1, 0, i64::MAX] {
        bench.clock.set(UnixTime(time));
        bench.ring().refresh_now().await;
        assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
        assert_eq!(bench.ring().status().read_at, Some(UnixTime(time)));
    }
    // Back again, without a refresh: the keys' age is negative, and they serve.
    bench.clock.set(UnixTime(0));
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
}

#[tokio::test]
async fn the_status_tells_no_secrets() {
    // Taken, so that nobody else gets it, and nobody listens.
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    taken.bind(&any.into()).unwrap();
    let free = taken.local_addr().unwrap().as_socket().unwrap();
    let server = KeyServer::start(String::new()).await;
    let uri = format!("http://user:hunter2@{free}/private?token=hunter2")
        .parse()
        .unwrap();
    let bench = Bench::new(source(Remote {
        uri,
        ..remote(&server)
    }))
    .start();
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    let error = bench.error();
    assert!(error.starts_with("no connection: "), "{error}");
    for secret in ["hunter2", "user", "private"] {
        assert!(!error.contains(secret), "{error}");
    }
}

#[tokio::test]
async fn authorities_that_are_none_are_refused() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    let uri: reqwest::Url = server
        .url
        .as_str()
        .replace("http:", "https:")
        .parse()
        .unwrap();
    let empty = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_vec();
    for authorities in [Vec::new(), b"no certificate".to_vec(), empty] {
        let remote = Remote {
            uri: uri.clone(),
            ..remote(&server)
        };
        let authorities = Some(authorities);
        let bench = Bench::new(source(Remote {
            authorities,
            ..remote
        }))
        .start();
        assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
        assert!(
            bench.error().starts_with("TLS cannot be set up"),
            "{}",
            bench.error()
        );
    }
    assert_eq!(server.hits(), 0);
}
