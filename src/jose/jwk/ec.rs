//! Elliptic-curve keys for ECDSA (RFC 7518 §6.2, RFC 8812).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256K1_SHA256_FIXED, ECDSA_P384_SHA384_FIXED,
    ECDSA_P521_SHA512_FIXED, EcdsaVerificationAlgorithm,
};

use super::{JwkError, Thumbprint, members::Members, public::PublicKey};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// The first byte of a point that is not compressed (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A curve, the one algorithm that JOSE uses it with, and the length of a coordinate in bytes.
///
/// Signatures are `r || s`, each as long as a coordinate: the library's other form is DER.
struct Curve {
    name: &'static str,
    algorithm: Algorithm,
    coordinate: usize,
    verification: &'static EcdsaVerificationAlgorithm,
}

static CURVES: [Curve; 4] = [
    Curve {
        name: "P-256",
        algorithm: Algorithm::Es256,
        coordinate: 32,
        verification: &ECDSA_P256_SHA256_FIXED,
    },
    Curve {
        name: "P-384",
        algorithm: Algorithm::Es384,
        coordinate: 48,
        verification: &ECDSA_P384_SHA384_FIXED,
    },
    Curve {
        name: "P-521",
        algorithm: Algorithm::Es512,
        coordinate: 66,
        verification: &ECDSA_P521_SHA512_FIXED,
    },
    Curve {
        name: "secp256k1",
        algorithm: Algorithm::Es256k,
        coordinate: 32,
        verification: &ECDSA_P256K1_SHA256_FIXED,
    },
];

/// Reads `crv`, `x` and `y`. The library refuses a point that is not on the curve.
pub(super) fn read(
    members: Members<'_>,
) -> Result<(PublicKey, AlgorithmSet, Thumbprint), JwkError> {
    let name = members.string("crv")?;
    let curve = CURVES
        .iter()
        .find(|curve| curve.name == name)
        .ok_or(JwkError::Curve)?;
    let x = coordinate(members, "x", curve)?;
    let y = coordinate(members, "y", curve)?;
    let algorithms = members.algorithms(std::iter::once(curve.algorithm).collect())?;
    let point = [&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat();
    let key = PublicKey::new(curve.verification, point).map_err(|_| JwkError::PointInvalid)?;
    Ok((key, algorithms, Thumbprint::ec(curve.name, &x, &y)))
}

/// A coordinate keeps its leading zeros (RFC 7518 §6.2.1.2).
fn coordinate(
    members: Members<'_>,
    name: &'static str,
    curve: &Curve,
) -> Result<zeroize::Zeroizing<Vec<u8>>, JwkError> {
    let bytes = members.bytes(name)?;
    if bytes.len() == curve.coordinate {
        Ok(bytes)
    } else {
        Err(JwkError::Length(name))
    }
}
