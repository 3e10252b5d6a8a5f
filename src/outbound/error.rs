//! Why there is no credential for an upstream.

use std::time::Duration;

use crate::{
    claims::ClaimPath,
    jose::json::JsonError,
    signing::{ClaimError, SignError},
};

/// Why a request has no credential for its upstream. No text holds a token, a secret or a claim's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// A claim is to flow in that the inbound token does not have.
    #[error("the token has no claim \"{0}\", which the upstream's credential is made of")]
    ClaimMissing(ClaimPath),
    /// A claim that is to flow in has another type than its new place needs.
    #[error("a claim of the token cannot be taken into the upstream's credential: {0}")]
    Claim(ClaimError),
    /// The inbound token is to flow in, and there is none.
    #[error("the request carries no token, and the upstream's credential is made of it")]
    NoToken,
    /// Nothing can be signed.
    #[error("the upstream's credential cannot be signed: {0}")]
    Sign(#[from] SignError),
    /// The authorization server gives no token to this gateway, or none for this request.
    #[error("the authorization server gives no token ({status}, {error})")]
    Refused {
        /// Its status.
        status: u16,
        /// Its `error` (RFC 6749 §5.2).
        error: Box<str>,
    },
    /// The authorization server could not be asked, or not be understood.
    #[error("the authorization server is of no use: {0}")]
    Unavailable(#[from] CallError),
}

/// Why a call to a token endpoint led nowhere. The texts name neither the URL nor what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The TLS client cannot be made.
    #[error("TLS cannot be set up: {0}")]
    Trust(String),
    /// No connection: name, route, refusal or certificate.
    #[error("no connection: {0}")]
    Connect(String),
    /// The exchange broke off.
    #[error("the exchange failed: {0}")]
    Exchange(String),
    /// The answer was not complete in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// Another status than those that mean something.
    #[error("its status is {0}")]
    Status(u16),
    /// The body is too long.
    #[error("its answer is longer than {0} bytes")]
    TooLarge(usize),
    /// The body is no strict JSON object.
    #[error("its answer is {0}")]
    Json(#[from] JsonError),
    /// The body lacks what it must have.
    #[error("its answer has no {0}")]
    Lacks(&'static str),
    /// The token is of a type that nobody here knows how to show.
    #[error("its token is no bearer token")]
    TokenType,
    /// Too many calls wait for it already.
    #[error("too many calls to it wait already")]
    Busy,
    /// Whoever made the call is gone.
    #[error("the call was given up")]
    GivenUp,
}

impl CallError {
    /// Whether nobody is there, whatever is asked.
    pub(super) const fn is_outage(&self) -> bool {
        matches!(self, Self::Trust(_) | Self::Connect(_) | Self::Timeout(_))
    }
}
