//! The gateway's decryption keys, and which of them a token may be for.

use std::{fmt, sync::Arc};

use super::{
    JweError,
    algorithm::{ContentEncryption, KeyManagement},
    header::JweHeader,
    key::PrivateKey,
};

/// How many keys are tried on one token.
pub const MAX_TRIES: usize = 4;

/// A private key with what the configuration says about its use.
#[derive(Debug)]
pub struct HeldKey {
    /// The key.
    pub key: PrivateKey,
    /// What the operator calls it: its `kid`, or the file that it is from.
    pub name: Arc<str>,
    /// The one issuer whose tokens it may decrypt; `None`: any.
    pub issuer: Option<Arc<str>>,
    /// The values of `alg` that it may be used with.
    pub algorithms: Arc<[KeyManagement]>,
    /// The values of `enc` that it may be used with.
    pub encryptions: Arc<[ContentEncryption]>,
}

/// Every key of the configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Keychain(Vec<Arc<HeldKey>>);

impl Keychain {
    /// A keychain of these keys.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = HeldKey>) -> Self {
        Self(keys.into_iter().map(Arc::new).collect())
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &HeldKey> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The keys that a token with this header may be for: those of its `kid`, else those that have none.
    /// Of a token without `kid`, every one. At most [`MAX_TRIES`].
    ///
    /// # Errors
    /// [`JweError::NoKey`] when there is none.
    pub fn find(&self, header: &JweHeader) -> Result<Vec<Arc<HeldKey>>, JweError> {
        let fitting = || self.0.iter().filter(|held| held.fits(header));
        let named = |kid: Option<&str>| -> Vec<Arc<HeldKey>> {
            let keys = fitting().filter(|held| held.key.kid() == kid);
            keys.take(MAX_TRIES).cloned().collect()
        };
        let keys = match header.kid() {
            Some(kid) => Some(named(Some(kid)))
                .filter(|keys| !keys.is_empty())
                .unwrap_or_else(|| named(None)),
            None => fitting().take(MAX_TRIES).cloned().collect(),
        };
        if keys.is_empty() {
            return Err(JweError::NoKey);
        }
        Ok(keys)
    }
}

impl PartialEq for HeldKey {
    /// Whether they are of the same document and may be used for the same.
    fn eq(&self, other: &Self) -> bool {
        let Self {
            key,
            name,
            issuer,
            algorithms,
            encryptions,
        } = self;
        key.origin == other.key.origin
            && *name == other.name
            && *issuer == other.issuer
            && *algorithms == other.algorithms
            && *encryptions == other.encryptions
    }
}

impl Eq for HeldKey {}

impl HeldKey {
    fn fits(&self, header: &JweHeader) -> bool {
        self.algorithms.contains(&header.algorithm)
            && self.encryptions.contains(&header.encryption)
            && self.key.fits(header.algorithm, header.encryption)
    }

    /// Whether it may decrypt the tokens of `issuer`.
    ///
    /// # Errors
    /// [`JweError::OtherIssuer`].
    pub fn admit(&self, issuer: &str) -> Result<(), JweError> {
        match &self.issuer {
            Some(own) if **own != *issuer => Err(JweError::OtherIssuer),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for HeldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
