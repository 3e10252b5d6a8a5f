//! Private keys as people keep them: PEM, DER, or a JWK.

use rustls_pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde_json::Value;
use zeroize::Zeroize as _;

use super::{SigningKey, SigningKeyError, key::Labels, pair::Pair, private_jwk};
use crate::jose::{Algorithm, json};

/// What a PEM file of a key with a passphrase says, in its label or in its headers.
const ENCRYPTED: &[u8] = b"ENCRYPTED";
const BEGIN: &[u8] = b"-----BEGIN ";
/// The first byte of a key in DER.
const SEQUENCE: u8 = 0x30;

pub(super) fn read(
    document: &[u8],
    algorithm: Option<Algorithm>,
) -> Result<SigningKey, SigningKeyError> {
    let begins = document.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins == Some(&b'{') {
        let mut jwk = Value::Object(json::parse_object(document)?);
        let key = private_jwk::read(&jwk, algorithm);
        json::wipe(&mut jwk);
        return key;
    }
    let pair = if memchr::memmem::find(document, BEGIN).is_some() {
        from_pem(document)?
    } else if document.first() == Some(&SEQUENCE) {
        from_der(document)?
    } else {
        return Err(SigningKeyError::NoKey);
    };
    SigningKey::of_pair(pair, algorithm, Labels::default())
}

fn from_pem(document: &[u8]) -> Result<Pair, SigningKeyError> {
    if memchr::memmem::find(document, ENCRYPTED).is_some() {
        return Err(SigningKeyError::Encrypted);
    }
    let mut keys = PrivateKeyDer::pem_slice_iter(document);
    let mut key = keys
        .next()
        .and_then(Result::ok)
        .ok_or(SigningKeyError::NoKey)?;
    let pair = match (&key, keys.next()) {
        (_, Some(_)) => Err(SigningKeyError::Several),
        (PrivateKeyDer::Pkcs8(der), None) => Pair::from_pkcs8(der.secret_pkcs8_der()),
        (PrivateKeyDer::Pkcs1(der), None) => Pair::from_pkcs1(der.secret_pkcs1_der()),
        (PrivateKeyDer::Sec1(der), None) => Pair::from_sec1(der.secret_sec1_der()),
        (_, None) => Err(SigningKeyError::NoKey),
    };
    key.zeroize();
    pair
}

/// Nothing in DER says which of the three it is.
fn from_der(document: &[u8]) -> Result<Pair, SigningKeyError> {
    let attempts = [Pair::from_pkcs8, Pair::from_pkcs1, Pair::from_sec1];
    let mut why = SigningKeyError::Invalid;
    for attempt in attempts {
        match attempt(document) {
            Ok(pair) => return Ok(pair),
            Err(SigningKeyError::Weak) => why = SigningKeyError::Weak,
            Err(_) => {}
        }
    }
    Err(why)
}
