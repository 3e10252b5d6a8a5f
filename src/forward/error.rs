//! Why a permitted request has no response from its upstream.

use std::{error::Error as _, io, sync::Arc};

use super::body::BodyError;

/// Why forwarding failed.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No connection could be made.
    #[error("cannot connect to the upstream: {0}")]
    Connect(io::Error),
    /// No connection was made in time.
    #[error("connecting to the upstream took too long")]
    ConnectTimeout,
    /// The connection broke before the response began.
    #[error("the upstream closed the connection before it answered: {0}")]
    Closed(hyper::Error),
    /// The response did not begin in time.
    #[error("the upstream did not answer in time")]
    ResponseTimeout,
    /// What came is no HTTP response.
    #[error("the upstream's answer is malformed: {0}")]
    Malformed(hyper::Error),
    /// The upstream switched protocols, which nobody had asked for.
    #[error("the upstream switched protocols unasked")]
    SwitchedProtocols,
    /// The target cannot be joined with the upstream's base path.
    #[error("the target cannot be forwarded: {0}")]
    Target(#[from] http::Error),
    /// The request's body ended early: the client's fault.
    #[error(transparent)]
    Body(BodyError),
}

impl ForwardError {
    /// Whose fault it is that sending failed is found in the chain of causes.
    pub(super) fn from_send(error: hyper::Error) -> Self {
        if let Some(body) = error
            .source()
            .and_then(|source| source.downcast_ref::<BodyError>())
        {
            return Self::Body(match body {
                BodyError::TooLarge(limit) => BodyError::TooLarge(*limit),
                BodyError::Client(cause) => BodyError::Client(Arc::clone(cause)),
                BodyError::Stalled => BodyError::Stalled,
            });
        }
        if error.is_parse() {
            Self::Malformed(error)
        } else {
            Self::Closed(error)
        }
    }
}
