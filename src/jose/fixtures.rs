//! Keys for tests: one pair of each kind, made once.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::AsDer as _,
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self as library, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Algorithm,
    jwk::{Key, Symmetric},
};

/// Someone who can sign, and the JWK that others verify with.
pub(crate) struct Signer {
    pub(crate) jwk: Value,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
    Secret([u8; 64]),
}

pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
pub(crate) static P256: LazyLock<Signer> =
    LazyLock::new(|| Signer::ecdsa("P-256", &library::ECDSA_P256_SHA256_FIXED_SIGNING));
pub(crate) static P384: LazyLock<Signer> =
    LazyLock::new(|| Signer::ecdsa("P-384", &library::ECDSA_P384_SHA384_FIXED_SIGNING));
pub(crate) static P521: LazyLock<Signer> =
    LazyLock::new(|| Signer::ecdsa("P-521", &library::ECDSA_P521_SHA512_FIXED_SIGNING));
pub(crate) static SECP256K1: LazyLock<Signer> =
    LazyLock::new(|| Signer::ecdsa("secp256k1", &library::ECDSA_P256K1_SHA256_FIXED_SIGNING));
pub(crate) static ED25519: LazyLock<Signer> = LazyLock::new(Signer::ed25519);
pub(crate) static ML_DSA_44: LazyLock<Signer> =
    LazyLock::new(|| Signer::ml_dsa("ML-DSA-44", &library::ML_DSA_44_SIGNING));
pub(crate) static ML_DSA_65: LazyLock<Signer> =
    LazyLock::new(|| Signer::ml_dsa("ML-DSA-65", &library::ML_DSA_65_SIGNING));
pub(crate) static ML_DSA_87: LazyLock<Signer> =
    LazyLock::new(|| Signer::ml_dsa("ML-DSA-87", &library::ML_DSA_87_SIGNING));
pub(crate) static SECRET: LazyLock<Signer> = LazyLock::new(Signer::secret);

/// One of each kind.
pub(crate) fn signers() -> [&'static Signer; 10] {
    [
        &RSA, &P256, &P384, &P521, &SECP256K1, &ED25519, &ML_DSA_44, &ML_DSA_65, &ML_DSA_87,
        &SECRET,
    ]
}

pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `object` with `members` set, or removed where they are null.
pub(crate) fn with(object: &Value, members: Value) -> Value {
    let mut object = object.clone();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

impl Signer {
    fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let jwk = json!({"kty": "RSA", "n": encoded(modulus(&pair)), "e": "AQAB"});
        Self {
            jwk,
            pair: Pair::Rsa(pair),
        }
    }

    fn ecdsa(crv: &str, algorithm: &'static library::EcdsaSigningAlgorithm) -> Self {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let jwk = json!({"kty": "EC", "crv": crv, "x": encoded(x), "y": encoded(y)});
        Self {
            jwk,
            pair: Pair::Ecdsa(pair),
        }
    }

    fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key())});
        Self {
            jwk,
            pair: Pair::Ed25519(pair),
        }
    }

    fn ml_dsa(alg: &str, algorithm: &'static library::PqdsaSigningAlgorithm) -> Self {
        let pair = PqdsaKeyPair::generate(algorithm).unwrap();
        let jwk = json!({"kty": "AKP", "alg": alg, "pub": encoded(pair.public_key())});
        Self {
            jwk,
            pair: Pair::MlDsa(pair),
        }
    }

    fn secret() -> Self {
        let secret = aws_lc_rs::rand::generate(&SystemRandom::new())
            .unwrap()
            .expose();
        let jwk = json!({"kty": "oct", "k": encoded(secret)});
        Self {
            jwk,
            pair: Pair::Secret(secret),
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key::from_jwk(&self.jwk, Symmetric::Allowed).unwrap()
    }

    /// The private key in the encoding that `jsonwebtoken` reads: PKCS#1 for RSA, else PKCS#8.
    pub(crate) fn private_der(&self) -> Vec<u8> {
        match &self.pair {
            // What stands before the PKCS#1 key in the PKCS#8 envelope has a fixed length.
            Pair::Rsa(pair) => pair.as_der().unwrap().as_ref()[26..].to_vec(),
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8().unwrap().as_ref().to_vec(),
            Pair::MlDsa(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Pair::Secret(secret) => secret.to_vec(),
        }
    }

    /// The encodings of an RSA public key: PKCS#1 and X.509.
    pub(crate) fn public_ders(&self) -> [Vec<u8>; 2] {
        let Pair::Rsa(pair) = &self.pair else {
            panic!("not an RSA key")
        };
        let public = pair.public_key();
        [
            public.as_ref().to_vec(),
            public.as_der().unwrap().as_ref().to_vec(),
        ]
    }

    /// The public key as X.509 writes it.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let der = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::MlDsa(pair) => pair.public_key().as_der(),
            Pair::Secret(_) => panic!("not a public key"),
        };
        der.unwrap().as_ref().to_vec()
    }

    /// A certificate of the public key, signed by nobody, valid between these times.
    pub(crate) fn certificate(&self, not_before: &str, not_after: &str) -> Vec<u8> {
        certificate(&self.spki(), not_before, not_after)
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(_) => self.sign_rsa(rsa_encoding(algorithm), message),
            Pair::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .unwrap()
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).unwrap();
                signature
            }
            Pair::Secret(secret) => mac(algorithm, secret, message),
        }
    }

    pub(crate) fn sign_rsa(
        &self,
        encoding: &'static library::RsaSignatureEncoding,
        message: &[u8],
    ) -> Vec<u8> {
        let Pair::Rsa(pair) = &self.pair else {
            panic!("not an RSA key")
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    }

    /// A token with this header and these claims, whatever they are.
    pub(crate) fn token(&self, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            encoded(header.to_string()),
            encoded(claims.to_string())
        );
        let signature = self.sign(algorithm, input.as_bytes());
        format!("{input}.{}", encoded(signature))
    }
}

/// A value of ASN.1 in DER.
pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = match content.len() {
        short @ 0..=127 => vec![short as u8],
        middle @ 128..=255 => vec![0x81, middle as u8],
        long => [&[0x82][..], &(long as u16).to_be_bytes()].concat(),
    };
    [&[tag][..], &length, &content].concat()
}

/// A certificate of this SubjectPublicKeyInfo; the times are as UTCTime or GeneralizedTime has them.
pub(crate) fn certificate(spki: &[u8], not_before: &str, not_after: &str) -> Vec<u8> {
    let time = |text: &str| {
        der(
            if text.len() == 13 { 0x17 } else { 0x18 },
            &[text.as_bytes()],
        )
    };
    let algorithm = der(0x30, &[&der(6, &[&[0x2b, 0x65, 0x70]])]);
    let name = der(0x30, &[]);
    let validity = der(0x30, &[&time(not_before), &time(not_after)]);
    let version = der(0xa0, &[&der(2, &[&[2]])]);
    let serial = der(2, &[&[1]]);
    let to_be_signed = der(
        0x30,
        &[&version, &serial, &algorithm, &name, &validity, &name, spki],
    );
    der(0x30, &[&to_be_signed, &algorithm, &der(3, &[&[0; 65]])])
}

/// The PEM of `der`.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::engine::general_purpose::STANDARD;
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

pub(crate) fn mac(algorithm: Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let hmac = match algorithm {
        Algorithm::Hs256 => hmac::HMAC_SHA256,
        Algorithm::Hs384 => hmac::HMAC_SHA384,
        Algorithm::Hs512 => hmac::HMAC_SHA512,
        other => panic!("{other} is not an HMAC"),
    };
    hmac::sign(&hmac::Key::new(hmac, secret), message)
        .as_ref()
        .to_vec()
}

/// A 2048-bit modulus stands at a fixed place in its PKCS#1 encoding.
fn modulus(pair: &RsaKeyPair) -> &[u8] {
    &pair.public_key().as_ref()[9..265]
}

fn rsa_encoding(algorithm: Algorithm) -> &'static library::RsaSignatureEncoding {
    match algorithm {
        Algorithm::Rs256 => &library::RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &library::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &library::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &library::RSA_PSS_SHA256,
        Algorithm::Ps384 => &library::RSA_PSS_SHA384,
        Algorithm::Ps512 => &library::RSA_PSS_SHA512,
        other => panic!("{other} is not for RSA"),
    }
}
