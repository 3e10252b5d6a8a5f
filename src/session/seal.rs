//! The value of the cookie: encrypted and authenticated with AES-256-GCM, under a key of its own.
//!
//! `version (1) · key (4) · random (32) · ciphertext · tag (16)`, in base64url; the first three and the
//! cookie's name are authenticated too. The ciphertext is
//! `session (16) · until (8) · rules (16) · token`.

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    Fingerprint, Id, Session,
    keys::{KeyId, Keys},
    token_text,
};
use crate::clock::UnixTime;

/// Why there is no cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Browsers keep cookies of 4096 bytes, name and value together.
    #[error("the token is too long for a cookie")]
    TooLarge,
    /// The system gives no random bytes, or the library does not encrypt.
    #[error("the session cannot be encrypted")]
    Random,
}

/// The longest cookie, in bytes: name, equals sign and value (RFC 6265bis §5.6).
pub(super) const MAX_BYTES: usize = 4096;

const VERSION: u8 = 1;
const RANDOM: usize = 32;

/// What stands in front of the ciphertext.
const FRONT: usize = 1 + size_of::<KeyId>() + RANDOM;

/// The value of a cookie for `session`, under the first of `keys`. `context` is authenticated with it.
pub(super) fn seal(session: &Session, keys: &Keys, context: &[u8]) -> Result<String, SealError> {
    let key = keys.first();
    let mut random = [0; RANDOM];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| SealError::Random)?;
    let front = [&[VERSION], key.id().as_slice(), &random].concat();
    let token = token_text::pack(&session.token);
    let until = session.until.0.to_be_bytes();
    let mut sealed = [&session.id.0, until.as_slice(), &session.rules.0, &token].concat();
    let cookie = key.of_cookie(&random).ok_or(SealError::Random)?;
    cookie
        .seal_in_place_append_tag(nonce(), Aad::from(aad(&front, context)), &mut sealed)
        .map_err(|_| SealError::Random)?;
    let value = URL_SAFE_NO_PAD.encode([front, sealed].concat());
    if context.len() + 1 + value.len() > MAX_BYTES {
        return Err(SealError::TooLarge);
    }
    Ok(value)
}

/// The session in `value`; `None` when none of `keys` made it, for this `context`.
pub(super) fn open(value: &[u8], keys: &Keys, context: &[u8]) -> Option<Session> {
    if value.len() > MAX_BYTES {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
    let (front, sealed) = bytes.split_at_checked(FRONT)?;
    let (version, rest) = front.split_first()?;
    let (id, random) = rest.split_first_chunk::<{ size_of::<KeyId>() }>()?;
    if *version != VERSION {
        return None;
    }
    keys.called(*id).find_map(|key| {
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(aad(front, context));
        let cookie = key.of_cookie(random)?;
        let opened = cookie.open_in_place(nonce(), aad, &mut sealed).ok()?;
        read(opened)
    })
}

fn read(opened: &[u8]) -> Option<Session> {
    let (id, rest) = opened.split_first_chunk()?;
    let (until, rest) = rest.split_first_chunk()?;
    let (rules, token) = rest.split_first_chunk()?;
    Some(Session {
        id: Id(*id),
        until: UnixTime(i64::from_be_bytes(*until)),
        rules: Fingerprint(*rules),
        token: token_text::unpack(token)?,
    })
}

fn aad(front: &[u8], context: &[u8]) -> Vec<u8> {
    [front, context].concat()
}

/// Always the same: the key is of this one cookie.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
