//! `signed_jwt`: a token that the gateway signs for the upstream.

use super::{Assertion, CredentialError, order::Order};
use crate::{clock::UnixTime, signing::Claims};

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedJwt {
    /// The token.
    pub assertion: Assertion,
    /// Whether one token serves requests until shortly before it expires; else each one has its own `jti`.
    pub reuse: bool,
}

impl SignedJwt {
    /// The token for `order`. An RSA key takes a millisecond or two.
    pub(super) fn sign(&self, order: &Order, now: UnixTime) -> Result<String, CredentialError> {
        let claims: Option<Claims> = order.claims.clone();
        Ok(self.assertion.sign(claims.unwrap_or_default(), now)?)
    }
}
