//! The keys that cookies are encrypted with.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    hkdf::{HKDF_SHA256, Prk, Salt},
};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

/// One key or several: the first encrypts, all decrypt.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    first: Key,
    /// The others, which were first once, or will be.
    others: Vec<Key>,
}

/// A key, as what RFC 5869 §2.2 makes of it.
#[derive(Clone)]
pub(super) struct Key {
    /// Which one it is, to those who have it.
    id: KeyId,
    prk: Prk,
}

/// A digest of the key that tells nothing about it.
pub(super) type KeyId = [u8; 4];

/// The text of a key file is wrong. The messages repeat nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// No key at all.
    #[error("there is no key in it")]
    Empty,
    /// A line is no key.
    #[error("line {0} is not 32 bytes in base64")]
    Line(usize),
    /// The same key stands there twice.
    #[error("the key of line {0} stands there before")]
    Twice(usize),
    /// More than a file may have.
    #[error("there are more than {MAX_KEYS} keys in it")]
    TooMany,
}

/// The most keys of one file.
const MAX_KEYS: usize = 8;

/// The bytes of a key: 256 bits.
const LENGTH: usize = 32;

/// Both alphabets' users write padding, and both leave it out.
const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

impl Keys {
    /// The keys in the text of a file: base64, one a line; a line that begins with `#` is a comment.
    ///
    /// # Errors
    /// [`KeyFileError`] says which line is wrong.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut keys: Vec<Key> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let bytes = decode(text).ok_or(KeyFileError::Line(line))?;
            let key = Key::of(&bytes).ok_or(KeyFileError::Line(line))?;
            if keys.contains(&key) {
                return Err(KeyFileError::Twice(line));
            }
            if keys.len() == MAX_KEYS {
                return Err(KeyFileError::TooMany);
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyFileError::Empty)?;
        Ok(Self {
            first,
            others: keys.collect(),
        })
    }

    /// One random key; `None` when the system gives no random bytes.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice()).ok()?;
        Some(Self {
            first: Key::of(bytes.as_slice())?,
            others: Vec::new(),
        })
    }

    /// The one that encrypts.
    pub(super) const fn first(&self) -> &Key {
        &self.first
    }

    /// Those that call themselves `id`: one, or by a rare chance more.
    pub(super) fn called(&self, id: KeyId) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first)
            .chain(&self.others)
            .filter(move |key| key.id == id)
    }
}

impl Key {
    fn of(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let prk = Salt::new(HKDF_SHA256, b"portcullis session cookie").extract(bytes);
        let mut id = [0; 4];
        prk.expand(&[b"id"], Four).ok()?.fill(&mut id).ok()?;
        Some(Self { id, prk })
    }

    pub(super) const fn id(&self) -> KeyId {
        self.id
    }

    /// The key of one cookie, by the random bytes that stand in it. Each key encrypts once, so that no
    /// nonce comes twice under it, however many cookies there are.
    pub(super) fn of_cookie(&self, random: &[u8]) -> Option<LessSafeKey> {
        let info = [b"cookie", random];
        let okm = self.prk.expand(&info, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(okm)))
    }

    /// More of its digest than its name has.
    fn digest(&self) -> Option<[u8; LENGTH]> {
        let mut digest = [0; LENGTH];
        let okm = self.prk.expand(&[b"digest"], HKDF_SHA256).ok()?;
        okm.fill(&mut digest).ok()?;
        Some(digest)
    }
}

/// The length of a [`KeyId`].
#[derive(Clone, Copy)]
struct Four;

impl aws_lc_rs::hkdf::KeyType for Four {
    fn len(&self) -> usize {
        4
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.digest() == other.digest()
    }
}

impl Eq for Key {}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let standard = GeneralPurpose::new(&alphabet::STANDARD, PADDING);
    let url_safe = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING);
    let decoded = standard.decode(text).or_else(|_| url_safe.decode(text));
    decoded.ok().map(Zeroizing::new)
}
