//! What a verified token's claims must say (RFC 7519 §4, RFC 8725): pure, `now` is an argument.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    clock::UnixTime,
    jose::{Header, Thumbprint, Verified},
};

pub mod allowed;
pub mod audience;
pub mod path;
pub mod time;

pub use audience::Audiences;
pub use path::ClaimPath;

/// What one issuer's tokens must say, prepared from its configuration.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The issuer: `iss` equals it exactly, once more after the signature.
    pub issuer: Arc<str>,
    /// Claims that must be there and not null.
    pub require: Vec<ClaimPath>,
    /// Which audiences are allowed.
    pub audiences: Audiences,
    /// Claims that must be there with one of the listed values.
    pub allowed: Vec<(ClaimPath, Vec<Value>)>,
    /// How far clocks may differ, in seconds.
    pub clock_skew: i64,
    /// How old `iat` may be, in seconds; then `iat` must be there.
    pub max_age: Option<i64>,
}

/// A verified token that its issuer's rules accept, now and for this resource. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Identity(Verified);

/// Why the claims are refused. The texts name claims, never values of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// `exp` plus the skew has been reached.
    #[error("the token expired at {0}")]
    Expired(UnixTime),
    /// `nbf` minus the skew is in the future.
    #[error("the token is not valid before {0}")]
    NotYetValid(UnixTime),
    /// `iat` minus the skew is in the future.
    #[error("the token says it was issued at {0}, which is in the future")]
    IssuedInFuture(UnixTime),
    /// `iat` is longer ago than the issuer's `max_age`.
    #[error("the token was issued at {0}, which is too long ago")]
    TooOld(UnixTime),
    /// No `aud` value is allowed.
    #[error("the token's audience is not allowed")]
    Audience,
    /// A required or restricted claim is absent or null.
    #[error("the claim \"{0}\" is missing")]
    Missing(ClaimPath),
    /// A restricted claim has none of its allowed values.
    #[error("the claim \"{0}\" does not have an allowed value")]
    NotAllowed(ClaimPath),
    /// A registered claim has the wrong type or is out of range.
    #[error("the claim \"{claim}\" is malformed: {why}")]
    Malformed {
        /// Its name.
        claim: &'static str,
        /// What it should be.
        why: &'static str,
    },
}

/// Checks `verified` against `rules` in the order issuer, time, audience, required and allowed claims.
///
/// `resource` is the URL that was asked for (`public_url` and the canonical path), if `public_url` is set.
///
/// # Errors
/// [`ClaimsError`] is the first check that fails.
pub fn check(
    _verified: Verified,
    _rules: &Rules,
    _now: UnixTime,
    _resource: Option<&str>,
) -> Result<Identity, ClaimsError> {
    todo!()
}

impl Identity {
    /// The claims, all of them checked.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        self.0.claims()
    }

    /// The token's header.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.0.header()
    }

    /// Which key signed the token.
    #[must_use]
    pub fn key(&self) -> Thumbprint {
        self.0.key()
    }
}
