//! Algorithm key pairs for ML-DSA (RFC 9964): the key names the one algorithm that it is for.

use aws_lc_rs::signature::{ML_DSA_44, ML_DSA_65, ML_DSA_87, PqdsaVerificationAlgorithm};

use super::{JwkError, Thumbprint, members::Members, public::PublicKey};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// A parameter set of FIPS 204, and the length of its public key in bytes.
struct ParameterSet {
    algorithm: Algorithm,
    public_key: usize,
    verification: &'static PqdsaVerificationAlgorithm,
}

static PARAMETER_SETS: [ParameterSet; 3] = [
    ParameterSet {
        algorithm: Algorithm::MlDsa44,
        public_key: 1312,
        verification: &ML_DSA_44,
    },
    ParameterSet {
        algorithm: Algorithm::MlDsa65,
        public_key: 1952,
        verification: &ML_DSA_65,
    },
    ParameterSet {
        algorithm: Algorithm::MlDsa87,
        public_key: 2592,
        verification: &ML_DSA_87,
    },
];

/// Reads `alg`, which must be there, and `pub`.
pub(super) fn read(
    members: Members<'_>,
) -> Result<(PublicKey, AlgorithmSet, Thumbprint), JwkError> {
    let name = members.string("alg")?;
    let algorithm: Algorithm = name.parse().map_err(|_| JwkError::AlgorithmUnknown)?;
    let set = PARAMETER_SETS
        .iter()
        .find(|set| set.algorithm == algorithm)
        .ok_or(JwkError::AlgorithmMismatch)?;
    let public = members.bytes("pub")?;
    // The library takes the X.509 form too: the length leaves the bare key alone.
    if public.len() != set.public_key {
        return Err(JwkError::Length("pub"));
    }
    let key = PublicKey::new(set.verification, public.as_slice())?;
    let algorithms = std::iter::once(algorithm).collect();
    Ok((key, algorithms, Thumbprint::akp(name, &public)))
}
