//! Authenticated decryption of the content (RFC 7518 §5). The tag is checked before anything else is
//! looked at, so that no padding tells anything.

use aws_lc_rs::{
    aead::{self, AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{
        self, AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey,
        UnboundCipherKey,
    },
    constant_time, hmac,
    iv::FixedLength,
};
use zeroize::Zeroizing;

use super::{JweError, algorithm::ContentEncryption, compact::Encrypted};

/// The parts of AES_CBC_HMAC_SHA2 (RFC 7518 §5.2.3 to §5.2.5).
struct CbcHmac {
    cipher: &'static cipher::Algorithm,
    hmac: hmac::Algorithm,
    /// The length of each half of the key, and of the tag, in bytes.
    half: usize,
}

/// Decrypts the content of `token` with `cek`.
///
/// # Errors
/// [`JweError::Failed`], whatever is wrong.
pub(super) fn open(token: &Encrypted, cek: &[u8]) -> Result<Zeroizing<Vec<u8>>, JweError> {
    match token.header.encryption {
        ContentEncryption::A128Gcm => gcm(token, cek, &AES_128_GCM),
        ContentEncryption::A192Gcm => gcm(token, cek, &AES_192_GCM),
        ContentEncryption::A256Gcm => gcm(token, cek, &AES_256_GCM),
        ContentEncryption::A128CbcHs256 => cbc(
            token,
            cek,
            &CbcHmac {
                cipher: &AES_128,
                hmac: hmac::HMAC_SHA256,
                half: 16,
            },
        ),
        ContentEncryption::A192CbcHs384 => cbc(
            token,
            cek,
            &CbcHmac {
                cipher: &AES_192,
                hmac: hmac::HMAC_SHA384,
                half: 24,
            },
        ),
        ContentEncryption::A256CbcHs512 => cbc(
            token,
            cek,
            &CbcHmac {
                cipher: &AES_256,
                hmac: hmac::HMAC_SHA512,
                half: 32,
            },
        ),
    }
}

/// AES-GCM with a 96-bit initialization vector and a whole tag (RFC 7518 §5.3).
fn gcm(
    token: &Encrypted,
    cek: &[u8],
    algorithm: &'static aead::Algorithm,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    if token.tag.len() != algorithm.tag_len() {
        return Err(JweError::Failed);
    }
    let nonce = Nonce::try_assume_unique_for_key(&token.iv).map_err(|_| JweError::Failed)?;
    let key = UnboundKey::new(algorithm, cek).map_err(|_| JweError::Failed)?;
    let mut sealed = Zeroizing::new([token.ciphertext.as_slice(), &token.tag].concat());
    let length = LessSafeKey::new(key)
        .open_in_place(nonce, Aad::from(&token.aad), &mut sealed)
        .map_err(|_| JweError::Failed)?
        .len();
    sealed.truncate(length);
    Ok(sealed)
}

/// AES-CBC under HMAC: first the tag, in constant time, then the padding (RFC 7518 §5.2.2.2).
fn cbc(token: &Encrypted, cek: &[u8], parts: &CbcHmac) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let (mac_key, encryption_key) = cek.split_at_checked(parts.half).ok_or(JweError::Failed)?;
    let iv: [u8; 16] = token
        .iv
        .as_slice()
        .try_into()
        .map_err(|_| JweError::Failed)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(parts.hmac, mac_key));
    for piece in [&token.aad, &token.iv, &token.ciphertext] {
        context.update(piece);
    }
    context.update(&(token.aad.len() as u64 * 8).to_be_bytes());
    let tag = context.sign();
    let expected = tag.as_ref().get(..parts.half).ok_or(JweError::Failed)?;
    constant_time::verify_slices_are_equal(expected, &token.tag).map_err(|_| JweError::Failed)?;
    let key = UnboundCipherKey::new(parts.cipher, encryption_key)
        .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
        .map_err(|_| JweError::Failed)?;
    let mut plaintext = Zeroizing::new(token.ciphertext.clone());
    let length = key
        .decrypt(
            &mut plaintext,
            DecryptionContext::Iv128(FixedLength::from(iv)),
        )
        .map_err(|_| JweError::Failed)?
        .len();
    plaintext.truncate(length);
    Ok(plaintext)
}
