//! What goes wrong: what the client is told (RFC 6749 §5.2), and what only the log says.

use std::sync::Arc;

use http::StatusCode;

use crate::{issuer::KeyError, signing::SignError, store::StoreError};

/// An error response. No text says more than a stranger may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// `invalid_request`.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The body is no form.
    #[error("Send the parameters as application/x-www-form-urlencoded.")]
    NotAForm,
    /// `invalid_client`, with or without a challenge for Basic authentication.
    #[error("The client is not known, or did not prove who it is.")]
    InvalidClient {
        /// Whether it tried Basic authentication.
        basic: bool,
    },
    /// `invalid_grant`.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// `unauthorized_client`.
    #[error("The client may not use this grant.")]
    UnauthorizedClient,
    /// `unsupported_grant_type`.
    #[error("The grant type is not supported.")]
    UnsupportedGrantType,
    /// `invalid_scope`.
    #[error("A scope is malformed, or not one of the client's.")]
    InvalidScope,
    /// `invalid_token`: the token that a request is about and by which it is let in.
    #[error("The token is not active.")]
    InvalidToken,
}

/// Why a request fails: the error, and what only the log may know.
#[derive(Debug)]
pub struct Failure {
    /// What the client is told.
    pub error: OAuthError,
    /// What the log is told beside it.
    pub cause: String,
    /// The client, if it is a registered one.
    pub client: Option<Arc<str>>,
    /// Whether somebody may be guessing.
    pub is_guess: bool,
}

/// Why the token service does not answer in its own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// Too many requests of this client or address have failed.
    #[error("too many requests failed; the next may come in {0} s")]
    TooManyFailures(i64),
    /// What must be remembered cannot be.
    #[error("the token service cannot remember: {0}")]
    Store(#[from] StoreError),
    /// The keys of the client cannot be had now.
    #[error("the client's keys: {0}")]
    Keys(KeyError),
    /// No token can be signed.
    #[error("no token can be signed: {0}")]
    Signing(#[from] SignError),
    /// There is no randomness, or a thread ended.
    #[error("no token can be made")]
    Internal,
}

/// Why a request is not granted.
#[derive(Debug)]
pub(super) enum Refused {
    /// The client is told by an error response.
    Failure(Box<Failure>),
    /// The gateway answers.
    Service(ServiceError),
}

impl OAuthError {
    /// The `error` of the response.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::NotAForm => "invalid_request",
            Self::InvalidClient { .. } => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidToken => "invalid_token",
        }
    }

    /// Its status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidClient { .. } => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest(_)
            | Self::InvalidGrant(_)
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidToken => StatusCode::BAD_REQUEST,
        }
    }

    /// This error, for a reason that the log is told.
    pub(super) fn because(self, cause: impl ToString) -> Refused {
        Refused::Failure(Box::new(Failure {
            error: self,
            cause: cause.to_string(),
            client: None,
            is_guess: false,
        }))
    }
}

impl Refused {
    /// The same, of a registered client.
    pub(super) fn of(mut self, client: &Arc<str>) -> Self {
        if let Self::Failure(failure) = &mut self {
            failure.client = Some(Arc::clone(client));
        }
        self
    }

    /// The same, where somebody may be guessing.
    pub(super) fn guessed(mut self) -> Self {
        if let Self::Failure(failure) = &mut self {
            failure.is_guess = true;
        }
        self
    }
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        error.because(error)
    }
}

impl From<ServiceError> for Refused {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Service(error.into())
    }
}

impl From<aws_lc_rs::error::Unspecified> for Refused {
    fn from(error: aws_lc_rs::error::Unspecified) -> Self {
        Self::Service(error.into())
    }
}

impl From<aws_lc_rs::error::Unspecified> for ServiceError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Internal
    }
}
