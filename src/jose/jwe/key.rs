//! One private key, ready to decrypt.

use std::fmt;

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    PrivateKeyError,
    agreement::AgreementKey,
    algorithm::{ContentEncryption, KeyManagement},
    key_agreement,
    key_members::Members,
    key_rsa::RsaKey,
    key_secret,
    key_wrap::WrappingKey,
};

/// A private key, or a secret, bound to the algorithms that it decrypts with.
pub struct PrivateKey {
    kid: Option<Box<str>>,
    algorithms: Vec<KeyManagement>,
    /// The one encryption that the key of `dir` is for; `None`: every one of its length.
    pub(super) encryption: Option<ContentEncryption>,
    pub(super) material: Material,
    /// The SHA-256 of the document that it was read from.
    pub(super) origin: [u8; SHA256_OUTPUT_LEN],
}

pub(super) enum Material {
    Rsa(RsaKey),
    Agreement(AgreementKey),
    Wrapping(WrappingKey),
    Direct(Zeroizing<Vec<u8>>),
}

impl PrivateKey {
    /// A key from one private JWK. A secret (`oct`) must say with `alg` what it is for: nothing else about
    /// it does.
    ///
    /// # Errors
    /// [`PrivateKeyError`] says why it cannot be used.
    pub fn from_jwk(jwk: &Value) -> Result<Self, PrivateKeyError> {
        let members = Members::of(jwk)?;
        members.refuse_other_purposes()?;
        let key = match members.string("kty")? {
            "RSA" => Self::rsa(RsaKey::from_jwk(members)?),
            "oct" => key_secret::read(members)?,
            kty @ ("EC" | "OKP") => Self::agreement(key_agreement::from_jwk(members, kty)?),
            _ => return Err(PrivateKeyError::Kind("kty")),
        };
        let kid = members.optional("kid")?.map(Into::into);
        Ok(Self {
            kid,
            algorithms: key.narrowed(members)?,
            ..key
        })
    }

    /// A key from PKCS#8 (RFC 5208).
    ///
    /// # Errors
    /// [`PrivateKeyError::Invalid`].
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, PrivateKeyError> {
        if let Ok(key) = RsaKey::from_pkcs8(der) {
            return Ok(Self::rsa(key));
        }
        key_agreement::from_pkcs8(der).map(Self::agreement)
    }

    /// A key from PKCS#1 (RFC 8017 appendix A.1.2).
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, PrivateKeyError> {
        RsaKey::from_pkcs1(der).map(Self::rsa)
    }

    /// A key from SEC1 (RFC 5915).
    pub(super) fn from_sec1(der: &[u8]) -> Result<Self, PrivateKeyError> {
        key_agreement::from_sec1(der).map(Self::agreement)
    }

    /// Its `kid`.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms that it decrypts with.
    #[must_use]
    pub fn algorithms(&self) -> &[KeyManagement] {
        &self.algorithms
    }

    /// Whether it may decrypt what these two have made.
    pub(super) fn fits(&self, algorithm: KeyManagement, encryption: ContentEncryption) -> bool {
        let is_its_own = self.encryption.is_none_or(|own| own == encryption);
        let is_long_enough = match &self.material {
            Material::Direct(key) => key.len() == encryption.key_length(),
            Material::Rsa(_) | Material::Agreement(_) | Material::Wrapping(_) => true,
        };
        self.algorithms.contains(&algorithm) && is_its_own && is_long_enough
    }

    fn rsa(key: RsaKey) -> Self {
        let algorithms = vec![KeyManagement::RsaOaep256, KeyManagement::RsaOaep];
        Self::new(Material::Rsa(key), algorithms)
    }

    fn agreement(key: AgreementKey) -> Self {
        Self::new(Material::Agreement(key), KeyManagement::AGREEMENT.to_vec())
    }

    pub(super) fn new(material: Material, algorithms: Vec<KeyManagement>) -> Self {
        Self {
            kid: None,
            algorithms,
            encryption: None,
            material,
            origin: [0; SHA256_OUTPUT_LEN],
        }
    }

    /// What the key's own `alg` leaves; a secret has been read by it already.
    fn narrowed(&self, members: Members<'_>) -> Result<Vec<KeyManagement>, PrivateKeyError> {
        match (&self.material, members.optional("alg")?) {
            (Material::Wrapping(_) | Material::Direct(_), _) | (_, None) => {
                Ok(self.algorithms.clone())
            }
            (Material::Rsa(_) | Material::Agreement(_), Some(name)) => {
                let own = name.parse().map_err(|_| PrivateKeyError::Algorithm)?;
                let fits = self.algorithms.contains(&own);
                fits.then(|| vec![own]).ok_or(PrivateKeyError::Algorithm)
            }
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?}, [redacted])", self.kid)
    }
}
