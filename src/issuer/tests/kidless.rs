//! Keys without a `kid`, and tokens without one: only the signature tells that a key is another by now.

use super::*;
use crate::issuer::Candidates;

fn nameless() -> String {
    jwk("x").replace(r#""kid":"x","#, "")
}

fn without_kid() -> Header {
    Header::parse(br#"{"alg":"ES256"}"#).unwrap()
}

/// A server with one set, a bench that has read it, and what it gives for `header`.
async fn read(document: &str, header: &Header) -> (KeyServer, Bench, Candidates) {
    let server = KeyServer::start(document.to_owned()).await;
    let bench = Bench::new(source(remote(&server))).start();
    bench.ring().refresh_now().await;
    let keys = bench.ring().find(header).await.unwrap();
    (server, bench, keys)
}

#[tokio::test]
async fn a_bad_signature_fetches_once_and_finds_the_new_key() {
    for token in [without_kid(), header("unknown")] {
        let (server, bench, old) = read(&set_of(&[&nameless()]), &token).await;
        server.publishes(set_of(&[&nameless()]));
        let others = bench.ring().find_others(&token, &old).await.unwrap();
        assert_eq!((others.len(), server.hits()), (1, 2));
        assert_ne!(others[0].thumbprint(), old[0].thumbprint());
        // Whoever had the old keys still gets the new ones, without another fetch.
        assert!(bench.ring().find_others(&token, &old).await.is_some());
        // And who has the new ones does not fetch within the cooldown.
        server.publishes(set_of(&[&nameless()]));
        assert!(bench.ring().find_others(&token, &others).await.is_none());
        assert_eq!(server.hits(), 2);
    }
}

#[tokio::test]
async fn the_same_keys_are_not_tried_twice() {
    let (server, bench, old) = read(&set_of(&[&nameless()]), &without_kid()).await;
    let token = without_kid();
    assert!(bench.ring().find_others(&token, &old).await.is_none());
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn a_key_that_the_token_names_is_the_key() {
    let token = header("a");
    let (server, bench, old) = read(&set_of(&[&jwk("a")]), &token).await;
    server.publishes(set_of(&[&jwk("a")]));
    assert!(bench.ring().find_others(&token, &old).await.is_none());
    assert_eq!(server.hits(), 1);
    // A token that names none may be of any.
    let others = bench.ring().find_others(&without_kid(), &old).await;
    assert_eq!((others.unwrap().len(), server.hits()), (1, 2));
}
