//! Shared secrets for HMAC (RFC 7518 §3.2, §6.4).

use aws_lc_rs::hmac;

use super::{BadSignature, JwkError, Thumbprint, members::Members};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// An HMAC algorithm, and the least length of its secret in bytes: that of its hash.
const ALGORITHMS: [(Algorithm, hmac::Algorithm, usize); 3] = [
    (Algorithm::Hs256, hmac::HMAC_SHA256, 32),
    (Algorithm::Hs384, hmac::HMAC_SHA384, 48),
    (Algorithm::Hs512, hmac::HMAC_SHA512, 64),
];

/// A secret, made ready for each of its algorithms. The library wipes it when dropped.
pub(super) struct OctKey(Box<[(Algorithm, hmac::Key)]>);

/// Reads `k`. With no `alg` the secret serves every algorithm that it is long enough for.
pub(super) fn read(members: Members<'_>) -> Result<(OctKey, AlgorithmSet, Thumbprint), JwkError> {
    let secret = members.bytes("k")?;
    let every = ALGORITHMS
        .iter()
        .map(|(algorithm, _, _)| *algorithm)
        .collect();
    let asked = members.algorithms(every)?;
    from_secret(&secret, asked)
}

/// A key for those of `asked` that `secret` is long enough for.
pub(super) fn from_secret(
    secret: &[u8],
    asked: AlgorithmSet,
) -> Result<(OctKey, AlgorithmSet, Thumbprint), JwkError> {
    let asked = || {
        ALGORITHMS
            .iter()
            .filter(move |(algorithm, _, _)| asked.contains(*algorithm))
    };
    let least = asked()
        .map(|(_, _, least)| *least)
        .min()
        .ok_or(JwkError::AlgorithmMismatch)?;
    if secret.len() < least {
        return Err(JwkError::SecretTooShort {
            found: secret.len(),
            least,
        });
    }
    let keys: Box<[_]> = asked()
        .filter(|(_, _, least)| secret.len() >= *least)
        .map(|(algorithm, hmac, _)| (*algorithm, hmac::Key::new(*hmac, secret)))
        .collect();
    let algorithms = keys.iter().map(|(algorithm, _)| *algorithm).collect();
    Ok((OctKey(keys), algorithms, Thumbprint::oct(secret)))
}

impl OctKey {
    /// Compares in constant time, and the whole tag: a shortened one is refused.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let (_, key) = self
            .0
            .iter()
            .find(|(own, _)| *own == algorithm)
            .ok_or(BadSignature)?;
        hmac::verify(key, message, signature).map_err(|_| BadSignature)
    }
}
