//! One private key, ready to decrypt.

use std::fmt;

use aws_lc_rs::agreement;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    PrivateKeyError,
    agreement::{AgreementKey, Curve},
    algorithm::{ContentEncryption, KeyManagement},
    key_members::Members,
    key_rsa::RsaKey,
    key_wrap::WrappingKey,
};

/// What stands before an X25519 key in PKCS#8 (RFC 8410 §7).
pub(super) const X25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
];

/// A private key, or a secret, bound to the algorithms that it decrypts with.
pub struct PrivateKey {
    kid: Option<Box<str>>,
    algorithms: Vec<KeyManagement>,
    /// The one encryption that the key of `dir` is for; `None`: every one of its length.
    pub(super) encryption: Option<ContentEncryption>,
    pub(super) material: Material,
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
            "oct" => Self::secret(members)?,
            kty @ ("EC" | "OKP") => Self::agreement(agreement_key(members, kty)?),
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
        if let Some(raw) = der.strip_prefix(&X25519_PKCS8) {
            return private(Curve::X25519, raw).map(Self::agreement);
        }
        Self::from_sec1(der)
    }

    /// A key from PKCS#1 (RFC 8017 appendix A.1.2).
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, PrivateKeyError> {
        RsaKey::from_pkcs1(der).map(Self::rsa)
    }

    /// A key from SEC1 (RFC 5915).
    pub(super) fn from_sec1(der: &[u8]) -> Result<Self, PrivateKeyError> {
        let read = |curve: Curve| {
            let private =
                agreement::PrivateKey::from_private_key_der(curve.algorithm(), der).ok()?;
            Some(AgreementKey { curve, private })
        };
        let key = Curve::ALL.into_iter().find_map(read);
        key.map(Self::agreement).ok_or(PrivateKeyError::Invalid)
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

    fn new(material: Material, algorithms: Vec<KeyManagement>) -> Self {
        Self {
            kid: None,
            algorithms,
            encryption: None,
            material,
        }
    }

    fn secret(members: Members<'_>) -> Result<Self, PrivateKeyError> {
        let secret = members.bytes("k")?;
        let name = members.string("alg")?;
        if let Ok(encryption) = name.parse::<ContentEncryption>() {
            let key = Self::direct(secret, |other| other == encryption)?;
            return Ok(Self {
                encryption: Some(encryption),
                ..key
            });
        }
        let algorithm = name.parse().map_err(|_| PrivateKeyError::Algorithm)?;
        match algorithm {
            KeyManagement::Dir => Self::direct(secret, |_| true),
            KeyManagement::A128Kw | KeyManagement::A192Kw | KeyManagement::A256Kw => {
                let key = WrappingKey::new(&secret)
                    .filter(|_| algorithm.wrapping_key_length() == Some(secret.len()))
                    .ok_or(PrivateKeyError::Malformed("k"))?;
                Ok(Self::new(Material::Wrapping(key), vec![algorithm]))
            }
            _ => Err(PrivateKeyError::Algorithm),
        }
    }

    /// A key that is the content encryption key itself, of the length of a likely encryption.
    fn direct(
        secret: Zeroizing<Vec<u8>>,
        likely: impl Fn(ContentEncryption) -> bool,
    ) -> Result<Self, PrivateKeyError> {
        let mut all = ContentEncryption::ALL.into_iter();
        if !all.any(|e| likely(e) && e.key_length() == secret.len()) {
            return Err(PrivateKeyError::Malformed("k"));
        }
        Ok(Self::new(
            Material::Direct(secret),
            vec![KeyManagement::Dir],
        ))
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

/// Reads `crv`, `d` and the public half, which must belong to it.
fn agreement_key(members: Members<'_>, kty: &str) -> Result<AgreementKey, PrivateKeyError> {
    let curve = Curve::of(kty, members.string("crv")?).ok_or(PrivateKeyError::Kind("crv"))?;
    let key = private(curve, &members.bytes("d")?)?;
    let x = members.bytes("x")?;
    let y = (kty == "EC").then(|| members.bytes("y")).transpose()?;
    let y = y.as_ref().map(|y| y.as_slice());
    let point = curve.point(&x, y).ok_or(PrivateKeyError::Malformed("x"))?;
    let own = key.private.compute_public_key();
    let own = own.map_err(|_| PrivateKeyError::Invalid)?;
    if own.as_ref() != point {
        return Err(PrivateKeyError::Invalid);
    }
    Ok(key)
}

fn private(curve: Curve, bytes: &[u8]) -> Result<AgreementKey, PrivateKeyError> {
    if bytes.len() != curve.length() {
        return Err(PrivateKeyError::Malformed("d"));
    }
    let private = agreement::PrivateKey::from_private_key(curve.algorithm(), bytes);
    let private = private.map_err(|_| PrivateKeyError::Invalid)?;
    Ok(AgreementKey { curve, private })
}
