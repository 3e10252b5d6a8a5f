//! The step from [`Encrypted`] to [`Decrypted`]: the content, if one of the gateway's keys opens it.

use std::{fmt, sync::Arc};

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::{
    JweError,
    agreement::{self, AgreementKey},
    algorithm::{ContentEncryption, KeyManagement},
    compact::Encrypted,
    content,
    key::Material,
    key_wrap::WrappingKey,
    keychain::{HeldKey, MAX_TRIES},
};

/// What was encrypted: the bytes of a signed token, of which nothing is proved yet. Anybody who has the
/// public key can have encrypted it.
///
/// Only [`decrypt`] makes one, so that the operator's rules about keys have been looked at:
///
/// ```compile_fail,E0451
/// use portcullis::jose::jwe::Decrypted;
///
/// fn forge(like: Decrypted) -> Decrypted {
///     Decrypted { plaintext: Vec::new().into(), ..like }
/// }
/// ```
pub struct Decrypted {
    plaintext: Zeroizing<Vec<u8>>,
    key: Arc<HeldKey>,
    algorithms: (KeyManagement, ContentEncryption),
}

/// Decrypts `token` with the first of `keys` that opens it; of more than [`MAX_TRIES`], the rest is not
/// tried.
///
/// # Errors
/// [`JweError::Failed`] when none does, and [`JweError::NotSigned`] when a signed token is not inside.
pub fn decrypt(token: &Encrypted, keys: &[Arc<HeldKey>]) -> Result<Decrypted, JweError> {
    let decrypted = try_each(token, keys)?;
    // A claims set that is encrypted and not signed proves nothing about who wrote it.
    match memchr::memchr_iter(b'.', &decrypted.plaintext)
        .take(3)
        .count()
    {
        2 => Ok(decrypted),
        _ => Err(JweError::NotSigned),
    }
}

/// As [`decrypt`], whatever is inside.
pub(super) fn try_each(token: &Encrypted, keys: &[Arc<HeldKey>]) -> Result<Decrypted, JweError> {
    let mut tries = keys.iter().take(MAX_TRIES);
    let opened = tries.find_map(|key| {
        let (plaintext, key) = (open(token, key).ok()?, Arc::clone(key));
        Some(Decrypted {
            plaintext,
            key,
            algorithms: (token.header.algorithm, token.header.encryption),
        })
    });
    opened.ok_or(JweError::Failed)
}

impl Decrypted {
    /// The signed token, still to be parsed and verified.
    #[must_use]
    pub fn nested(&self) -> &[u8] {
        &self.plaintext
    }

    /// How it was encrypted.
    #[must_use]
    pub const fn algorithms(&self) -> (KeyManagement, ContentEncryption) {
        self.algorithms
    }

    /// The key that opened it.
    #[must_use]
    pub fn key(&self) -> &HeldKey {
        &self.key
    }
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decrypted([redacted])")
    }
}

fn open(token: &Encrypted, held: &HeldKey) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let (algorithm, length) = (token.header.algorithm, token.header.encryption.key_length());
    match &held.key.material {
        Material::Rsa(key) => {
            let unwrapped = key.unwrap(algorithm, &token.encrypted_key, length);
            content::open(token, &or_random(unwrapped, length)?)
        }
        Material::Agreement(key) => content::open(token, &agreed(token, key, length)?),
        Material::Wrapping(key) => {
            let unwrapped = key.unwrap(&token.encrypted_key);
            content::open(token, &or_random(unwrapped, length)?)
        }
        // Nothing was wrapped, and so nothing may stand in its place (RFC 7516 §5.2 step 10).
        Material::Direct(key) if token.encrypted_key.is_empty() => content::open(token, key),
        Material::Direct(_) => Err(JweError::Failed),
    }
}

/// The content encryption key by agreement: directly, or by unwrapping with the key that was agreed on.
fn agreed(
    token: &Encrypted,
    key: &AgreementKey,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let header = &token.header;
    let other = header.agreement.as_ref().ok_or(JweError::Failed)?;
    match header.algorithm.wrapping_key_length() {
        Some(wrapping) => {
            let kek = agreement::derive(key, other, header.algorithm.name(), wrapping)?;
            let kek = WrappingKey::new(&kek).ok_or(JweError::Failed)?;
            or_random(kek.unwrap(&token.encrypted_key), length)
        }
        None if token.encrypted_key.is_empty() => {
            agreement::derive(key, other, header.encryption.name(), length)
        }
        None => Err(JweError::Failed),
    }
}

/// A key that could not be unwrapped is replaced with a random one: the content is then refused in the
/// same way and after the same work as any other (RFC 7516 §11.5).
fn or_random(
    unwrapped: Option<Zeroizing<Vec<u8>>>,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let mut cek = Zeroizing::new(vec![0; length]);
    rand::fill(&mut cek).map_err(|_| JweError::Failed)?;
    match unwrapped {
        Some(unwrapped) if unwrapped.len() == length => Ok(unwrapped),
        _ => Ok(cek),
    }
}
