//! Keys with certificates: when they serve, and how a token finds them.

use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde_json::json;

use super::*;
use crate::{
    issuer::warning::{self, CertificateWarning},
    jose::fixtures::{P256, RSA, Signer, encoded, pem},
};

const FROM: &str = "270101000000Z";
const UNTIL: &str = "270301000000Z";
/// The same in seconds. The bench's clock stands at 2027-01-15.
const BEGIN: UnixTime = UnixTime(1_798_761_600);
const END: UnixTime = UnixTime(1_803_859_200);

fn certificate(signer: &Signer) -> String {
    pem("CERTIFICATE", &signer.certificate(FROM, UNTIL))
}

/// A bench that reads the file at `path`, and has read it.
async fn reading(path: &Path, form: KeyForm) -> Bench {
    let path = path.to_owned();
    let bench = Bench::new(KeySource::File(Box::new(KeyFile { path, form }))).start();
    bench.ring().refresh_now().await;
    bench
}

fn token(members: serde_json::Value) -> Header {
    Header::parse(members.to_string().as_bytes()).unwrap()
}

/// How many keys there are for a token with these members.
async fn count(bench: &Bench, members: serde_json::Value) -> Result<usize, KeyError> {
    bench.ring().find(&token(members)).await.map(|k| k.len())
}

#[tokio::test]
async fn a_key_serves_while_its_certificate_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuer.pem");
    std::fs::write(&path, certificate(&P256)).unwrap();
    let bench = reading(&path, KeyForm::Certificate).await;
    let key = P256.key().thumbprint();
    for (now, serves) in [
        (BEGIN.plus(-1), false),
        (BEGIN, true),
        (END, true),
        (END.plus(1), false),
        (UnixTime(i64::MAX), false),
        (BEGIN, true),
    ] {
        bench.clock.set(now);
        let found = count(&bench, json!({"alg": "ES256", "kid": "any"})).await;
        let expected = if serves {
            Ok(1)
        } else {
            Err(KeyError::OutOfTime)
        };
        assert_eq!(found, expected, "{now}");
        let header = token(json!({"alg": "ES256"}));
        assert_eq!(bench.ring().still_holds(key, &header), serves, "{now}");
        let set = bench.ring().current().unwrap();
        assert_eq!(set.in_time(now).count(), usize::from(serves));
    }
}

#[tokio::test]
async fn other_keys_serve_on_when_one_is_out_of_its_time() {
    let short = json!({"kty": "EC", "kid": "short", "x5c": [base64_of(&P256)]});
    let server = KeyServer::start(set_of(&[&short.to_string(), &jwk("long")])).await;
    let bench = Bench::new(source(remote(&server))).start();
    assert_eq!(bench.find("short").await.as_deref(), Ok("short"));
    bench.clock.set(END.plus(1));
    bench.ring().refresh_now().await;
    assert_eq!(bench.find("long").await.as_deref(), Ok("long"));
    assert_eq!(bench.find("short").await, Err(KeyError::NotFound));
}

fn base64_of(signer: &Signer) -> String {
    use base64::engine::general_purpose::STANDARD;
    STANDARD.encode(signer.certificate(FROM, UNTIL))
}

#[tokio::test]
async fn a_renewed_certificate_of_the_same_key_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuer.pem");
    std::fs::write(&path, certificate(&P256)).unwrap();
    let bench = reading(&path, KeyForm::Certificate).await;
    bench.clock.set(END.plus(1));
    let members = json!({"alg": "ES256"});
    assert_eq!(
        count(&bench, members.clone()).await,
        Err(KeyError::OutOfTime)
    );
    let renewed = P256.certificate("270201000000Z", "280101000000Z");
    std::fs::write(&path, pem("CERTIFICATE", &renewed)).unwrap();
    bench.ring().refresh_now().await;
    assert_eq!(count(&bench, members).await, Ok(1));
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_swapped_link_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, signer) in [("1", &P256), ("2", &RSA)] {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("issuer.pem"), certificate(signer)).unwrap();
    }
    // As a ConfigMap is mounted: the file is a link into a directory that is a link.
    std::os::unix::fs::symlink("1", at("data")).unwrap();
    std::os::unix::fs::symlink("data/issuer.pem", at("issuer.pem")).unwrap();
    let bench = reading(&at("issuer.pem"), KeyForm::Certificate).await;
    let (ec, rsa) = (json!({"alg": "ES256"}), json!({"alg": "RS256"}));
    assert_eq!(count(&bench, ec.clone()).await, Ok(1));
    assert_eq!(count(&bench, rsa.clone()).await, Err(KeyError::NotFound));
    std::os::unix::fs::symlink("2", at("new")).unwrap();
    std::fs::rename(at("new"), at("data")).unwrap();
    bench.ring().next_landing().await;
    assert_eq!(count(&bench, rsa).await, Ok(1));
    assert_eq!(count(&bench, ec).await, Err(KeyError::NotFound));
}

#[tokio::test]
async fn public_keys_and_trust_stores_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    std::fs::write(&path, pem("PUBLIC KEY", &RSA.spki())).unwrap();
    let bench = reading(&path, KeyForm::PublicKey).await;
    bench.clock.set(UnixTime(i64::MAX));
    assert_eq!(
        count(&bench, json!({"alg": "RS256", "kid": "a"})).await,
        Ok(1)
    );
    let other = count(&bench, json!({"alg": "ES256"})).await;
    assert_eq!(other, Err(KeyError::NotFound));
    std::fs::write(&path, "nothing").unwrap();
    bench.ring().refresh_now().await;
    assert!(bench.error().contains("not PEM"), "{}", bench.error());
    assert_eq!(count(&bench, json!({"alg": "RS256"})).await, Ok(1));

    let store = include_bytes!("../../../tests/vectors/truststores/trust.jks");
    std::fs::write(&path, store).unwrap();
    let form = |alias: &str| KeyForm::TrustStore {
        alias: alias.into(),
        password: crate::secret::Secret::new(b"changeit".to_vec()),
    };
    let bench = reading(&path, form("issuer")).await;
    assert_eq!(count(&bench, json!({"alg": "ES256"})).await, Ok(1));
    let bench = reading(&path, form("absent")).await;
    assert!(bench.error().contains("\"absent\""), "{}", bench.error());
    let none = count(&bench, json!({"alg": "ES256"})).await;
    assert_eq!(none, Err(KeyError::Unavailable));
}

#[tokio::test]
async fn digests_of_the_certificate_find_its_key() {
    let der = P256.certificate(FROM, UNTIL);
    let sha1 = encoded(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der));
    let sha256 = encoded(digest(&SHA256, &der));
    let certified = json!({"kty": "EC", "x5c": [base64_of(&P256)]});
    let others = [jwk("a"), jwk("b").replace(r#""kid":"b","#, "")];
    let server = KeyServer::start(set_of(&[&others[0], &others[1], &certified.to_string()]));
    let bench = Bench::new(source(remote(&server.await))).start();
    bench.ring().refresh_now().await;
    let own = P256.key().thumbprint();
    let find = async |members| bench.ring().find(&token(members)).await.unwrap();
    for members in [
        json!({"alg": "ES256", "x5t": sha1}),
        json!({"alg": "ES256", "x5t#S256": sha256}),
        json!({"alg": "ES256", "x5t#S256": sha256, "x5t": "other"}),
        json!({"alg": "ES256", "kid": "unknown", "x5t": sha1}),
    ] {
        let found = find(members.clone()).await;
        assert_eq!((found.len(), found[0].thumbprint()), (1, own), "{members}");
        assert!(bench.ring().still_holds(own, &token(members)));
    }
    // A kid that is known goes first.
    let named = json!({"alg": "ES256", "kid": "a", "x5t": sha1});
    assert_eq!(find(named).await[0].kid(), Some("a"));
    // A digest that nobody has narrows nothing; an unknown kid still leaves out the keys with one.
    assert_eq!(find(json!({"alg": "ES256", "x5t": "other"})).await.len(), 3);
    let unknown = json!({"alg": "ES256", "kid": "unknown", "x5t": "other"});
    assert_eq!(find(unknown).await.len(), 2);
    // The better digest decides, and the key must be for the algorithm.
    let both = json!({"alg": "ES256", "x5t#S256": "other", "x5t": sha1});
    assert_eq!(find(both).await.len(), 3);
    let other = count(&bench, json!({"alg": "RS256", "x5t": sha1})).await;
    assert_eq!(other, Err(KeyError::NotFound));
}

#[test]
fn the_end_is_announced_thirty_days_before() {
    let set = JwkSet::from_certificate_pem(certificate(&P256).as_bytes()).unwrap();
    let of = |now| warning::of(&set.keys[0], now);
    let month = 30 * 86_400;
    assert_eq!(
        of(BEGIN.plus(-1)),
        Some(CertificateWarning::NotYetValid(BEGIN))
    );
    assert_eq!(of(END.plus(-month - 1)), None);
    assert_eq!(
        of(END.plus(-month)),
        Some(CertificateWarning::ExpiresSoon(END))
    );
    assert_eq!(of(END.plus(1)), Some(CertificateWarning::Expired(END)));
    assert_eq!(warning::of(&P256.key(), END), None);
}
