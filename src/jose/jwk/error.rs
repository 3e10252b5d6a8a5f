//! Why a key, a key set or a signature is refused.

use super::certificate::CertificateError;
use crate::jose::json::JsonError;

/// Why a JWK cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// The entry is not a JSON object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A member that this kind of key needs is absent.
    #[error("\"{0}\" is missing")]
    Missing(&'static str),
    /// A member has the wrong JSON type; a numeric `kid` is here.
    #[error("\"{0}\" has the wrong type")]
    WrongType(&'static str),
    /// A member is not base64url without padding, or is empty, or has needless leading zeros.
    #[error("\"{0}\" is not a base64url value in its shortest form")]
    Encoding(&'static str),
    /// `kty` is none of RSA, EC, OKP, AKP and oct.
    #[error("its \"kty\" is not supported")]
    KeyType,
    /// `crv` is not a curve that the gateway verifies on.
    #[error("its \"crv\" is not supported")]
    Curve,
    /// `alg` names nothing that the gateway verifies; algorithms for encryption are here.
    #[error("its \"alg\" is not a supported signature algorithm")]
    AlgorithmUnknown,
    /// `alg` does not go with the key's type, curve or length.
    #[error("its \"alg\" is not one for such a key")]
    AlgorithmMismatch,
    /// `use` is not `sig`.
    #[error("its \"use\" is not \"sig\"")]
    Use,
    /// `key_ops` does not hold `verify`, or holds a name twice.
    #[error("its \"key_ops\" do not allow to verify")]
    KeyOperations,
    /// It holds private members: whoever could read the set can sign.
    #[error("it holds a private key, which is compromised by being published")]
    Private,
    /// A shared secret in a set that was published.
    #[error("it is a shared secret, and this set may hold public keys only")]
    SymmetricRefused,
    /// A shared secret beside public keys.
    #[error("it is a shared secret in a set that also holds public keys")]
    SymmetricMixed,
    /// A shared secret shorter than the hash that it is for (RFC 7518 §3.2).
    #[error("the shared secret is {found} bytes long, and at least {least} are needed")]
    SecretTooShort {
        /// Its length in bytes.
        found: usize,
        /// The least length in bytes.
        least: usize,
    },
    /// An RSA modulus that is not 2048 to 8192 bits long.
    #[error("its modulus has {bits} bits, and 2048 to 8192 are allowed")]
    ModulusLength {
        /// Its length in bits.
        bits: usize,
    },
    /// An RSA modulus that is even, and so no product of two large primes.
    #[error("its modulus is even")]
    ModulusEven,
    /// An RSA modulus with the fingerprint of a flawed generator (ROCA, CVE-2017-15361).
    #[error("its modulus comes from a flawed generator (ROCA)")]
    ModulusWeak,
    /// An RSA exponent that is even, below 3 or longer than 33 bits.
    #[error("its exponent is not an odd number from 3 to 33 bits")]
    Exponent,
    /// A coordinate or public key that does not have the length of its curve or parameter set.
    #[error("\"{0}\" does not have the length that the curve or the algorithm asks for")]
    Length(&'static str),
    /// The cryptographic library refuses it.
    #[error("it is not a valid public key")]
    Invalid,
    /// A point that is not on its curve, or is written in another form than its one.
    #[error("its point is not on the curve")]
    PointInvalid,
    /// A point of low order: signatures that verify with it can be made without its private key.
    #[error("its point has a low order, so that anybody could sign for it")]
    PointLowOrder,
    /// `x5c` is not an array of base64 strings.
    #[error("its \"x5c\" is not a list of certificates")]
    Chain,
    /// The first certificate of `x5c` cannot be used.
    #[error("its \"x5c\": {0}")]
    Certificate(#[from] CertificateError),
    /// The first certificate of `x5c` is for another key than the JWK says.
    #[error("its \"x5c\" is a certificate for another key")]
    CertificateMismatch,
    /// An earlier key of the set has its `kid`, and an algorithm in common with it.
    #[error("an earlier key of the set has the same \"kid\"")]
    DuplicateKid,
    /// The set holds more than [`super::MAX_KEYS`] keys, used or not. One entry stands for all that
    /// follow.
    #[error("the set holds too many keys: the last {0} entries are not read")]
    TooMany(usize),
}

/// Why a document is no key set at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetError {
    /// Not a strict JSON object.
    #[error("the key set is {0}")]
    Json(#[from] JsonError),
    /// There is no `keys`, or it is neither an array nor an object of JWKs.
    #[error("the key set has no \"keys\" array")]
    NoKeys,
}

/// A signature that does not fit: nothing is said about why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;
