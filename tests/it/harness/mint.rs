//! Tokens for tests, of any shape, made without the gateway's code.

use std::sync::OnceLock;

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
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};

use super::{AUDIENCE, ISSUER, NOW};

/// Whoever can sign.
pub(crate) struct Signer {
    kid: String,
    /// The algorithm that its tokens name unless a test says otherwise.
    algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
    Secret(Vec<u8>),
}

/// A token in the making. It begins as a good one; tests change what they are about.
#[derive(Clone)]
pub(crate) struct Token<'s> {
    signer: &'s Signer,
    /// The algorithm that really signs, whatever the header says.
    algorithm: String,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    raw_header: Option<Vec<u8>>,
    raw_payload: Option<Vec<u8>>,
}

/// The default issuer's ES256 key.
pub(crate) fn es256() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::ec("es256-1", "ES256"))
}

/// The default issuer's RSA key, for RS256 unless a test says otherwise.
pub(crate) fn rsa() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::rsa("rsa-1", KeySize::Rsa2048))
}

/// An ES256 key that nobody publishes.
pub(crate) fn stranger() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::ec("es256-1", "ES256"))
}

/// A good token of the default issuer.
pub(crate) fn token() -> Token<'static> {
    Token::of(es256())
}

/// Base64url without padding.
pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub(crate) fn rsa(kid: &str, size: KeySize) -> Self {
        Self {
            kid: kid.to_owned(),
            algorithm: "RS256",
            pair: Pair::Rsa(RsaKeyPair::generate(size).unwrap()),
        }
    }

    /// An EC key for ES256, ES384, ES512 or ES256K.
    pub(crate) fn ec(kid: &str, algorithm: &'static str) -> Self {
        let (crv, signing) = match algorithm {
            "ES256" => ("P-256", &library::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ("P-384", &library::ECDSA_P384_SHA384_FIXED_SIGNING),
            "ES512" => ("P-521", &library::ECDSA_P521_SHA512_FIXED_SIGNING),
            "ES256K" => ("secp256k1", &library::ECDSA_P256K1_SHA256_FIXED_SIGNING),
            other => panic!("{other} is not for EC keys"),
        };
        Self {
            kid: kid.to_owned(),
            algorithm,
            pair: Pair::Ecdsa(EcdsaKeyPair::generate(signing).unwrap(), crv),
        }
    }

    pub(crate) fn ed25519(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            algorithm: "EdDSA",
            pair: Pair::Ed25519(Ed25519KeyPair::generate().unwrap()),
        }
    }

    /// A key for ML-DSA-44, ML-DSA-65 or ML-DSA-87.
    pub(crate) fn ml_dsa(kid: &str, algorithm: &'static str) -> Self {
        let signing = match algorithm {
            "ML-DSA-44" => &library::ML_DSA_44_SIGNING,
            "ML-DSA-65" => &library::ML_DSA_65_SIGNING,
            "ML-DSA-87" => &library::ML_DSA_87_SIGNING,
            other => panic!("{other} is not ML-DSA"),
        };
        Self {
            kid: kid.to_owned(),
            algorithm,
            pair: Pair::MlDsa(PqdsaKeyPair::generate(signing).unwrap()),
        }
    }

    /// A secret for HS256, HS384 and HS512.
    pub(crate) fn secret(kid: &str, secret: impl Into<Vec<u8>>) -> Self {
        Self {
            kid: kid.to_owned(),
            algorithm: "HS256",
            pair: Pair::Secret(secret.into()),
        }
    }

    /// What the issuer publishes of it; of a secret, all.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let modulus = pair.public_key().modulus();
                let exponent = pair.public_key().exponent();
                json!({
                    "kty": "RSA",
                    "n": encoded(modulus.big_endian_without_leading_zero()),
                    "e": encoded(exponent.big_endian_without_leading_zero()),
                })
            }
            Pair::Ecdsa(pair, crv) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": crv, "x": encoded(x), "y": encoded(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key())})
            }
            Pair::MlDsa(pair) => {
                json!({"kty": "AKP", "alg": self.algorithm, "pub": encoded(pair.public_key())})
            }
            Pair::Secret(secret) => json!({"kty": "oct", "k": encoded(secret)}),
        };
        jwk["kid"] = self.kid.clone().into();
        jwk
    }

    /// The encodings of an RSA public key: PKCS#1 and X.509.
    pub(crate) fn public_ders(&self) -> [Vec<u8>; 2] {
        let Pair::Rsa(pair) = &self.pair else {
            panic!("{} is no RSA key", self.kid)
        };
        let public = pair.public_key();
        let x509 = public.as_der().unwrap();
        [public.as_ref().to_vec(), x509.as_ref().to_vec()]
    }

    /// A certificate of the public key, signed with it, and valid between these days.
    pub(crate) fn certificate(
        &self,
        from: (i32, u8, u8),
        until: (i32, u8, u8),
    ) -> rcgen::Certificate {
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let key = rcgen::KeyPair::try_from(self.pkcs8()).unwrap();
        params.self_signed(&key).unwrap()
    }

    /// The public key in PEM.
    pub(crate) fn public_pem(&self) -> String {
        rcgen::KeyPair::try_from(self.pkcs8())
            .unwrap()
            .public_key_pem()
    }

    fn pkcs8(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.as_der().unwrap().as_ref().to_vec(),
            Pair::Ecdsa(pair, _) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8().unwrap().as_ref().to_vec(),
            Pair::MlDsa(_) | Pair::Secret(_) => panic!("{} has no certificate", self.kid),
        }
    }

    /// The JWS signature of `message`.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        match (&self.pair, algorithm) {
            // These two are not in jsonwebtoken.
            (Pair::Ecdsa(pair, _), "ES512" | "ES256K") => {
                let signature = pair.sign(&SystemRandom::new(), message).unwrap();
                signature.as_ref().to_vec()
            }
            (Pair::Ed25519(pair), _) => pair.sign(message).as_ref().to_vec(),
            (Pair::MlDsa(pair), _) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).unwrap();
                signature
            }
            (Pair::Secret(secret), _) => mac(algorithm, secret, message),
            _ => {
                let algorithm: Algorithm = algorithm.parse().unwrap();
                let signature = jsonwebtoken::crypto::sign(message, &self.private(), algorithm);
                URL_SAFE_NO_PAD.decode(signature.unwrap()).unwrap()
            }
        }
    }

    /// An RSA signature with an encoding that is perhaps no algorithm's.
    pub(crate) fn sign_rsa(
        &self,
        encoding: &'static library::RsaSignatureEncoding,
        message: &[u8],
    ) -> Vec<u8> {
        let Pair::Rsa(pair) = &self.pair else {
            panic!("{} is no RSA key", self.kid)
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = SystemRandom::new();
        pair.sign(encoding, &random, message, &mut signature)
            .unwrap();
        signature
    }

    fn private(&self) -> EncodingKey {
        match &self.pair {
            // jsonwebtoken wants PKCS#1; the PKCS#8 envelope in front of it has a fixed length.
            Pair::Rsa(pair) => EncodingKey::from_rsa_der(&pair.as_der().unwrap().as_ref()[26..]),
            Pair::Ecdsa(pair, _) => EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            Pair::Ed25519(_) | Pair::MlDsa(_) | Pair::Secret(_) => panic!("signs by itself"),
        }
    }
}

fn mac(algorithm: &str, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let hmac = match algorithm {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        other => panic!("{other} is not for secrets"),
    };
    let key = hmac::Key::new(hmac, secret);
    hmac::sign(&key, message).as_ref().to_vec()
}

impl<'s> Token<'s> {
    /// A good token of the default issuer, signed by `signer`.
    pub(crate) fn of(signer: &'s Signer) -> Self {
        let header = json!({"alg": signer.algorithm, "kid": signer.kid, "typ": "JWT"});
        let claims = json!({
            "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "iat": NOW - 10, "exp": NOW + 300,
        });
        Self {
            signer,
            algorithm: signer.algorithm.to_owned(),
            header: header.as_object().unwrap().clone(),
            claims: claims.as_object().unwrap().clone(),
            raw_header: None,
            raw_payload: None,
        }
    }

    /// Signs with another algorithm, and says so.
    pub(crate) fn algorithm(self, algorithm: &str) -> Self {
        Self {
            algorithm: algorithm.to_owned(),
            ..self.header("alg", algorithm)
        }
    }

    /// Sets a member of the header; what signs stays the same.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name).unwrap();
        self
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.remove(name).unwrap();
        self
    }

    /// These very bytes for a header.
    pub(crate) fn raw_header(mut self, header: impl Into<Vec<u8>>) -> Self {
        self.raw_header = Some(header.into());
        self
    }

    /// These very bytes for a payload.
    pub(crate) fn raw_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.raw_payload = Some(payload.into());
        self
    }

    /// The text of the header, for tests that write it anew.
    pub(crate) fn header_text(&self) -> String {
        Value::from(self.header.clone()).to_string()
    }

    /// The text of the payload, for tests that write it anew.
    pub(crate) fn payload_text(&self) -> String {
        Value::from(self.claims.clone()).to_string()
    }

    /// The compact serialisation.
    pub(crate) fn sign(&self) -> String {
        let header = self.raw_header.clone();
        let payload = self.raw_payload.clone();
        let header = header.unwrap_or_else(|| self.header_text().into_bytes());
        let payload = payload.unwrap_or_else(|| self.payload_text().into_bytes());
        let input = format!("{}.{}", encoded(header), encoded(payload));
        let signature = self.signer.sign(&self.algorithm, input.as_bytes());
        format!("{input}.{}", encoded(signature))
    }
}
