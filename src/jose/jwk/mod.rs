//! JSON Web Keys (RFC 7517): each is parsed once, and bound to the algorithms that it is for.
//!
//! What a key may verify is settled when it is read, by its `kty`, `crv`, `alg`, `use` and `key_ops`.
//! No token can change it: a public key never becomes an HMAC secret.

mod akp;
mod certificate;
mod ec;
mod encoded;
mod error;
mod key;
mod members;
mod oct;
mod okp;
mod point;
mod public;
mod roca;
mod rsa;
mod set;
mod spki;
mod thumbprint;
mod x5c;

#[cfg(test)]
mod tests;

pub use certificate::{CertificateError, CertificateFacts, Validity};
pub use encoded::EncodedKeyError;
pub use error::{BadSignature, JwkError, JwkSetError};
pub use key::{Key, Symmetric};
pub use set::{JwkSet, MAX_KEYS, Skipped, from_values, parse_set};
pub use spki::{SpkiError, public_members};
pub use thumbprint::Thumbprint;
