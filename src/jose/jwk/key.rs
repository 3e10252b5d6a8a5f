//! One key, ready to verify.

use std::fmt;

use serde_json::Value;

use super::{
    BadSignature, JwkError, Thumbprint, akp,
    certificate::{CertificateFacts, Validity},
    ec,
    members::Members,
    oct::{self, OctKey},
    okp,
    public::PublicKey,
    rsa::{self, RsaKey},
    spki::SubjectPublicKey,
    x5c,
};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// A key that is ready to verify.
pub struct Key {
    kid: Option<Box<str>>,
    algorithms: AlgorithmSet,
    thumbprint: Thumbprint,
    material: Material,
    /// What is known of its certificate, if it has one.
    certificate: Option<Box<CertificateFacts>>,
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
    /// As the two after it: the key knows its one algorithm.
    Ec(PublicKey),
    Okp(PublicKey),
    Akp(PublicKey),
    Oct(OctKey),
}

impl Key {
    /// A key from one JWK. Where it has certificates (`x5c`), the first must be for the same key; one
    /// without members of its own is the key of that certificate.
    ///
    /// # Errors
    /// [`JwkError`] says why it cannot be used.
    pub fn from_jwk(jwk: &Value, symmetric: Symmetric) -> Result<Self, JwkError> {
        x5c::read(Members::of(jwk)?, symmetric)
    }

    /// The key that the members themselves say.
    pub(super) fn from_members(
        members: Members<'_>,
        symmetric: Symmetric,
    ) -> Result<Self, JwkError> {
        let kid = members.optional("kid")?.map(Into::into);
        members.refuse_other_purposes()?;
        let kty = members.string("kty")?;
        if kty != "oct" {
            members.refuse_private()?;
        }
        let (material, algorithms, thumbprint) = match kty {
            "RSA" => wrap(Material::Rsa, rsa::read(members)?),
            "EC" => wrap(Material::Ec, ec::read(members)?),
            "AKP" => wrap(Material::Akp, akp::read(members)?),
            "OKP" => wrap(Material::Okp, okp::read(members)?),
            "oct" if symmetric == Symmetric::Allowed => wrap(Material::Oct, oct::read(members)?),
            "oct" => return Err(JwkError::SymmetricRefused),
            _ => return Err(JwkError::KeyType),
        };
        Ok(Self {
            kid,
            algorithms,
            thumbprint,
            material,
            certificate: None,
        })
    }

    /// The key of a SubjectPublicKeyInfo, which may stand in a certificate.
    pub(super) fn from_public_key(
        key: SubjectPublicKey,
        certificate: Option<CertificateFacts>,
    ) -> Result<Self, JwkError> {
        let own = Self::from_members(Members::from(&key.members), Symmetric::Refused)?;
        own.certified(key.bound, certificate)
    }

    /// This key with what its certificate says: which algorithms it is bound to, and when it is valid.
    pub(super) fn certified(
        mut self,
        bound: Option<AlgorithmSet>,
        certificate: Option<CertificateFacts>,
    ) -> Result<Self, JwkError> {
        if let Some(bound) = bound {
            self.algorithms = self.algorithms.intersection(bound);
        }
        if self.algorithms.is_empty() {
            return Err(JwkError::AlgorithmMismatch);
        }
        self.certificate = certificate.map(Box::new);
        Ok(self)
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
            certificate: None,
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

    /// Its `kty` (RFC 7517 §4.1).
    #[must_use]
    pub fn kty(&self) -> &'static str {
        match &self.material {
            Material::Rsa(_) => "RSA",
            Material::Ec(_) => "EC",
            Material::Okp(_) => "OKP",
            Material::Akp(_) => "AKP",
            Material::Oct(_) => "oct",
        }
    }

    /// Its thumbprint, unless it is a shared secret: that one helps whoever guesses at it (RFC 7638 §7).
    #[must_use]
    pub fn public_thumbprint(&self) -> Option<Thumbprint> {
        (!matches!(self.material, Material::Oct(_))).then_some(self.thumbprint)
    }

    /// What is known of its certificate, if it has one.
    #[must_use]
    pub fn certificate(&self) -> Option<&CertificateFacts> {
        self.certificate.as_deref()
    }

    /// When it may be used, if its certificate says so.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.certificate.as_ref()?.validity
    }

    /// Whether it may be used at `now`, in seconds since 1970.
    #[must_use]
    pub fn is_valid_at(&self, now: i64) -> bool {
        self.validity()
            .is_none_or(|validity| validity.contains(now))
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
            Material::Ec(key) | Material::Okp(key) | Material::Akp(key) => {
                key.verify(message, signature)
            }
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
