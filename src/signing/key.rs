//! A key that signs, bound to one algorithm.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Claims, Header, SigningKeyError, pair::Pair, read};
use crate::{
    jose::{
        Algorithm,
        jwk::{self, Key, Symmetric},
    },
    secret::Secret,
};

/// A private key or a shared secret, the one algorithm that it signs by, and what is known of it in public.
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<Box<str>>,
    public: Option<Map<String, Value>>,
    pair: Pair,
}

/// What a JWK said of itself besides its numbers.
#[derive(Default)]
pub(super) struct Labels {
    pub(super) kid: Option<Box<str>>,
    pub(super) alg: Option<Algorithm>,
}

impl SigningKey {
    /// The one private key in `document`: PEM or DER (PKCS#8, PKCS#1, SEC1), or a private JWK. Without
    /// `algorithm` it is the key's own `alg`, else RS256 for RSA, the curve's for EC, EdDSA for Ed25519.
    ///
    /// # Errors
    /// [`SigningKeyError`] says why it cannot sign.
    pub fn read(document: &[u8], algorithm: Option<Algorithm>) -> Result<Self, SigningKeyError> {
        read::read(document, algorithm)
    }

    /// A new key pair. RSA keys have 3072 bits.
    ///
    /// # Errors
    /// [`SigningKeyError::Symmetric`] for `HS*`, or the library fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        let pair = Pair::generate(algorithm)?;
        Self::of_pair(pair, Some(algorithm), Labels::default())
    }

    /// A shared secret for `algorithm`, one of `HS*`. It has no `kid`.
    ///
    /// # Errors
    /// [`SigningKeyError`] when it is shorter than the hash (RFC 7518 §3.2), or `algorithm` is another one.
    pub fn from_secret(secret: &Secret, algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        let (hash, least) = match algorithm {
            Algorithm::Hs256 => (hmac::HMAC_SHA256, 32),
            Algorithm::Hs384 => (hmac::HMAC_SHA384, 48),
            Algorithm::Hs512 => (hmac::HMAC_SHA512, 64),
            wanted => {
                let every = Algorithm::ALL.into_iter();
                let possible = every.filter(|a| a.is_symmetric()).collect();
                return Err(SigningKeyError::Algorithm { wanted, possible });
            }
        };
        let found = secret.expose_secret().len();
        if found < least {
            return Err(SigningKeyError::SecretTooShort {
                algorithm,
                found,
                least,
            });
        }
        let key = hmac::Key::new(hash, secret.expose_secret());
        Ok(Self {
            algorithm,
            kid: None,
            public: None,
            pair: Pair::Hmac(Box::new(key)),
        })
    }

    /// The key of `pair`. The public half goes through the same checks as a key that verifies, so what is
    /// signed here is verified there.
    pub(super) fn of_pair(
        pair: Pair,
        wanted: Option<Algorithm>,
        labels: Labels,
    ) -> Result<Self, SigningKeyError> {
        let spki = pair.spki()?.ok_or(SigningKeyError::Failed)?;
        let mut public = jwk::public_members(&spki)?;
        if let Some(own) = labels.alg {
            public.insert("alg".to_owned(), own.name().into());
        }
        let key = Key::from_jwk(&Value::Object(public.clone()), Symmetric::Refused)?;
        let possible = key.algorithms();
        let algorithm = match wanted.or(labels.alg) {
            Some(wanted) if !possible.contains(wanted) => {
                return Err(SigningKeyError::Algorithm { wanted, possible });
            }
            Some(wanted) => wanted,
            None => possible.iter().next().ok_or(SigningKeyError::Failed)?,
        };
        let kid = labels
            .kid
            .unwrap_or_else(|| key.thumbprint().to_string().into());
        public.insert("alg".to_owned(), algorithm.name().into());
        public.insert("use".to_owned(), "sig".into());
        Ok(Self {
            algorithm,
            public: Some(public),
            pair,
            kid: None,
        }
        .with_kid(kid))
    }

    /// The same key under another `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Box<str>>) -> Self {
        let kid = kid.into();
        if let Some(public) = &mut self.public {
            public.insert("kid".to_owned(), (*kid).into());
        }
        self.kid = Some(kid);
        self
    }

    /// What it signs by.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its `kid`: the JWK's own, else the RFC 7638 thumbprint. A secret has none unless it was given one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The public half as the members of a JWK, with `kid`, `alg` and `use`; `None` for a shared secret.
    #[must_use]
    pub const fn public_jwk(&self) -> Option<&Map<String, Value>> {
        self.public.as_ref()
    }

    /// The signature of `message`, as JOSE writes it.
    ///
    /// # Errors
    /// [`SigningKeyError::Failed`] when the library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningKeyError> {
        Ok(self.pair.sign(self.algorithm, message)?)
    }

    /// A compact JWS (RFC 7515 §7.1) of `claims`. An RSA key takes a millisecond or two.
    ///
    /// # Errors
    /// [`SigningKeyError::Failed`] when the library fails.
    pub fn token(&self, header: &Header, claims: &Claims) -> Result<String, SigningKeyError> {
        let header = header.document(self.algorithm, self.kid());
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.document(), &mut token);
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The private key in PKCS#8.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        self.pair.to_pkcs8()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, kid, .. } = self;
        write!(f, "SigningKey({algorithm}, {kid:?}, [redacted])")
    }
}
