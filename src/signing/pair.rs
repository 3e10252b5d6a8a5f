//! The library's private keys, one of each kind.

use aws_lc_rs::{
    encoding::AsDer as _,
    error::{KeyRejected, Unspecified},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self as library, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
        PqdsaKeyPair, PqdsaSigningAlgorithm, RsaKeyPair, RsaSignatureEncoding,
    },
};
use zeroize::Zeroizing;

use super::SigningKeyError;
use crate::jose::Algorithm;

/// How long new RSA keys are, in bits: 3072, which is good beyond 2030.
const NEW_RSA: KeySize = KeySize::Rsa3072;

/// A curve: its name in JOSE, the length of a coordinate in bytes, and how the library signs on it.
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) coordinate: usize,
    pub(super) signing: &'static EcdsaSigningAlgorithm,
    algorithm: Algorithm,
}

pub(super) static CURVES: [Curve; 4] = [
    Curve {
        name: "P-256",
        coordinate: 32,
        signing: &library::ECDSA_P256_SHA256_FIXED_SIGNING,
        algorithm: Algorithm::Es256,
    },
    Curve {
        name: "P-384",
        coordinate: 48,
        signing: &library::ECDSA_P384_SHA384_FIXED_SIGNING,
        algorithm: Algorithm::Es384,
    },
    Curve {
        name: "P-521",
        coordinate: 66,
        signing: &library::ECDSA_P521_SHA512_FIXED_SIGNING,
        algorithm: Algorithm::Es512,
    },
    Curve {
        name: "secp256k1",
        coordinate: 32,
        signing: &library::ECDSA_P256K1_SHA256_FIXED_SIGNING,
        algorithm: Algorithm::Es256k,
    },
];

/// The parameter sets of ML-DSA.
pub(super) static ML_DSA: [(Algorithm, &PqdsaSigningAlgorithm); 3] = [
    (Algorithm::MlDsa44, &library::ML_DSA_44_SIGNING),
    (Algorithm::MlDsa65, &library::ML_DSA_65_SIGNING),
    (Algorithm::MlDsa87, &library::ML_DSA_87_SIGNING),
];

/// What makes signatures. The library wipes its keys when they are dropped.
pub(super) enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
    Hmac(Box<hmac::Key>),
}

impl Pair {
    /// A new key pair for `algorithm`.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        if rsa_encoding(algorithm).is_some() {
            return Ok(Self::Rsa(RsaKeyPair::generate(NEW_RSA)?));
        }
        if let Some(curve) = CURVES.iter().find(|curve| curve.algorithm == algorithm) {
            return Ok(Self::Ecdsa(EcdsaKeyPair::generate(curve.signing)?));
        }
        if let Some((_, signing)) = ML_DSA.iter().find(|(own, _)| *own == algorithm) {
            return Ok(Self::MlDsa(PqdsaKeyPair::generate(signing)?));
        }
        match algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 => Ok(Self::Ed25519(Ed25519KeyPair::generate()?)),
            other => Err(SigningKeyError::Symmetric(other)),
        }
    }

    /// From PKCS#8 (RFC 5208, RFC 5958), whatever kind of key is in it.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, SigningKeyError> {
        match RsaKeyPair::from_pkcs8(der) {
            Ok(pair) => return Ok(Self::Rsa(pair)),
            Err(error) if is_weak(&error) => return Err(SigningKeyError::Weak),
            Err(_) => {}
        }
        for curve in &CURVES {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(curve.signing, der) {
                return Ok(Self::Ecdsa(pair));
            }
        }
        for (_, signing) in &ML_DSA {
            if let Ok(pair) = PqdsaKeyPair::from_pkcs8(signing, der) {
                return Ok(Self::MlDsa(pair));
            }
        }
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| SigningKeyError::Invalid)?;
        Ok(Self::Ed25519(pair))
    }

    /// From PKCS#1 (RFC 8017 appendix A.1.2).
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, SigningKeyError> {
        RsaKeyPair::from_der(der)
            .map(Self::Rsa)
            .map_err(|error| rejected(&error))
    }

    /// From SEC1 (RFC 5915).
    pub(super) fn from_sec1(der: &[u8]) -> Result<Self, SigningKeyError> {
        let read = |curve: &Curve| EcdsaKeyPair::from_private_key_der(curve.signing, der).ok();
        let pair = CURVES.iter().find_map(read);
        pair.map(Self::Ecdsa).ok_or(SigningKeyError::Invalid)
    }

    /// The private key in PKCS#8.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        let bytes = match self {
            Self::Rsa(pair) => pair.as_der()?.as_ref().to_vec(),
            Self::Ecdsa(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Self::Ed25519(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Self::MlDsa(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Self::Hmac(_) => return Err(SigningKeyError::Failed),
        };
        Ok(Zeroizing::new(bytes))
    }

    /// The public half as a SubjectPublicKeyInfo; `None` for a secret, which has none.
    pub(super) fn spki(&self) -> Result<Option<Vec<u8>>, SigningKeyError> {
        let der = match self {
            Self::Rsa(pair) => pair.public_key().as_der()?,
            Self::Ecdsa(pair) => pair.public_key().as_der()?,
            Self::Ed25519(pair) => pair.public_key().as_der()?,
            Self::MlDsa(pair) => pair.public_key().as_der()?,
            Self::Hmac(_) => return Ok(None),
        };
        Ok(Some(der.as_ref().to_vec()))
    }

    /// Signs `message`. ECDSA's signatures are `r || s`, as JOSE has them (RFC 7518 §3.4).
    pub(super) fn sign(
        &self,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm).ok_or(Unspecified)?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Self::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature)?;
                Ok(signature)
            }
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

/// What the library's refusal of an RSA key means.
pub(super) fn rejected(error: &KeyRejected) -> SigningKeyError {
    if is_weak(error) {
        SigningKeyError::Weak
    } else {
        SigningKeyError::Invalid
    }
}

/// The library has a name for each of its reasons, and no enum.
fn is_weak(error: &KeyRejected) -> bool {
    error.description_() == "TooSmall"
}

/// The library's name for `algorithm`. For PSS the salt is as long as the hash (RFC 7518 §3.5).
const fn rsa_encoding(algorithm: Algorithm) -> Option<&'static RsaSignatureEncoding> {
    match algorithm {
        Algorithm::Rs256 => Some(&library::RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Some(&library::RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Some(&library::RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Some(&library::RSA_PSS_SHA256),
        Algorithm::Ps384 => Some(&library::RSA_PSS_SHA384),
        Algorithm::Ps512 => Some(&library::RSA_PSS_SHA512),
        Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::Es256k
        | Algorithm::EdDsa
        | Algorithm::Ed25519
        | Algorithm::MlDsa44
        | Algorithm::MlDsa65
        | Algorithm::MlDsa87
        | Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512 => None,
    }
}
