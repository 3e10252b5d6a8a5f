//! Octet key pairs for EdDSA (RFC 8037): Ed25519 only.

use aws_lc_rs::signature::{ED25519, ED25519_PUBLIC_KEY_LEN};

use super::{JwkError, Thumbprint, members::Members, point, public::PublicKey};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

const CURVE: &str = "Ed25519";

/// Reads `crv` and `x`. The library takes any 32 bytes, so the point is looked at here.
pub(super) fn read(
    members: Members<'_>,
) -> Result<(PublicKey, AlgorithmSet, Thumbprint), JwkError> {
    if members.string("crv")? != CURVE {
        return Err(JwkError::Curve);
    }
    let x = members.bytes("x")?;
    if x.len() != ED25519_PUBLIC_KEY_LEN {
        return Err(JwkError::Length("x"));
    }
    point::check(&x)?;
    let possible = [Algorithm::EdDsa, Algorithm::Ed25519].into_iter().collect();
    let algorithms = members.algorithms(possible)?;
    let key = PublicKey::new(&ED25519, x.as_slice())?;
    Ok((key, algorithms, Thumbprint::okp(CURVE, &x)))
}
