//! Encrypted tokens: the JWE compact serialisation (RFC 7516 §7.1) around a signed token.
//!
//! [`parse`] makes [`Encrypted`] from what anybody can see, [`decrypt`] makes [`Decrypted`] with a key of
//! the gateway's. What was encrypted must be a signed token, and nothing is proved of it: it goes the way
//! of every other, beginning with [`super::compact::parse`].

mod agreement;
mod algorithm;
mod compact;
mod content;
mod decrypt;
mod error;
mod header;
mod key;
mod key_agreement;
mod key_file;
mod key_members;
mod key_rsa;
mod key_secret;
mod key_wrap;
mod keychain;

#[cfg(test)]
mod tests;

pub use algorithm::{ContentEncryption, KeyManagement};
pub use compact::{Encrypted, is_encrypted, parse};
pub use decrypt::{Decrypted, decrypt};
pub use error::{JweError, PrivateKeyError};
pub use header::JweHeader;
pub use key::PrivateKey;
pub use key_file::read as read_keys;
pub use keychain::{HeldKey, Keychain, MAX_TRIES};
