//! RSA keys for OAEP (RFC 7518 §4.3).

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
    },
    signature::RsaKeyPair,
};
use zeroize::Zeroizing;

use super::{PrivateKeyError, algorithm::KeyManagement, key_members::Members};

/// A private key of 2048 to 8192 bits: the library refuses others.
pub(super) struct RsaKey(OaepPrivateDecryptingKey);

impl RsaKey {
    /// From PKCS#8.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, PrivateKeyError> {
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| PrivateKeyError::Invalid)?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| PrivateKeyError::Invalid)?;
        Ok(Self(key))
    }

    /// From PKCS#1.
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, PrivateKeyError> {
        let pair = RsaKeyPair::from_der(der).map_err(|_| PrivateKeyError::Invalid)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| PrivateKeyError::Invalid)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// From a JWK with all of its private members (RFC 7518 §6.3.2).
    pub(super) fn from_jwk(members: Members<'_>) -> Result<Self, PrivateKeyError> {
        let mut numbers = Zeroizing::new(Vec::new());
        numbers.extend_from_slice(&[INTEGER, 1, 0]);
        for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
            let bytes = members.bytes(name)?;
            append_integer(&mut numbers, &bytes).ok_or(PrivateKeyError::Malformed(name))?;
        }
        let mut der = Zeroizing::new(vec![SEQUENCE]);
        append_length(&mut der, numbers.len()).ok_or(PrivateKeyError::Invalid)?;
        der.extend_from_slice(&numbers);
        Self::from_pkcs1(&der)
    }

    /// The key of `length` bytes inside `wrapped`; `None`, whatever is wrong.
    pub(super) fn unwrap(
        &self,
        algorithm: KeyManagement,
        wrapped: &[u8],
        length: usize,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let oaep = match algorithm {
            KeyManagement::RsaOaep => &OAEP_SHA1_MGF1SHA1,
            KeyManagement::RsaOaep256 => &OAEP_SHA256_MGF1SHA256,
            _ => return None,
        };
        if wrapped.len() != self.0.key_size_bytes() {
            return None;
        }
        let mut output = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let found = self.0.decrypt(oaep, wrapped, &mut output, None).ok()?.len();
        (found == length).then(|| {
            output.truncate(length);
            output
        })
    }
}

const INTEGER: u8 = 2;
const SEQUENCE: u8 = 0x30;

/// The longest number of a key of 8192 bits, in bytes.
const MAX_NUMBER: usize = 1024;

/// Appends an unsigned number in DER; `None` when it is too long.
fn append_integer(der: &mut Vec<u8>, number: &[u8]) -> Option<()> {
    let leading = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(leading..).filter(|n| n.len() <= MAX_NUMBER)?;
    // A set high bit would make it negative, and nothing at all is no number.
    let pad = number.first().is_none_or(|byte| byte & 0x80 != 0);
    der.push(INTEGER);
    append_length(der, number.len() + usize::from(pad))?;
    if pad {
        der.push(0);
    }
    der.extend_from_slice(number);
    Some(())
}

/// Appends a length below 64 KiB in DER; `None` when it is longer.
fn append_length(der: &mut Vec<u8>, length: usize) -> Option<()> {
    let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
    match (high, low) {
        (0, 0..=127) => der.push(low),
        (0, _) => der.extend_from_slice(&[0x81, low]),
        _ => der.extend_from_slice(&[0x82, high, low]),
    }
    Some(())
}
