//! Keys in a file, and in the configuration.

use std::path::Path;

use super::*;
use crate::jose::jwk::{self, JwkSet, Symmetric};

const SECRET: &str =
    r#"{"kty":"oct","kid":"s","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQ"}"#;

fn hs256() -> Header {
    Header::parse(br#"{"alg":"HS256","kid":"s"}"#).unwrap()
}

fn file(path: &Path) -> Bench {
    of(path, KeyForm::Jwks)
}

fn of(path: &Path, form: KeyForm) -> Bench {
    let path = path.to_owned();
    Bench::new(KeySource::File(Box::new(KeyFile { path, form }))).start()
}

#[tokio::test]
async fn a_file_is_read_again_on_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, set_of(&[&jwk("a")])).unwrap();
    let bench = file(&path);
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    assert_eq!(bench.find("b").await, Err(KeyError::NotFound));

    std::fs::write(&path, set_of(&[&jwk("b")])).unwrap();
    bench.ring().refresh_now().await;
    assert_eq!(bench.find("b").await.as_deref(), Ok("b"));
    assert_eq!(bench.find("a").await, Err(KeyError::NotFound));

    std::fs::write(&path, "{").unwrap();
    bench.ring().refresh_now().await;
    assert!(bench.error().contains("key set"), "{}", bench.error());
    assert_eq!(bench.find("b").await.as_deref(), Ok("b"));

    std::fs::remove_file(&path).unwrap();
    bench.ring().refresh_now().await;
    assert!(
        bench.error().contains("cannot be read"),
        "{}",
        bench.error()
    );
    assert_eq!(bench.find("b").await.as_deref(), Ok("b"));
}

#[tokio::test]
async fn a_shared_secret_may_come_from_a_file_and_never_from_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, set_of(&[SECRET])).unwrap();
    assert!(file(&path).ring().find(&hs256()).await.is_ok());

    let server = KeyServer::start(set_of(&[SECRET])).await;
    let bench = Bench::new(source(remote(&server))).start();
    assert_eq!(
        bench.ring().find(&hs256()).await.err(),
        Some(KeyError::Unavailable)
    );
    assert!(bench.error().contains("shared secret"), "{}", bench.error());
}

// Paused: whenever nothing is left to do, the time jumps to the next look.
#[tokio::test(start_paused = true)]
async fn a_file_is_read_when_it_changes_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let bench = file(&path);
    bench.ring().next_landing().await;
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    for _ in 0..3 {
        bench.ring().next_landing().await;
    }
    assert_eq!(bench.ring().status().failures, 1);

    std::fs::write(&path, set_of(&[&jwk("a")])).unwrap();
    bench.ring().next_landing().await;
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    for _ in 0..3 {
        bench.ring().next_landing().await;
    }
    let status = bench.ring().status();
    assert_eq!(
        (status.successes, status.failures, status.error),
        (1, 1, None)
    );
}

#[tokio::test]
async fn fixed_keys_are_there_at_once_and_for_ever() {
    let set = jwk::parse_set(set_of(&[&jwk("a")]).as_bytes(), Symmetric::Allowed).unwrap();
    let bench = Bench::new(KeySource::Fixed(Arc::new(set)));
    bench.clock.set(UnixTime(i64::MAX));
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    assert_eq!(bench.find("b").await, Err(KeyError::NotFound));
    bench.ring().refresh_now().await;
    assert!(bench.ring().status().read_at.is_some());
}

#[tokio::test]
async fn no_fixed_keys_are_an_outage() {
    let bench = Bench::new(KeySource::Fixed(Arc::new(JwkSet::default())));
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    assert_eq!(bench.error(), "the key set is empty");
}
