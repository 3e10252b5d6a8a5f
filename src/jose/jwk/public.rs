//! A public key that is kept as its bytes, and parsed when a signature first asks for it.
//!
//! The library's parsed form takes about a kilobyte. A registry of a hundred thousand issuers holds as
//! many keys, and few of them sign today's tokens.

use std::sync::OnceLock;

use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};

use super::{BadSignature, JwkError};

/// A public key for one algorithm of the library, which has accepted it.
pub(super) struct PublicKey {
    verification: &'static dyn VerificationAlgorithm,
    bytes: Box<[u8]>,
    parsed: Parsed,
}

/// The place of a parsed key. A key is tried before it is kept, so `None` is not expected here.
#[derive(Default)]
pub(super) struct Parsed(OnceLock<Option<Box<ParsedPublicKey>>>);

impl PublicKey {
    /// The key that the library reads from `bytes`. What it made of them is not kept yet.
    pub(super) fn new(
        verification: &'static dyn VerificationAlgorithm,
        bytes: impl Into<Box<[u8]>>,
    ) -> Result<Self, JwkError> {
        let bytes = bytes.into();
        ParsedPublicKey::new(verification, &bytes).map_err(|_| JwkError::Invalid)?;
        Ok(Self {
            verification,
            bytes,
            parsed: Parsed::default(),
        })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.parsed
            .get(self.verification, &self.bytes)?
            .verify_sig(message, signature)
            .map_err(|_| BadSignature)
    }
}

impl Parsed {
    /// What `verification` makes of `bytes`: the same two at each call.
    pub(super) fn get(
        &self,
        verification: &'static dyn VerificationAlgorithm,
        bytes: &[u8],
    ) -> Result<&ParsedPublicKey, BadSignature> {
        let parse = || ParsedPublicKey::new(verification, bytes).ok().map(Box::new);
        self.0.get_or_init(parse).as_deref().ok_or(BadSignature)
    }
}
