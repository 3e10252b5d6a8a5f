//! Secrets (`oct`): nothing about one says what it is for, so that its `alg` must.

use zeroize::Zeroizing;

use super::{
    PrivateKeyError,
    algorithm::{ContentEncryption, KeyManagement},
    key::{Material, PrivateKey},
    key_members::Members,
    key_wrap::WrappingKey,
};

/// Reads `k` and `alg`: a way to wrap keys, `dir`, or an encryption, which means `dir` with that one alone.
pub(super) fn read(members: Members<'_>) -> Result<PrivateKey, PrivateKeyError> {
    let secret = members.bytes("k")?;
    let name = members.string("alg")?;
    if let Ok(encryption) = name.parse::<ContentEncryption>() {
        let mut key = direct(secret, |other| other == encryption)?;
        key.encryption = Some(encryption);
        return Ok(key);
    }
    let algorithm = name.parse().map_err(|_| PrivateKeyError::Algorithm)?;
    match algorithm {
        KeyManagement::Dir => direct(secret, |_| true),
        KeyManagement::A128Kw | KeyManagement::A192Kw | KeyManagement::A256Kw => {
            let key = WrappingKey::new(&secret)
                .filter(|_| algorithm.wrapping_key_length() == Some(secret.len()))
                .ok_or(PrivateKeyError::Malformed("k"))?;
            Ok(PrivateKey::new(Material::Wrapping(key), vec![algorithm]))
        }
        _ => Err(PrivateKeyError::Algorithm),
    }
}

/// A key that is the content encryption key itself, of the length of a likely encryption.
fn direct(
    secret: Zeroizing<Vec<u8>>,
    likely: impl Fn(ContentEncryption) -> bool,
) -> Result<PrivateKey, PrivateKeyError> {
    let mut all = ContentEncryption::ALL.into_iter();
    if !all.any(|e| likely(e) && e.key_length() == secret.len()) {
        return Err(PrivateKeyError::Malformed("k"));
    }
    Ok(PrivateKey::new(
        Material::Direct(secret),
        vec![KeyManagement::Dir],
    ))
}
