//! Why a key cannot sign.

use crate::jose::{
    Algorithm, AlgorithmSet,
    json::JsonError,
    jwk::{JwkError, SpkiError},
};

/// Why a key cannot be read, made or used. No text holds a part of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// Neither PEM, DER nor a JWK with a private key in it.
    #[error(
        "it holds no private key: PEM or DER (PKCS#8, PKCS#1 or SEC1), or a private JWK, is expected"
    )]
    NoKey,
    /// More than one private key.
    #[error("it holds more than one private key: leave the one that signs")]
    Several,
    /// A passphrase is asked for.
    #[error("the private key is encrypted: write it without a passphrase, with openssl pkey")]
    Encrypted,
    /// The JSON is not strict.
    #[error("it is {0}")]
    Json(#[from] JsonError),
    /// A key set instead of a key.
    #[error("it is a set of keys: leave one JWK, without \"keys\" around it")]
    Set,
    /// A member is absent. In a public key this is `d`.
    #[error("the key's \"{0}\" is missing")]
    Missing(&'static str),
    /// A member has the wrong type, encoding or length.
    #[error("the key's \"{0}\" has the wrong form")]
    Malformed(&'static str),
    /// `kty` or `crv` is not one that signs, or `oth` says that there are more than two primes.
    #[error("the key's \"{0}\" is not supported for signatures")]
    Kind(&'static str),
    /// `use` or `key_ops` say that it is for something else.
    #[error("the key's \"{0}\" says that it is not for signatures")]
    Purpose(&'static str),
    /// An RSA key below 2048 bits.
    #[error("the RSA key is weak: it must have 2048 to 8192 bits")]
    Weak,
    /// The library refuses it, or its two halves do not belong together.
    #[error(
        "it is not a valid private key (RSA of 2048 to 8192 bits, EC on P-256, P-384, P-521 or secp256k1, Ed25519, ML-DSA)"
    )]
    Invalid,
    /// The public half has a form that nothing is verified with.
    #[error("its public half cannot be used: {0}")]
    Public(#[from] SpkiError),
    /// The gateway itself would not verify with its public half.
    #[error("its public half cannot be used: {0}")]
    Jwk(#[from] JwkError),
    /// The key is for other algorithms.
    #[error("it does not sign {wanted}: such a key is for {possible}")]
    Algorithm {
        /// What was asked for.
        wanted: Algorithm,
        /// What it could do.
        possible: AlgorithmSet,
    },
    /// A shared secret signs by an algorithm that somebody must name.
    #[error("a shared secret needs an algorithm: HS256, HS384 or HS512")]
    NoAlgorithm,
    /// A shared secret shorter than the hash (RFC 7518 §3.2).
    #[error("the secret is {found} bytes long, and {algorithm} needs at least {least}")]
    SecretTooShort {
        /// What it should sign.
        algorithm: Algorithm,
        /// Its length in bytes.
        found: usize,
        /// The least length in bytes.
        least: usize,
    },
    /// A key pair was asked for, and the algorithm has none.
    #[error("{0} has no key pair: a shared secret cannot be published")]
    Symmetric(Algorithm),
    /// The library failed.
    #[error("the cryptographic library failed")]
    Failed,
}

impl From<aws_lc_rs::error::Unspecified> for SigningKeyError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Failed
    }
}
