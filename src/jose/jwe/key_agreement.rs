//! Private keys for agreement: on P-256, P-384, P-521 or X25519.

use aws_lc_rs::agreement;

use super::{
    PrivateKeyError,
    agreement::{AgreementKey, Curve},
    key_members::Members,
};

/// What stands before an X25519 key in PKCS#8 (RFC 8410 §7).
pub(super) const X25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
];

/// Reads `crv`, `d` and the public half, which must belong to it.
pub(super) fn from_jwk(members: Members<'_>, kty: &str) -> Result<AgreementKey, PrivateKeyError> {
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

/// From PKCS#8 (RFC 5208; X25519: RFC 8410).
pub(super) fn from_pkcs8(der: &[u8]) -> Result<AgreementKey, PrivateKeyError> {
    match der.strip_prefix(&X25519_PKCS8) {
        Some(raw) => private(Curve::X25519, raw),
        // The library reads both forms.
        None => from_sec1(der),
    }
}

/// From SEC1 (RFC 5915).
pub(super) fn from_sec1(der: &[u8]) -> Result<AgreementKey, PrivateKeyError> {
    let read = |curve: Curve| {
        let private = agreement::PrivateKey::from_private_key_der(curve.algorithm(), der).ok()?;
        Some(AgreementKey { curve, private })
    };
    let key = Curve::ALL.into_iter().find_map(read);
    key.ok_or(PrivateKeyError::Invalid)
}
