//! What is signed is verified, by the gateway's own code and by another library.

use serde_json::{Value, json};

use super::*;
use crate::{
    jose::{
        Algorithm, AlgorithmSet,
        fixtures::{
            self, ED25519, ML_DSA_44, ML_DSA_65, ML_DSA_87, P256, P384, P521, RSA, SECP256K1,
        },
    },
    secret::Secret,
};

/// A key for `algorithm`, out of those that all tests share.
fn key(algorithm: Algorithm) -> SigningKey {
    let (label, signer) = match algorithm {
        Algorithm::Es256 => ("PRIVATE KEY", &P256),
        Algorithm::Es384 => ("PRIVATE KEY", &P384),
        Algorithm::Es512 => ("PRIVATE KEY", &P521),
        Algorithm::Es256k => ("PRIVATE KEY", &SECP256K1),
        Algorithm::EdDsa | Algorithm::Ed25519 => ("PRIVATE KEY", &ED25519),
        Algorithm::MlDsa44 => ("PRIVATE KEY", &ML_DSA_44),
        Algorithm::MlDsa65 => ("PRIVATE KEY", &ML_DSA_65),
        Algorithm::MlDsa87 => ("PRIVATE KEY", &ML_DSA_87),
        _ => ("RSA PRIVATE KEY", &RSA),
    };
    let pem = fixtures::pem(label, &signer.private_der());
    SigningKey::read(pem.as_bytes(), Some(algorithm)).unwrap()
}

#[test]
fn a_token_of_every_algorithm_is_proved_by_its_published_key() {
    for algorithm in AlgorithmSet::asymmetric().iter() {
        let key = key(algorithm);
        let jwk = key.public_jwk().unwrap();
        let mut header = Header::new("at+jwt");
        header.set("x", "y").unwrap();
        let token = key.token(&header, &claims()).unwrap();
        let proved = prove(&token, jwk).unwrap();
        assert_eq!(proved.header().algorithm(), algorithm);
        assert_eq!(proved.header().kid(), key.kid());
        assert_eq!(
            Value::Object(proved.claims().to_map()),
            json!({"iss": "joe"})
        );
        assert!(prove(&flipped(&token), jwk).is_none(), "{algorithm}");
        assert_eq!(
            (&jwk["alg"], &jwk["use"]),
            (&json!(algorithm.name()), &json!("sig"))
        );
        assert_eq!(jwk["kid"].as_str(), key.kid());
    }
}

#[test]
fn a_new_key_is_its_algorithms_and_no_other() {
    let each = [
        Algorithm::Ps384,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::Es256k,
        Algorithm::Ed25519,
        Algorithm::MlDsa44,
        Algorithm::MlDsa65,
        Algorithm::MlDsa87,
    ];
    for algorithm in each {
        let [one, other] = [(); 2].map(|()| SigningKey::generate(algorithm).unwrap());
        assert_ne!(one.kid(), other.kid());
        let token = one.token(&Header::new("JWT"), &claims()).unwrap();
        assert!(
            prove(&token, one.public_jwk().unwrap()).is_some(),
            "{algorithm}"
        );
        assert!(
            prove(&token, other.public_jwk().unwrap()).is_none(),
            "{algorithm}"
        );
        // As RFC 7638 computes it over what is published.
        let public = Value::Object(one.public_jwk().unwrap().clone());
        let public = Key::from_jwk(&public, Symmetric::Refused).unwrap();
        assert_eq!(one.kid().unwrap(), public.thumbprint().to_string());
    }
    let error = SigningKey::generate(Algorithm::Hs256).unwrap_err();
    assert_eq!(error, SigningKeyError::Symmetric(Algorithm::Hs256));
}

#[test]
fn a_secret_signs_when_it_is_as_long_as_the_hash() {
    for (algorithm, least) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        let bytes: Vec<u8> = (0..least as u8).collect();
        let key = SigningKey::from_secret(&Secret::new(bytes.clone()), algorithm).unwrap();
        assert!(key.kid().is_none() && key.public_jwk().is_none());
        let token = key.token(&Header::new("JWT"), &claims()).unwrap();
        let jwk = json!({"kty": "oct", "k": fixtures::encoded(&bytes)});
        assert!(prove(&token, jwk.as_object().unwrap()).is_some());
        assert!(prove(&flipped(&token), jwk.as_object().unwrap()).is_none());
        let short = Secret::new(bytes[1..].to_vec());
        let error = SigningKey::from_secret(&short, algorithm).unwrap_err();
        let found = least - 1;
        assert_eq!(
            error,
            SigningKeyError::SecretTooShort {
                algorithm,
                found,
                least
            }
        );
    }
    let error = SigningKey::from_secret(&Secret::new(vec![7; 64]), Algorithm::Es256).unwrap_err();
    assert!(matches!(error, SigningKeyError::Algorithm { .. }));
}

#[test]
fn another_library_proves_the_same() {
    use jsonwebtoken::{Algorithm as Theirs, DecodingKey, crypto, jwk::Jwk};
    for theirs in [
        Theirs::RS256,
        Theirs::RS384,
        Theirs::RS512,
        Theirs::PS256,
        Theirs::PS384,
        Theirs::PS512,
        Theirs::ES256,
        Theirs::ES384,
        Theirs::EdDSA,
    ] {
        let key = key(format!("{theirs:?}").parse().unwrap());
        let jwk: Jwk = serde_json::from_value(json!(key.public_jwk().unwrap())).unwrap();
        let jwk = DecodingKey::from_jwk(&jwk).unwrap();
        let token = key.token(&Header::new("JWT"), &claims()).unwrap();
        for (token, good) in [(flipped(&token), false), (token, true)] {
            let (input, signature) = token.rsplit_once('.').unwrap();
            let verified = crypto::verify(signature, input.as_bytes(), &jwk, theirs);
            assert_eq!(verified.unwrap_or(false), good, "{theirs:?}");
        }
    }
}

#[test]
fn a_key_prints_nothing_of_itself() {
    let key = key(Algorithm::Es256).with_kid("k");
    assert_eq!(
        format!("{key:?}"),
        "SigningKey(ES256, Some(\"k\"), [redacted])"
    );
    for name in ["d", "p", "q", "dp", "dq", "qi", "priv", "k"] {
        assert!(!key.public_jwk().unwrap().contains_key(name));
    }
}
