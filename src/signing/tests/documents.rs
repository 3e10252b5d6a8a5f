//! Private keys in every form that people have them in, and what looks like one.

use aws_lc_rs::{
    encoding::{AsDer as _, EcPrivateKeyRfc5915Der},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ML_DSA_44_SIGNING,
        PqdsaKeyPair,
    },
};
use serde_json::{Value, json};

use super::*;
use crate::jose::{
    Algorithm,
    fixtures::{ED25519, P256, RSA, encoded, pem, with},
};

const WEAK: &str = include_str!("../../jose/jwe/tests/rsa1024.b64");

fn read(document: impl AsRef<[u8]>) -> Result<SigningKey, SigningKeyError> {
    SigningKey::read(document.as_ref(), None)
}

fn read_jwk(jwk: &Value) -> Result<SigningKey, SigningKeyError> {
    read(jwk.to_string())
}

#[track_caller]
fn refused(document: impl AsRef<[u8]>, why: SigningKeyError) {
    assert_eq!(read(document).unwrap_err(), why);
}

/// The private key of an example of RFC 7520, and its signing input and signature.
fn example(text: &str) -> (Value, String, String) {
    let example: Value = serde_json::from_str(text).unwrap();
    let text = |name: &str| example["signing"][name].as_str().unwrap().to_owned();
    (
        example["input"]["key"].clone(),
        text("sig-input"),
        text("sig"),
    )
}

fn rsa_example() -> (Value, String, String) {
    example(include_str!(
        "../../../tests/vectors/rfc7520/4_1.rsa_v15_signature.json"
    ))
}

fn ec_jwk() -> Value {
    example(include_str!(
        "../../../tests/vectors/rfc7520/4_3.ecdsa_signature.json"
    ))
    .0
}

/// RFC 8037 appendix A.1.
fn okp_jwk() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    })
}

fn akp_jwk() -> Value {
    let pair = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, &[7; 32]).unwrap();
    json!({
        "kty": "AKP", "alg": "ML-DSA-44", "priv": encoded([7; 32]), "pub": encoded(pair.public_key()),
    })
}

fn sec1() -> Vec<u8> {
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &P256.private_der()).unwrap();
    let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
    der.as_ref().to_vec()
}

#[test]
fn every_form_of_a_key_is_the_same_key() {
    let thumbprint = P256.key().thumbprint().to_string();
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    for document in [
        P256.private_der(),
        sec1(),
        pem("PRIVATE KEY", &P256.private_der()).into_bytes(),
        format!("{parameters}{}", pem("EC PRIVATE KEY", &sec1())).into_bytes(),
    ] {
        let key = read(document).unwrap();
        assert_eq!(
            (key.kid(), key.algorithm()),
            (Some(&*thumbprint), Algorithm::Es256)
        );
    }
    let thumbprint = RSA.key().thumbprint().to_string();
    for document in [
        RSA.private_der(),
        pem("RSA PRIVATE KEY", &RSA.private_der()).into_bytes(),
    ] {
        let key = read(document).unwrap();
        assert_eq!(
            (key.kid(), key.algorithm()),
            (Some(&*thumbprint), Algorithm::Rs256)
        );
    }
}

#[test]
fn the_published_keys_make_the_published_signatures() {
    let (jwk, input, signature) = rsa_example();
    let key = read_jwk(&jwk).unwrap();
    assert_eq!(encoded(key.sign(input.as_bytes()).unwrap()), signature);
    assert_eq!(key.kid(), Some("bilbo.baggins@hobbiton.example"));
    // RFC 8037 appendix A.4.
    let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let key = read_jwk(&okp_jwk()).unwrap();
    assert_eq!(encoded(key.sign(input.as_bytes()).unwrap()), signature);
    assert_eq!(
        key.kid(),
        Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    );
    for (jwk, algorithm) in [
        (ec_jwk(), Algorithm::Es512),
        (akp_jwk(), Algorithm::MlDsa44),
    ] {
        let key = read_jwk(&jwk).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let token = key.token(&Header::new("JWT"), &claims()).unwrap();
        assert!(prove(&token, key.public_jwk().unwrap()).is_some());
    }
}

#[test]
fn the_keys_own_alg_counts() {
    let (jwk, ..) = rsa_example();
    let ps512 = with(&jwk, json!({"alg": "PS512"}));
    assert_eq!(read_jwk(&ps512).unwrap().algorithm(), Algorithm::Ps512);
    let wanted = |jwk: &Value, algorithm| {
        SigningKey::read(jwk.to_string().as_bytes(), Some(algorithm)).map(|key| key.algorithm())
    };
    assert_eq!(wanted(&jwk, Algorithm::Ps512), Ok(Algorithm::Ps512));
    for (jwk, algorithm) in [
        (&ps512, Algorithm::Rs256),
        (&jwk, Algorithm::Es256),
        (&jwk, Algorithm::Hs256),
        (&ec_jwk(), Algorithm::Es256),
        (&okp_jwk(), Algorithm::Es256),
        (&akp_jwk(), Algorithm::MlDsa65),
    ] {
        let error = wanted(jwk, algorithm).unwrap_err();
        assert!(
            matches!(error, SigningKeyError::Algorithm { .. }),
            "{error}"
        );
    }
    let oct = json!({"kty": "oct", "k": encoded([7; 64]), "kid": "s"});
    assert_eq!(read_jwk(&oct).unwrap_err(), SigningKeyError::NoAlgorithm);
    assert_eq!(wanted(&oct, Algorithm::Hs512), Ok(Algorithm::Hs512));
    let oct = with(&oct, json!({"alg": "HS256"}));
    assert_eq!(read_jwk(&oct).unwrap().kid(), Some("s"));
    assert!(wanted(&oct, Algorithm::Hs512).is_err());
}

#[test]
fn what_is_no_private_key_is_refused() {
    let key = pem("PRIVATE KEY", &P256.private_der());
    assert!(read(&key).is_ok());
    refused("", SigningKeyError::NoKey);
    refused("secret", SigningKeyError::NoKey);
    refused([0x30, 0x03, 1, 1, 1], SigningKeyError::Invalid);
    refused(pem("PUBLIC KEY", &P256.spki()), SigningKeyError::NoKey);
    refused(key.repeat(2), SigningKeyError::Several);
    refused(
        key.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        SigningKeyError::Encrypted,
    );
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
    refused(old, SigningKeyError::Encrypted);
    refused(
        key.replace("END PRIVATE", "END OTHER"),
        SigningKeyError::NoKey,
    );
    let cut = &P256.private_der()[..60];
    refused(pem("PRIVATE KEY", cut), SigningKeyError::Invalid);
    refused(
        pem("RSA PRIVATE KEY", &P256.private_der()),
        SigningKeyError::Invalid,
    );
    refused(
        pem("EC PRIVATE KEY", &ED25519.private_der()),
        SigningKeyError::Invalid,
    );
}

#[test]
fn a_weak_rsa_key_is_refused_in_every_form() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pkcs1 = STANDARD.decode(WEAK.replace('\n', "")).unwrap();
    refused(pem("RSA PRIVATE KEY", &pkcs1), SigningKeyError::Weak);
    refused(&pkcs1, SigningKeyError::Weak);
    let der = crate::jose::fixtures::der;
    let rsa = der(
        0x30,
        &[
            &der(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]]),
            &[5, 0],
        ],
    );
    let pkcs8 = der(0x30, &[&[2, 1, 0], &rsa, &der(4, &[&pkcs1])]);
    refused(pem("PRIVATE KEY", &pkcs8), SigningKeyError::Weak);
}

#[test]
fn a_jwk_that_is_not_whole_is_refused() {
    let (rsa, ..) = rsa_example();
    let (ec, okp, akp) = (ec_jwk(), okp_jwk(), akp_jwk());
    for (jwk, names) in [
        (&rsa, &["n", "e", "d", "p", "q", "dp", "dq", "qi"][..]),
        (&ec, &["x", "y", "d"]),
        (&okp, &["x", "d"]),
        (&akp, &["pub", "priv"]),
    ] {
        assert!(read_jwk(jwk).is_ok());
        for name in names {
            for (value, wrong) in [
                (Value::Null, "missing"),
                (json!(1), "form"),
                (json!("="), "form"),
                (json!(""), "form"),
                (json!(encoded([9; 32])), ""),
            ] {
                let error = read_jwk(&with(jwk, json!({*name: value}))).unwrap_err();
                assert!(error.to_string().contains(wrong), "{name}: {error}");
            }
        }
    }
    for (members, why) in [
        (json!({"use": "enc"}), SigningKeyError::Purpose("use")),
        (
            json!({"key_ops": ["verify"]}),
            SigningKeyError::Purpose("key_ops"),
        ),
        (
            json!({"key_ops": "sign"}),
            SigningKeyError::Malformed("key_ops"),
        ),
        (json!({"kty": "DSA"}), SigningKeyError::Kind("kty")),
        (json!({"crv": "X25519"}), SigningKeyError::Kind("crv")),
        (json!({"alg": "none"}), SigningKeyError::Kind("alg")),
        (json!({"kid": 7}), SigningKeyError::Malformed("kid")),
        (json!({"keys": []}), SigningKeyError::Set),
    ] {
        assert_eq!(read_jwk(&with(&okp, members)).unwrap_err(), why);
    }
    let many = with(&rsa, json!({"oth": []}));
    assert_eq!(read_jwk(&many).unwrap_err(), SigningKeyError::Kind("oth"));
    let error = read(r#"{"kty":"OKP","kty":"OKP"}"#).unwrap_err();
    assert!(matches!(error, SigningKeyError::Json(_)));
}
