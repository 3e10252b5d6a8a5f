//! Which private keys are read, and which tokens they are for.

use std::sync::Arc;

use aws_lc_rs::{
    agreement,
    encoding::{
        AsBigEndian as _, AsDer as _, Curve25519SeedBin, EcPrivateKeyBin, EcPrivateKeyRfc5915Der,
        Pkcs8V1Der,
    },
    rsa::KeySize,
    signature::RsaKeyPair,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::super::{
    ContentEncryption, HeldKey, JweError, JweHeader, KeyManagement, Keychain, PrivateKey,
    PrivateKeyError, read_keys,
};
use crate::jose::fixtures::{encoded, with};

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn names(document: impl AsRef<[u8]>) -> Result<Vec<String>, PrivateKeyError> {
    let keys = read_keys(document.as_ref())?;
    let name = |key: &PrivateKey| {
        key.algorithms()
            .iter()
            .map(|a| a.name())
            .collect::<Vec<_>>()
            .join(" ")
    };
    Ok(keys.iter().map(name).collect())
}

const AGREEMENT: &str = "ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW";

fn p256() -> Value {
    let key = agreement::PrivateKey::generate(&agreement::ECDH_P256).unwrap();
    let private: EcPrivateKeyBin<'_> = key.as_be_bytes().unwrap();
    let public = key.compute_public_key().unwrap();
    let (x, y) = public.as_ref()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y), "d": encoded(private.as_ref())})
}

fn x25519() -> Value {
    let key = agreement::PrivateKey::generate(&agreement::X25519).unwrap();
    let private: Curve25519SeedBin<'_> = key.as_be_bytes().unwrap();
    let public = key.compute_public_key().unwrap();
    json!({"kty": "OKP", "crv": "X25519", "x": encoded(public), "d": encoded(private.as_ref())})
}

#[test]
fn pem_is_read_in_each_of_its_forms() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    let rsa_names = "RSA-OAEP-256 RSA-OAEP".to_owned();
    assert_eq!(
        names(pem("PRIVATE KEY", rsa.as_ref())),
        Ok(vec![rsa_names.clone()])
    );
    // What stands before the PKCS#1 key in the PKCS#8 envelope has a fixed length.
    let pkcs1 = pem("RSA PRIVATE KEY", &rsa.as_ref()[26..]);
    assert_eq!(names(&pkcs1), Ok(vec![rsa_names.clone()]));
    for curve in [
        &agreement::ECDH_P256,
        &agreement::ECDH_P384,
        &agreement::ECDH_P521,
    ] {
        let key = agreement::PrivateKey::generate(curve).unwrap();
        let sec1: EcPrivateKeyRfc5915Der<'_> = key.as_der().unwrap();
        let sec1 = pem("EC PRIVATE KEY", sec1.as_ref());
        assert_eq!(names(&sec1), Ok(vec![AGREEMENT.to_owned()]));
        let pkcs8: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let both = pem("PRIVATE KEY", pkcs8.as_ref()) + &pkcs1;
        assert_eq!(
            names(both),
            Ok(vec![AGREEMENT.to_owned(), rsa_names.clone()])
        );
    }
    let raw = [&super::super::key_agreement::X25519_PKCS8[..], &[9; 32]].concat();
    assert_eq!(
        names(pem("PRIVATE KEY", &raw)),
        Ok(vec![AGREEMENT.to_owned()])
    );
    let cut = pem("PRIVATE KEY", &raw[..47]);
    assert!(names(cut).is_err());
    for nothing in [
        "",
        "text",
        &pem("PUBLIC KEY", &raw),
        &pem("ENCRYPTED PRIVATE KEY", &raw),
    ] {
        assert_eq!(names(nothing), Err(PrivateKeyError::NoKey), "{nothing}");
    }
    assert_eq!(
        names(pem("PRIVATE KEY", b"no key")),
        Err(PrivateKeyError::Invalid)
    );
}

#[test]
fn a_small_rsa_key_is_refused() {
    // A key of 1024 bits, made for this test.
    let der = STANDARD
        .decode(include_str!("rsa1024.b64").replace('\n', ""))
        .unwrap();
    assert_eq!(
        names(pem("RSA PRIVATE KEY", &der)),
        Err(PrivateKeyError::Invalid)
    );
}

#[test]
fn a_jwk_is_read_with_its_private_half_only() {
    for (jwk, other) in [(p256(), p256()), (x25519(), x25519())] {
        assert_eq!(names(jwk.to_string()), Ok(vec![AGREEMENT.to_owned()]));
        let set = json!({"keys": [with(&jwk, json!({"kid": "a"})), other]});
        assert_eq!(
            read_keys(set.to_string().as_bytes()).unwrap()[0].kid(),
            Some("a")
        );
        for (change, error) in [
            (json!({"d": null}), PrivateKeyError::Missing("d")),
            (json!({"d": "AAAA"}), PrivateKeyError::Malformed("d")),
            (json!({"x": other["x"]}), PrivateKeyError::Invalid),
            (json!({"x": "AAAA"}), PrivateKeyError::Malformed("x")),
            (json!({"crv": "Ed25519"}), PrivateKeyError::Kind("crv")),
            (json!({"kty": "AKP"}), PrivateKeyError::Kind("kty")),
            (json!({"use": "sig"}), PrivateKeyError::Purpose("use")),
            (
                json!({"key_ops": ["sign"]}),
                PrivateKeyError::Purpose("key_ops"),
            ),
            (json!({"alg": "RSA-OAEP"}), PrivateKeyError::Algorithm),
            (json!({"alg": "ES256"}), PrivateKeyError::Algorithm),
            (json!({"kid": 7}), PrivateKeyError::Malformed("kid")),
        ] {
            let bad = with(&jwk, change.clone());
            assert_eq!(names(bad.to_string()), Err(error), "{change}");
        }
        let narrow = with(
            &jwk,
            json!({"alg": "ECDH-ES+A192KW", "use": "enc", "key_ops": ["deriveBits"]}),
        );
        assert_eq!(
            names(narrow.to_string()),
            Ok(vec!["ECDH-ES+A192KW".to_owned()])
        );
    }
    assert_eq!(names(r#"{"keys":[]}"#), Err(PrivateKeyError::NoKey));
    assert_eq!(
        names(r#"{"keys":{}}"#),
        Err(PrivateKeyError::Malformed("keys"))
    );
    assert!(matches!(
        names(r#"{"kty":"oct","kty":"oct"}"#),
        Err(PrivateKeyError::Json(_))
    ));
    let many = json!({"keys": vec![p256(); 101]});
    assert_eq!(names(many.to_string()), Err(PrivateKeyError::TooMany(100)));
}

#[test]
fn a_secret_says_what_it_is_for_and_has_the_length_for_it() {
    for (alg, lengths) in [
        ("A128KW", &[16][..]),
        ("A192KW", &[24]),
        ("A256KW", &[32]),
        ("dir", &[16, 24, 32, 48, 64]),
        ("A128GCM", &[16]),
        ("A128CBC-HS256", &[32]),
        ("A192CBC-HS384", &[48]),
        ("A256CBC-HS512", &[64]),
    ] {
        for length in [1, 15, 16, 17, 24, 32, 48, 64, 65] {
            let jwk = json!({"kty": "oct", "alg": alg, "k": encoded(vec![7; length])});
            let fits = lengths.contains(&length);
            assert_eq!(names(jwk.to_string()).is_ok(), fits, "{alg} {length}");
        }
    }
    for alg in [
        json!(null),
        json!("HS256"),
        json!("RSA-OAEP"),
        json!("A128GCMKW"),
        json!("ECDH-ES"),
    ] {
        let jwk = with(
            &json!({"kty": "oct", "k": encoded([7; 16])}),
            json!({ "alg": alg }),
        );
        assert!(names(jwk.to_string()).is_err(), "{alg}");
    }
}

fn held(kid: Option<&str>, alg: &str, length: usize) -> HeldKey {
    let jwk = json!({"kty": "oct", "alg": alg, "k": encoded(vec![7; length])});
    let jwk = with(&jwk, json!({ "kid": kid }));
    HeldKey {
        key: PrivateKey::from_jwk(&jwk).unwrap(),
        name: kid.unwrap_or("-").into(),
        issuer: None,
        algorithms: Arc::new(KeyManagement::ALL),
        encryptions: Arc::new(ContentEncryption::ALL),
    }
}

fn found(keychain: &Keychain, header: Value) -> Result<Vec<String>, JweError> {
    let header = JweHeader::parse(header.to_string().as_bytes()).unwrap();
    let keys = keychain.find(&header)?;
    Ok(keys.iter().map(ToString::to_string).collect())
}

#[test]
fn keys_are_found_by_kid_else_by_what_they_fit_and_four_at_most() {
    let kw = |kid| held(kid, "A128KW", 16);
    let keychain = Keychain::new([
        kw(Some("a")),
        kw(Some("b")),
        held(Some("a"), "dir", 16),
        kw(None),
    ]);
    let header = |kid: Option<&str>| {
        with(
            &json!({"alg": "A128KW", "enc": "A128GCM"}),
            json!({ "kid": kid }),
        )
    };
    assert_eq!(found(&keychain, header(Some("a"))).unwrap(), ["a"]);
    assert_eq!(found(&keychain, header(Some("z"))).unwrap(), ["-"]);
    assert_eq!(found(&keychain, header(None)).unwrap(), ["a", "b", "-"]);
    let dir = json!({"alg": "dir", "enc": "A128GCM", "kid": "a"});
    assert_eq!(found(&keychain, dir.clone()).unwrap(), ["a"]);
    let longer = with(&dir, json!({"enc": "A256GCM"}));
    assert_eq!(found(&keychain, longer), Err(JweError::NoKey));
    let other = json!({"alg": "A256KW", "enc": "A128GCM"});
    assert_eq!(found(&keychain, other), Err(JweError::NoKey));
    assert_eq!(found(&Keychain::default(), dir), Err(JweError::NoKey));
    let many = Keychain::new((0..9).map(|_| kw(None)));
    assert_eq!(found(&many, header(None)).unwrap().len(), 4);
}

#[test]
fn the_configuration_narrows_what_a_key_is_used_with() {
    let header = json!({"alg": "A128KW", "enc": "A128GCM"});
    let narrow = |algorithms: &[KeyManagement], encryptions: &[ContentEncryption]| {
        let key = HeldKey {
            algorithms: algorithms.into(),
            encryptions: encryptions.into(),
            ..held(Some("a"), "A128KW", 16)
        };
        found(&Keychain::new([key]), header.clone())
    };
    let (kw, gcm) = (KeyManagement::A128Kw, ContentEncryption::A128Gcm);
    assert!(narrow(&[kw], &[gcm]).is_ok());
    assert_eq!(narrow(&[KeyManagement::Dir], &[gcm]), Err(JweError::NoKey));
    assert_eq!(
        narrow(&[kw], &[ContentEncryption::A256Gcm]),
        Err(JweError::NoKey)
    );
}

#[test]
fn an_issuers_key_is_for_its_own_tokens() {
    let own = HeldKey {
        issuer: Some("https://a.example".into()),
        ..held(None, "dir", 16)
    };
    assert_eq!(own.admit("https://a.example"), Ok(()));
    assert_eq!(own.admit("https://a.example/"), Err(JweError::OtherIssuer));
    assert_eq!(held(None, "dir", 16).admit("anybody"), Ok(()));
    assert!(!format!("{own:?}").contains("BwcH"), "a secret is printed");
}
