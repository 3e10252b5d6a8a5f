//! Certificates in files, and beside the members of a JWK.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::jose::{
    Key,
    fixtures::{P256, P384, RSA, Signer, der, encoded, pem, signers, with},
    jwk::{CertificateError, EncodedKeyError, JwkError, JwkSet, SpkiError, Symmetric, Validity},
};

const FROM: &str = "250101000000Z";
const UNTIL: &str = "300101000000Z";
/// The same, in seconds.
const TIMES: Validity = Validity {
    not_before: 1_735_689_600,
    not_after: 1_893_456_000,
};

fn read(text: &str) -> Result<JwkSet, EncodedKeyError> {
    JwkSet::from_certificate_pem(text.as_bytes())
}

fn x5c(der: &[u8]) -> Value {
    json!([STANDARD.encode(der)])
}

fn of(jwk: &Value) -> Result<Key, JwkError> {
    Key::from_jwk(jwk, Symmetric::Refused)
}

/// A JWK whose key is in its certificate only.
fn bare(signer: &Signer) -> Value {
    json!({"kty": signer.jwk["kty"], "kid": "a", "x5c": x5c(&signer.certificate(FROM, UNTIL))})
}

#[test]
fn the_key_of_a_certificate_is_the_same_as_its_jwk() {
    for signer in signers().into_iter().filter(|s| s.jwk["kty"] != "oct") {
        let certificate = signer.certificate(FROM, UNTIL);
        let set = read(&pem("CERTIFICATE", &certificate)).unwrap();
        let key = &set.keys[0];
        assert_eq!((set.keys.len(), key.kid()), (1, None));
        assert_eq!(key.thumbprint(), signer.key().thumbprint());
        assert_eq!(key.algorithms(), signer.key().algorithms());
        let facts = key.certificate().unwrap();
        let sha1 = encoded(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate));
        let sha256 = encoded(digest(&SHA256, &certificate));
        assert_eq!(facts.x5t.as_deref(), Some(&*sha1));
        assert_eq!(facts.x5t_s256.as_deref(), Some(&*sha256));
        assert_eq!(facts.validity, Some(TIMES));
    }
}

#[test]
fn a_key_is_valid_between_its_times_and_not_beside_them() {
    let set = read(&pem("CERTIFICATE", &P256.certificate(FROM, UNTIL))).unwrap();
    let key = &set.keys[0];
    let Validity {
        not_before,
        not_after,
    } = TIMES;
    assert!(key.is_valid_at(not_before) && key.is_valid_at(not_after));
    assert!(!key.is_valid_at(not_before - 1) && !key.is_valid_at(not_after + 1));
    assert!(P256.key().is_valid_at(i64::MIN) && P256.key().is_valid_at(i64::MAX));
    // RFC 5280 §4.1.2.5: from 2050 on in four digits; the last of all means "no end".
    let long = P256.certificate(FROM, "99991231235959Z");
    let set = read(&pem("CERTIFICATE", &long)).unwrap();
    assert!(set.keys[0].is_valid_at(not_after + 1));
    for wrong in ["20300101000000", "300101000000+", "301301000000Z", ""] {
        let certificate = P256.certificate(FROM, wrong);
        let refused = read(&pem("CERTIFICATE", &certificate)).unwrap_err();
        let malformed = EncodedKeyError::Certificate(CertificateError::Malformed);
        assert_eq!(refused, malformed, "{wrong}");
    }
}

#[test]
fn the_first_of_a_chain_is_the_keys() {
    let (one, two) = (P256.certificate(FROM, UNTIL), RSA.certificate(FROM, UNTIL));
    let chain = |first: &[u8], second: &[u8]| {
        let text = pem("CERTIFICATE", first) + &pem("CERTIFICATE", second);
        read(&text).map(|set| set.keys[0].thumbprint())
    };
    assert_eq!(chain(&one, &two), Ok(P256.key().thumbprint()));
    assert_eq!(chain(&two, &one), Ok(RSA.key().thumbprint()));
}

#[test]
fn what_is_no_certificate_says_so() {
    let good = P256.certificate(FROM, UNTIL);
    let text = pem("CERTIFICATE", &good);
    assert!(read(&text).is_ok());
    for (text, expected) in [
        (
            pem("PUBLIC KEY", &P256.spki()),
            EncodedKeyError::NotACertificate("PUBLIC KEY".to_owned()),
        ),
        (
            text.clone() + &pem("PRIVATE KEY", &good),
            EncodedKeyError::Private,
        ),
        (
            pem("CERTIFICATE", &P256.spki()),
            EncodedKeyError::Certificate(CertificateError::Malformed),
        ),
        (
            pem("CERTIFICATE", &[&good[..], &[0]].concat()),
            EncodedKeyError::Certificate(CertificateError::Malformed),
        ),
        (
            pem(
                "CERTIFICATE",
                &crate::jose::fixtures::certificate(&der(0x30, &[]), FROM, UNTIL),
            ),
            EncodedKeyError::Certificate(CertificateError::Key(SpkiError::Malformed)),
        ),
    ] {
        assert_eq!(read(&text).unwrap_err(), expected);
    }
}

#[test]
fn a_jwk_may_have_its_key_in_its_certificate_only() {
    for signer in [&RSA, &P256, &P384] {
        let key = of(&bare(signer)).unwrap();
        assert_eq!((key.kid(), key.validity()), (Some("a"), Some(TIMES)));
        assert_eq!(key.thumbprint(), signer.key().thumbprint());
        let other = if std::ptr::eq(&**signer, &*RSA) {
            "EC"
        } else {
            "RSA"
        };
        let refused = of(&with(&bare(signer), json!({"kty": other}))).unwrap_err();
        assert_eq!(refused, JwkError::CertificateMismatch);
        let refused = of(&with(&bare(signer), json!({"kty": null}))).unwrap_err();
        assert_eq!(refused, JwkError::Missing("kty"));
        let refused = of(&with(&bare(signer), json!({"use": "enc"}))).unwrap_err();
        assert_eq!(refused, JwkError::Use);
    }
    let named = with(&bare(&P256), json!({"crv": "P-256", "alg": "ES256"}));
    assert!(of(&named).is_ok());
    let refused = of(&with(&named, json!({"crv": "P-384"}))).unwrap_err();
    assert_eq!(refused, JwkError::CertificateMismatch);
    let refused = of(&with(&named, json!({"alg": "ES384"}))).unwrap_err();
    assert_eq!(refused, JwkError::AlgorithmMismatch);
    let refused = of(&with(&bare(&RSA), json!({"d": "AQAB"}))).unwrap_err();
    assert_eq!(refused, JwkError::Private);
}

#[test]
fn members_and_certificate_must_be_of_one_key() {
    let own = with(&RSA.jwk, json!({"x5c": x5c(&RSA.certificate(FROM, UNTIL))}));
    let key = of(&own).unwrap();
    assert_eq!((key.validity(), key.kid()), (Some(TIMES), None));
    assert_eq!(key.thumbprint(), RSA.key().thumbprint());
    let other = x5c(&P256.certificate(FROM, UNTIL));
    let refused = of(&with(&RSA.jwk, json!({"x5c": other}))).unwrap_err();
    assert_eq!(refused, JwkError::CertificateMismatch);
    // Half a key is not completed from the certificate.
    let refused = of(&with(&own, json!({"e": null}))).unwrap_err();
    assert_eq!(refused, JwkError::Missing("e"));
}

#[test]
fn a_damaged_chain_is_a_reason_and_an_empty_one_is_none() {
    for (chain, expected) in [
        (json!("MIIB"), JwkError::Chain),
        (json!([7]), JwkError::Chain),
        (json!(["-_-_"]), JwkError::Chain),
        (json!(["AQID"]), CertificateError::Malformed.into()),
    ] {
        let refused = of(&with(&RSA.jwk, json!({"x5c": chain}))).unwrap_err();
        assert_eq!(refused, expected);
    }
    assert!(of(&with(&RSA.jwk, json!({"x5c": []}))).is_ok());
    let mut empty = bare(&RSA);
    empty["x5c"] = json!([]);
    assert_eq!(of(&empty).unwrap_err(), JwkError::Missing("n"));
}

#[test]
fn digests_may_stand_without_a_certificate() {
    let key = of(&with(&RSA.jwk, json!({"x5t": "a", "x5t#S256": "b"}))).unwrap();
    let facts = key.certificate().unwrap();
    assert_eq!(facts.x5t.as_deref(), Some("a"));
    assert_eq!(facts.x5t_s256.as_deref(), Some("b"));
    assert_eq!(key.validity(), None);
    let refused = of(&with(&RSA.jwk, json!({"x5t": 1}))).unwrap_err();
    assert_eq!(refused, JwkError::WrongType("x5t"));
}
