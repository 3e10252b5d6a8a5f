//! The throw-away keys of the demo. They live in memory, and end with the process.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, PublicKeyUse},
};
use serde::Serialize;

/// The bytes in front of the `RSAPrivateKey` (RFC 8017 §A.1.2) in the `PrivateKeyInfo` (RFC 5208 §5)
/// of a 2048-bit key. jsonwebtoken takes RSA keys only without them.
const PKCS8_PREFIX: usize = 26;

/// Why a key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    /// The random number generator or the library failed.
    #[error("a key cannot be generated")]
    Generate(#[from] aws_lc_rs::error::Unspecified),
    /// The key does not sign, or its public half cannot be written.
    #[error("a key cannot be used: {0}")]
    Use(#[from] jsonwebtoken::errors::Error),
}

/// A private key, the algorithm that it signs with, and its public half.
pub(super) struct SigningKey {
    algorithm: Algorithm,
    private: EncodingKey,
    public: Jwk,
    id: String,
}

/// Every key that the demo signs with.
pub(super) struct Keys {
    /// The issuer's newest key (ES256).
    pub(super) current: SigningKey,
    /// The one before it: still published, so that its tokens stay good.
    pub(super) previous: Option<SigningKey>,
    /// The issuer's RS256 key.
    pub(super) rs256: SigningKey,
    /// The issuer's Ed25519 key.
    pub(super) eddsa: SigningKey,
    /// The key of the second trusted issuer.
    pub(super) partner: SigningKey,
    /// A key that nobody publishes.
    pub(super) stranger: SigningKey,
    rotations: u64,
}

impl SigningKey {
    fn es256(id: impl Into<String>) -> Result<Self, KeyError> {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        Self::new(
            Algorithm::ES256,
            EncodingKey::from_ec_der(pkcs8.as_ref()),
            id,
        )
    }

    fn rs256(id: impl Into<String>) -> Result<Self, KeyError> {
        let pkcs8 = rsa::KeyPair::generate(KeySize::Rsa2048)?.as_der()?;
        let pkcs1 = pkcs8.as_ref().get(PKCS8_PREFIX..).unwrap_or_default();
        Self::new(Algorithm::RS256, EncodingKey::from_rsa_der(pkcs1), id)
    }

    fn eddsa(id: impl Into<String>) -> Result<Self, KeyError> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())?;
        Self::new(
            Algorithm::EdDSA,
            EncodingKey::from_ed_der(pkcs8.as_ref()),
            id,
        )
    }

    fn new(
        algorithm: Algorithm,
        private: EncodingKey,
        id: impl Into<String>,
    ) -> Result<Self, KeyError> {
        let id = id.into();
        let mut public = Jwk::from_encoding_key(&private, algorithm)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            algorithm,
            private,
            public,
            id,
        })
    }

    /// The `kid`.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// A compact JWS (RFC 7515 §7.1) over `claims`, with the given `typ` and `kid`.
    pub(super) fn sign(
        &self,
        typ: &str,
        kid: &str,
        claims: &impl Serialize,
    ) -> Result<String, KeyError> {
        let mut header = Header::new(self.algorithm);
        header.typ = Some(typ.to_owned());
        header.kid = Some(kid.to_owned());
        Ok(jsonwebtoken::encode(&header, claims, &self.private)?)
    }
}

impl Keys {
    /// Makes every key; the RSA one takes a moment.
    ///
    /// # Errors
    /// [`KeyError`] when the library cannot make one.
    pub(super) fn generate() -> Result<Self, KeyError> {
        Ok(Self {
            current: SigningKey::es256("demo-1")?,
            previous: None,
            rs256: SigningKey::rs256("demo-rsa")?,
            eddsa: SigningKey::eddsa("demo-ed25519")?,
            partner: SigningKey::es256("partner-1")?,
            stranger: SigningKey::es256("stranger")?,
            rotations: 0,
        })
    }

    /// A new current key; the one before it stays published until the next time.
    ///
    /// # Errors
    /// [`KeyError`] when the library cannot make one; then nothing changes.
    pub(super) fn rotate(&mut self) -> Result<(), KeyError> {
        let rotations = self.rotations.saturating_add(1);
        let next = SigningKey::es256(format!("demo-{}", rotations.saturating_add(1)))?;
        self.previous = Some(std::mem::replace(&mut self.current, next));
        self.rotations = rotations;
        Ok(())
    }

    /// What the issuer publishes (RFC 7517 §5).
    pub(super) fn published(&self) -> Vec<&Jwk> {
        [
            Some(&self.current),
            self.previous.as_ref(),
            Some(&self.rs256),
            Some(&self.eddsa),
        ]
        .into_iter()
        .flatten()
        .map(|key| &key.public)
        .collect()
    }

    /// What the second issuer publishes.
    pub(super) fn partner_published(&self) -> Vec<&Jwk> {
        vec![&self.partner.public]
    }
}
