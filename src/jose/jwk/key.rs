//! One key, ready to verify.

use std::fmt;

use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::Value;

use super::{
    BadSignature, JwkError, Thumbprint, akp, ec,
    members::Members,
    oct::{self, OctKey},
    okp,
    rsa::{self, RsaKey},
};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// A key that is ready to verify.
pub struct Key {
    kid: Option<Box<str>>,
    algorithms: AlgorithmSet,
    thumbprint: Thumbprint,
    material: Material,
}

/// Whether a set may hold `oct` keys. A set that was fetched may not: a published secret is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symmetric {
    /// `oct` keys are skipped.
    Refused,
    /// `oct` keys verify HS256, HS384 and HS512.
    Allowed,
}

enum Material {
    Rsa(RsaKey),
    /// Elliptic curves of both kinds, and ML-DSA: the parsed key knows its one algorithm.
    Bound(ParsedPublicKey),
    Oct(OctKey),
}

impl Key {
    /// A key from one JWK.
    ///
    /// # Errors
    /// [`JwkError`] says why it cannot be used.
    pub fn from_jwk(jwk: &Value, symmetric: Symmetric) -> Result<Self, JwkError> {
        let members = Members::of(jwk)?;
        let kid = members.optional("kid")?.map(Into::into);
        members.refuse_other_purposes()?;
        let kty = members.string("kty")?;
        if kty != "oct" {
            members.refuse_private()?;
        }
        let (material, algorithms, thumbprint) = match kty {
            "RSA" => wrap(Material::Rsa, rsa::read(members)?),
            "EC" => wrap(Material::Bound, ec::read(members)?),
            "AKP" => wrap(Material::Bound, akp::read(members)?),
            "OKP" => wrap(Material::Bound, okp::read(members)?),
            "oct" if symmetric == Symmetric::Allowed => wrap(Material::Oct, oct::read(members)?),
            "oct" => return Err(JwkError::SymmetricRefused),
            _ => return Err(JwkError::KeyType),
        };
        Ok(Self {
            kid,
            algorithms,
            thumbprint,
            material,
        })
    }

    /// A shared secret, for those HMAC algorithms whose hash is not longer than it (RFC 7518 §3.2).
    ///
    /// # Errors
    /// [`JwkError`] when it is shorter than 32 bytes.
    pub fn from_shared_secret(secret: &[u8]) -> Result<Self, JwkError> {
        let every = Algorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithm.is_symmetric())
            .collect();
        let key = oct::from_secret(secret, every)?;
        let (material, algorithms, thumbprint) = wrap(Material::Oct, key);
        Ok(Self {
            kid: None,
            algorithms,
            thumbprint,
            material,
        })
    }

    /// Its `kid`.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms that this key may verify: what `kty`, `crv`, `alg`, `use` and `key_ops` leave.
    #[must_use]
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Its thumbprint.
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Verifies `signature` over `message`.
    ///
    /// # Errors
    /// [`BadSignature`], also when `algorithm` is not one of the key's.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        if !self.algorithms.contains(algorithm) {
            return Err(BadSignature);
        }
        match &self.material {
            Material::Rsa(key) => key.verify(algorithm, message, signature),
            Material::Bound(key) => key.verify_sig(message, signature).map_err(|_| BadSignature),
            Material::Oct(key) => key.verify(algorithm, message, signature),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, {})", self.kid, self.algorithms)
    }
}

fn wrap<K>(
    material: impl FnOnce(K) -> Material,
    (key, algorithms, thumbprint): (K, AlgorithmSet, Thumbprint),
) -> (Material, AlgorithmSet, Thumbprint) {
    (material(key), algorithms, thumbprint)
}
