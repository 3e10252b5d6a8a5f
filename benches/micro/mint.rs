//! Keys and tokens for the steps: as large as real ones, with fourteen claims.

use std::sync::Arc;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self as library, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::{
    claims::{Audiences, Rules},
    clock::UnixTime,
    identity::IdentityClaims,
    issuer::{Issuer, KeyRing, KeySource},
    jose::{
        Algorithm, AlgorithmSet, Key, Verified, compact,
        jwk::{JwkSet, Symmetric},
        policy::HeaderPolicy,
        verify,
    },
};
use serde_json::{Value, json};

pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);
pub(crate) const MAX_BYTES: usize = 8192;
const ISSUER: &str = "https://idp.example.com/realms/orders";
const AUDIENCE: &str = "https://api.example.com";

/// A token, and the key that verifies it.
pub(crate) struct Minted {
    pub(crate) token: String,
    pub(crate) key: Arc<Key>,
}

/// A token that `algorithm` signed, by a new key.
pub(crate) fn mint(algorithm: Algorithm) -> Minted {
    let header = json!({"alg": algorithm.name(), "kid": "k", "typ": "JWT"});
    let input = format!(
        "{}.{}",
        encoded(header.to_string()),
        encoded(claims().to_string())
    );
    let (signature, jwk) = sign(algorithm, input.as_bytes());
    Minted {
        token: format!("{input}.{}", encoded(signature)),
        key: Arc::new(Key::from_jwk(&jwk, Symmetric::Allowed).unwrap()),
    }
}

/// The same, verified.
pub(crate) fn verified(minted: &Minted) -> Verified {
    let unverified = compact::parse(minted.token.as_bytes(), MAX_BYTES).unwrap();
    verify::verify(unverified, &[Arc::clone(&minted.key)]).unwrap()
}

/// The issuer of these tokens, with one key.
pub(crate) fn issuer(key: &Arc<Key>) -> Issuer {
    let keys = JwkSet {
        keys: vec![Arc::clone(key)],
        skipped: Vec::new(),
    };
    let clock = portcullis::clock::Clock::standing_at(NOW);
    Issuer {
        name: ISSUER.into(),
        active: true,
        encryption_required: false,
        replay: portcullis::issuer::Replay::Allow,
        headers: Arc::new(HeaderPolicy {
            algorithms: AlgorithmSet::asymmetric(),
            types: vec!["jwt".into()],
            critical: Vec::new(),
        }),
        rules: rules(),
        identity: Arc::new(IdentityClaims::default()),
        keys: Arc::new(KeyRing::new(KeySource::Fixed(Arc::new(keys)), clock)),
        introspection: None,
    }
}

/// What the issuer wants of a token: time, audience, three claims there, two with a value.
pub(crate) fn rules() -> Rules {
    let path = |name: &str| name.parse().unwrap();
    Rules {
        issuer: ISSUER.into(),
        require: ["iss", "sub", "exp"].map(path).into(),
        audiences: Audiences::OneOf([AUDIENCE.into()].into()),
        allowed: [
            (path("typ"), vec![json!("Bearer")]),
            (path("azp"), vec![json!("orders-web")]),
        ]
        .into(),
        clock_skew: 60,
        max_age: None,
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "user-000042", "aud": [AUDIENCE],
        "exp": NOW.0 + 3600, "iat": NOW.0, "nbf": NOW.0,
        "jti": "0e6f7f3a-6a3c-4f0e-9a55-6b0f0c4c6d11",
        "azp": "orders-web", "typ": "Bearer",
        "scope": "openid profile email orders:read orders:write",
        "groupIds": ["staff", "buyers", "eu-west"], "email": "user42@example.com",
        "preferred_username": "user42", "sid": "7a1d2c60-0b1f-4f3a-8f57-52a1b1c7a9e2",
    })
}

/// A signature over `input`, and the JWK that verifies it.
fn sign(algorithm: Algorithm, input: &[u8]) -> (Vec<u8>, Value) {
    use Algorithm as A;
    match algorithm {
        A::Hs256 => mac(hmac::HMAC_SHA256, input),
        A::Hs384 => mac(hmac::HMAC_SHA384, input),
        A::Hs512 => mac(hmac::HMAC_SHA512, input),
        A::Rs256 => rsa(&library::RSA_PKCS1_SHA256, input),
        A::Rs384 => rsa(&library::RSA_PKCS1_SHA384, input),
        A::Rs512 => rsa(&library::RSA_PKCS1_SHA512, input),
        A::Ps256 => rsa(&library::RSA_PSS_SHA256, input),
        A::Ps384 => rsa(&library::RSA_PSS_SHA384, input),
        A::Ps512 => rsa(&library::RSA_PSS_SHA512, input),
        A::Es256 => ecdsa("P-256", &library::ECDSA_P256_SHA256_FIXED_SIGNING, input),
        A::Es384 => ecdsa("P-384", &library::ECDSA_P384_SHA384_FIXED_SIGNING, input),
        A::Es512 => ecdsa("P-521", &library::ECDSA_P521_SHA512_FIXED_SIGNING, input),
        A::Es256k => {
            let signing = &library::ECDSA_P256K1_SHA256_FIXED_SIGNING;
            ecdsa("secp256k1", signing, input)
        }
        A::EdDsa | A::Ed25519 => {
            let pair = Ed25519KeyPair::generate().unwrap();
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key())});
            (pair.sign(input).as_ref().to_vec(), jwk)
        }
        A::MlDsa44 => ml_dsa(algorithm, &library::ML_DSA_44_SIGNING, input),
        A::MlDsa65 => ml_dsa(algorithm, &library::ML_DSA_65_SIGNING, input),
        A::MlDsa87 => ml_dsa(algorithm, &library::ML_DSA_87_SIGNING, input),
    }
}

fn ml_dsa(
    algorithm: Algorithm,
    signing: &'static library::PqdsaSigningAlgorithm,
    input: &[u8],
) -> (Vec<u8>, Value) {
    let pair = PqdsaKeyPair::generate(signing).unwrap();
    let mut signature = vec![0; signing.signature_len()];
    pair.sign(input, &mut signature).unwrap();
    let public = encoded(pair.public_key());
    (
        signature,
        json!({"kty": "AKP", "alg": algorithm.name(), "pub": public}),
    )
}

fn mac(algorithm: hmac::Algorithm, input: &[u8]) -> (Vec<u8>, Value) {
    let secret = [7; 64];
    let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), input);
    let jwk = json!({"kty": "oct", "k": encoded(secret)});
    (tag.as_ref().to_vec(), jwk)
}

fn rsa(padding: &'static library::RsaSignatureEncoding, input: &[u8]) -> (Vec<u8>, Value) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), input, &mut signature)
        .unwrap();
    let modulus = pair.public_key().modulus();
    let n = encoded(modulus.big_endian_without_leading_zero());
    (signature, json!({"kty": "RSA", "n": n, "e": "AQAB"}))
}

fn ecdsa(
    crv: &str,
    signing: &'static library::EcdsaSigningAlgorithm,
    input: &[u8],
) -> (Vec<u8>, Value) {
    let pair = EcdsaKeyPair::generate(signing).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
    let jwk = json!({"kty": "EC", "crv": crv, "x": encoded(x), "y": encoded(y)});
    let signature = pair.sign(&SystemRandom::new(), input).unwrap();
    (signature.as_ref().to_vec(), jwk)
}

pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
