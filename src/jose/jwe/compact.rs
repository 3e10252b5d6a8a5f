//! The JWE compact serialisation (RFC 7516 §7.1): five parts.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{JweError, header::JweHeader};

/// A token that is split and decoded, and whose header asks for nothing that is not supported. It is
/// closed: whether any key opens it, [`super::decrypt`] finds out.
pub struct Encrypted {
    pub(super) header: JweHeader,
    /// The header as it was sent, which the tag protects (RFC 7516 §5.2 step 14).
    pub(super) aad: Vec<u8>,
    pub(super) encrypted_key: Vec<u8>,
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

/// Whether `token` has the five parts of an encrypted token. The search ends at the fifth dot.
#[must_use]
pub fn is_encrypted(token: &[u8]) -> bool {
    memchr::memchr_iter(b'.', token).take(5).count() == 4
}

/// Splits and decodes `token`; the caller has bounded its length. The header comes first, and nothing else
/// is decoded when it is refused.
///
/// # Errors
/// [`JweError`] says what is wrong with what everybody can see of it.
pub fn parse(token: &[u8]) -> Result<Encrypted, JweError> {
    read(token, |header| {
        header
            .is_nested()
            .then_some(())
            .ok_or(JweError::ContentType)
    })
}

/// As [`parse`], with another question to the header: published examples do not encrypt tokens.
pub(super) fn read(
    token: &[u8],
    check: impl Fn(&JweHeader) -> Result<(), JweError>,
) -> Result<Encrypted, JweError> {
    if !is_encrypted(token) {
        return Err(JweError::Shape);
    }
    let mut parts = token.split(|byte| *byte == b'.');
    let mut next = || parts.next().ok_or(JweError::Shape);
    let [aad, encrypted_key, iv, ciphertext, tag] = [next()?, next()?, next()?, next()?, next()?];
    if aad.is_empty() || iv.is_empty() || ciphertext.is_empty() || tag.is_empty() {
        return Err(JweError::Shape);
    }
    let header = JweHeader::parse(&decode(aad, "header")?)?;
    check(&header)?;
    Ok(Encrypted {
        header,
        aad: aad.to_vec(),
        encrypted_key: decode(encrypted_key, "encrypted key")?,
        iv: decode(iv, "initialization vector")?,
        ciphertext: decode(ciphertext, "ciphertext")?,
        tag: decode(tag, "authentication tag")?,
    })
}

/// As strict as for a signed token: one token has one spelling.
fn decode(part: &[u8], name: &'static str) -> Result<Vec<u8>, JweError> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| JweError::Encoding(name))
}

impl Encrypted {
    /// The header: good for choosing a key, and for nothing else.
    #[must_use]
    pub const fn header(&self) -> &JweHeader {
        &self.header
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encrypted([redacted])")
    }
}
