//! Keys that sign: read, made, kept in a directory, and changed without a token that is lost.
//!
//! [`SigningKey`] makes a compact JWS (RFC 7515 §7.1) of a [`Header`] and [`Claims`]: pure, with the time as an
//! argument. [`Signer`] is what a directory of keys said when it was read: which key signs at a time, and which
//! are published.
//!
//! Everything is signed by aws-lc-rs itself. jsonwebtoken has no ES512, ES256K and ML-DSA, parses the private key
//! again for each token, and would be a second way beside the one for these.

mod claims;
mod dates;
mod directory;
pub mod file;
mod header;
mod key;
mod key_error;
mod key_file;
mod pair;
mod private_jwk;
mod read;
mod settings;
mod signer;

#[cfg(test)]
mod tests;

pub use claims::{ClaimError, Claims};
pub use dates::{Dates, Life, Phase};
pub use directory::{Directory, DirectoryError, MAX_KEYS, Outcome};
pub use header::{Header, HeaderError};
pub use key::SigningKey;
pub use key_error::SigningKeyError;
pub use key_file::KeyFileError;
pub use settings::Settings;
pub use signer::{DatedKey, SignError, Signer};
