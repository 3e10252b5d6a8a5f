//! A public key as X.509 writes it (RFC 5280 §4.1.2.7), told as the members of a JWK. So it is checked
//! by the same code as every other key.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use spki::{
    ObjectIdentifier, SubjectPublicKeyInfoRef,
    der::{
        Decode as _, Reader as _, Tag, TagNumber,
        asn1::{AnyRef, UintRef},
    },
};

use crate::jose::algorithm::{Algorithm, AlgorithmSet};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// ML-DSA's parameter sets, by their names in JOSE (RFC 9881 §2).
const ML_DSA: [(ObjectIdentifier, &str); 3] = [
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"),
        "ML-DSA-44",
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"),
        "ML-DSA-65",
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"),
        "ML-DSA-87",
    ),
];

/// A curve, its name in JOSE, and the length of a coordinate in bytes.
const CURVES: [(ObjectIdentifier, &str, usize); 4] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        "P-256",
        32,
    ),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "P-384", 48),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "P-521", 66),
    (
        ObjectIdentifier::new_unwrap("1.3.132.0.10"),
        "secp256k1",
        32,
    ),
];

/// The hashes that a key for RSASSA-PSS may be bound to (RFC 4055 §2.1), and what is signed with them.
const HASHES: [(ObjectIdentifier, Algorithm); 3] = [
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
        Algorithm::Ps256,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
        Algorithm::Ps384,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
        Algorithm::Ps512,
    ),
];

/// The first byte of a point that is not compressed (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// Why a public key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpkiError {
    /// It is no SubjectPublicKeyInfo in DER.
    #[error("the public key cannot be read")]
    Malformed,
    /// It is of a kind that nothing is verified with.
    #[error("its public key is of a kind that is not supported: RSA, EC, Ed25519 and ML-DSA are")]
    Kind,
    /// Its curve is not one that is verified on.
    #[error("its curve is not supported: P-256, P-384, P-521 and secp256k1 are")]
    Curve,
    /// Its point is compressed, or of the wrong length.
    #[error("its point is not an uncompressed point of the curve")]
    Point,
    /// It is bound to a hash for RSASSA-PSS that JOSE does not use.
    #[error("it is bound to a hash that no algorithm uses")]
    Hash,
}

/// The members that say the key, and the algorithms that it is bound to, if it is.
pub(super) struct SubjectPublicKey {
    pub(super) members: Map<String, Value>,
    pub(super) bound: Option<AlgorithmSet>,
}

/// The members that say the key of a SubjectPublicKeyInfo: `kty` and those that belong to it.
///
/// # Errors
/// [`SpkiError`] when it is not of a kind that something is verified with.
pub fn public_members(der: &[u8]) -> Result<Map<String, Value>, SpkiError> {
    read(der).map(|key| key.members)
}

/// Reads a SubjectPublicKeyInfo.
pub(super) fn read(der: &[u8]) -> Result<SubjectPublicKey, SpkiError> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| SpkiError::Malformed)?;
    let key = info.subject_public_key.as_bytes();
    let key = key.ok_or(SpkiError::Malformed)?;
    let parameters = info.algorithm.parameters;
    let (members, bound) = match info.algorithm.oid {
        RSA => (rsa_members(key)?, None),
        RSA_PSS => (rsa_members(key)?, Some(pss(parameters)?)),
        EC => (ec_members(parameters, key)?, None),
        ED25519 => (of([("kty", "OKP"), ("crv", "Ed25519")], [("x", key)]), None),
        oid => (ml_dsa_members(oid, key)?, None),
    };
    Ok(SubjectPublicKey { members, bound })
}

/// Reads an RSAPublicKey of PKCS#1 (RFC 8017 §A.1.1).
pub(super) fn read_pkcs1(der: &[u8]) -> Result<SubjectPublicKey, SpkiError> {
    let members = rsa_members(der)?;
    Ok(SubjectPublicKey {
        members,
        bound: None,
    })
}

fn rsa_members(der: &[u8]) -> Result<Map<String, Value>, SpkiError> {
    let numbers = AnyRef::from_der(der).and_then(|any| {
        any.sequence(|reader| {
            let n = UintRef::decode(reader)?;
            let e = UintRef::decode(reader)?;
            Ok::<_, spki::der::Error>((n, e))
        })
    });
    let (n, e) = numbers.map_err(|_| SpkiError::Malformed)?;
    let numbers = [("n", n.as_bytes()), ("e", e.as_bytes())];
    Ok(of([("kty", "RSA")], numbers))
}

fn ml_dsa_members(oid: ObjectIdentifier, key: &[u8]) -> Result<Map<String, Value>, SpkiError> {
    let set = ML_DSA.iter().find(|(known, _)| *known == oid);
    let (_, name) = set.ok_or(SpkiError::Kind)?;
    Ok(of([("kty", "AKP"), ("alg", name)], [("pub", key)]))
}

fn ec_members(
    parameters: Option<AnyRef<'_>>,
    point: &[u8],
) -> Result<Map<String, Value>, SpkiError> {
    let curve = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let curve = curve.and_then(|oid| CURVES.iter().find(|(known, _, _)| *known == oid));
    let (_, name, length) = curve.ok_or(SpkiError::Curve)?;
    let (form, coordinates) = point.split_first().ok_or(SpkiError::Point)?;
    if *form != UNCOMPRESSED || coordinates.len() != length * 2 {
        return Err(SpkiError::Point);
    }
    let (x, y) = coordinates.split_at(*length);
    Ok(of([("kty", "EC"), ("crv", name)], [("x", x), ("y", y)]))
}

/// What the parameters of a key for RSASSA-PSS leave: without any it serves every hash. With some it
/// serves the one that they name, and SHA-1, their default, is none of ours.
fn pss(parameters: Option<AnyRef<'_>>) -> Result<AlgorithmSet, SpkiError> {
    let Some(parameters) = parameters else {
        return Ok(HASHES.iter().map(|(_, algorithm)| *algorithm).collect());
    };
    let hash = parameters.sequence(|reader| {
        let mut hash = None;
        while !reader.is_finished() {
            let field = AnyRef::decode(reader)?;
            let is_hash = matches!(
                field.header().tag(),
                Tag::ContextSpecific {
                    number: TagNumber(0),
                    ..
                }
            );
            if is_hash {
                let identifier = AnyRef::from_der(field.value())?;
                hash = Some(identifier.sequence(|reader| {
                    let oid = ObjectIdentifier::decode(reader)?;
                    let _ = Option::<AnyRef<'_>>::decode(reader)?;
                    Ok::<_, spki::der::Error>(oid)
                })?);
            }
        }
        Ok::<_, spki::der::Error>(hash)
    });
    let hash = hash.map_err(|_| SpkiError::Malformed)?;
    let known = HASHES.iter().find(|(oid, _)| Some(*oid) == hash);
    let (_, algorithm) = known.ok_or(SpkiError::Hash)?;
    Ok(std::iter::once(*algorithm).collect())
}

fn of<const N: usize, const B: usize>(
    names: [(&str, &str); N],
    bytes: [(&str, &[u8]); B],
) -> Map<String, Value> {
    let names = names
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)));
    let bytes = bytes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), URL_SAFE_NO_PAD.encode(value).into()));
    names.chain(bytes).collect()
}
