//! RSA keys (RFC 7518 §6.3).

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use super::{BadSignature, JwkError, Thumbprint, members::Members, public::Parsed, roca};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The cryptographic library takes no longer exponent.
const MAX_EXPONENT_BITS: usize = 33;

/// An RSA public key, encoded, and parsed for each of its algorithms when a token first asks for it:
/// the library binds a parsed key to one algorithm, and few keys serve two.
pub(super) struct RsaKey {
    encoded: Box<[u8]>,
    parsed: Box<[(Algorithm, Parsed)]>,
}

/// Reads `n` and `e`, and says which algorithms the key is for.
pub(super) fn read(members: Members<'_>) -> Result<(RsaKey, AlgorithmSet, Thumbprint), JwkError> {
    let n = members.bytes("n")?;
    let e = members.bytes("e")?;
    // RFC 7518 §2 forbids leading zeros, and many issuers copy the one of the DER integer into `n`.
    let n = n.strip_prefix(&[0]).unwrap_or(&n);
    check_modulus(n)?;
    check_exponent(&e)?;
    let algorithms = members.algorithms(possible())?;
    Ok((
        RsaKey::new(n, &e, algorithms)?,
        algorithms,
        Thumbprint::rsa(&e, n),
    ))
}

impl RsaKey {
    fn new(n: &[u8], e: &[u8], algorithms: AlgorithmSet) -> Result<Self, JwkError> {
        let usable = || {
            algorithms
                .iter()
                .filter_map(|algorithm| Some((algorithm, parameters(algorithm)?)))
        };
        let (_, parameters) = usable().next().ok_or(JwkError::AlgorithmMismatch)?;
        let key = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(parameters)
            .map_err(|_| JwkError::Invalid)?;
        // The library makes its own checks only when it reads a key that is encoded.
        ParsedPublicKey::new(parameters, &key).map_err(|_| JwkError::Invalid)?;
        Ok(Self {
            encoded: key.as_ref().into(),
            parsed: usable()
                .map(|(algorithm, _)| (algorithm, Parsed::default()))
                .collect(),
        })
    }

    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let parameters = parameters(algorithm).ok_or(BadSignature)?;
        let (_, parsed) = self
            .parsed
            .iter()
            .find(|(own, _)| *own == algorithm)
            .ok_or(BadSignature)?;
        parsed
            .get(parameters, &self.encoded)?
            .verify_sig(message, signature)
            .map_err(|_| BadSignature)
    }
}

fn check_modulus(n: &[u8]) -> Result<(), JwkError> {
    let bits = bit_length(n).ok_or(JwkError::Encoding("n"))?;
    if !MODULUS_BITS.contains(&bits) {
        return Err(JwkError::ModulusLength { bits });
    }
    if !is_odd(n) {
        return Err(JwkError::ModulusEven);
    }
    if roca::has_fingerprint(n) {
        Err(JwkError::ModulusWeak)
    } else {
        Ok(())
    }
}

/// Refuses an exponent of 1, with which every message is its own signature, and even ones, which have
/// no inverse. An exponent of 3 is rare and sound: padding is compared as a whole.
fn check_exponent(e: &[u8]) -> Result<(), JwkError> {
    let bits = bit_length(e).ok_or(JwkError::Encoding("e"))?;
    if is_odd(e) && bits > 1 && bits <= MAX_EXPONENT_BITS {
        Ok(())
    } else {
        Err(JwkError::Exponent)
    }
}

/// How many bits a big-endian number has; nothing when it begins with a zero byte.
fn bit_length(number: &[u8]) -> Option<usize> {
    let (first, rest) = number.split_first().filter(|(first, _)| **first != 0)?;
    Some(rest.len() * 8 + first.checked_ilog2()? as usize + 1)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

fn possible() -> AlgorithmSet {
    Algorithm::ALL
        .into_iter()
        .filter(|algorithm| parameters(*algorithm).is_some())
        .collect()
}

/// The library's name for `algorithm`. For PSS the salt is as long as the hash (RFC 7518 §3.5).
const fn parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::Es256k
        | Algorithm::EdDsa
        | Algorithm::Ed25519
        | Algorithm::MlDsa44
        | Algorithm::MlDsa65
        | Algorithm::MlDsa87
        | Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512 => None,
    }
}
