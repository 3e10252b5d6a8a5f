//! Private keys as operators keep them: PEM, one JWK, or a JWK set.

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::{
    PrivateKeyDer,
    pem::{self, PemObject as _},
};
use serde_json::Value;
use zeroize::Zeroize as _;

use super::{PrivateKeyError, key::PrivateKey};
use crate::jose::json;

/// How many keys one document may hold.
const MAX_KEYS: usize = 100;

/// Every private key in `document`. One that cannot be used is an error: nobody else wrote it.
///
/// # Errors
/// [`PrivateKeyError`] says why one of them cannot be used, or that there is none.
pub fn read(document: &[u8]) -> Result<Vec<PrivateKey>, PrivateKeyError> {
    let begins = document.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut keys = match begins {
        Some(b'{') => from_json(document)?,
        _ => from_pem(document)?,
    };
    let digest = digest(&SHA256, document);
    for key in &mut keys {
        key.origin.copy_from_slice(digest.as_ref());
    }
    match keys.len() {
        0 => Err(PrivateKeyError::NoKey),
        1..=MAX_KEYS => Ok(keys),
        _ => Err(PrivateKeyError::TooMany(MAX_KEYS)),
    }
}

fn from_json(document: &[u8]) -> Result<Vec<PrivateKey>, PrivateKeyError> {
    let mut document = Value::Object(json::parse_object(document)?);
    let keys = match document.get("keys") {
        Some(Value::Array(keys)) if keys.len() <= MAX_KEYS => {
            keys.iter().map(PrivateKey::from_jwk).collect()
        }
        Some(Value::Array(_)) => Err(PrivateKeyError::TooMany(MAX_KEYS)),
        Some(_) => Err(PrivateKeyError::Malformed("keys")),
        None => PrivateKey::from_jwk(&document).map(|key| vec![key]),
    };
    json::wipe(&mut document);
    keys
}

fn from_pem(document: &[u8]) -> Result<Vec<PrivateKey>, PrivateKeyError> {
    let keys = PrivateKeyDer::pem_slice_iter(document).take(MAX_KEYS + 1);
    keys.map(one).collect()
}

fn one(der: Result<PrivateKeyDer<'static>, pem::Error>) -> Result<PrivateKey, PrivateKeyError> {
    let mut der = der.map_err(|_| PrivateKeyError::NoKey)?;
    let key = match &der {
        PrivateKeyDer::Pkcs8(der) => PrivateKey::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => PrivateKey::from_pkcs1(der.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(der) => PrivateKey::from_sec1(der.secret_sec1_der()),
        _ => Err(PrivateKeyError::NoKey),
    };
    der.zeroize();
    key
}
