//! One attempt to send a request, and what it says about where it was sent to.

use http::{Response, StatusCode};

use super::{ForwardError, ResponseBody, balance::Outcome};

/// What came of it.
pub(super) trait Attempt {
    /// `None` when it says nothing about the upstream.
    fn outcome(&self) -> Option<Outcome>;

    /// What went wrong, if anything did.
    fn error(&self) -> Option<&ForwardError>;
}

/// Why there is no response.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: ForwardError,
    /// Nothing of a response had come.
    pub(super) unanswered: bool,
}

impl From<ForwardError> for Failure {
    fn from(error: ForwardError) -> Self {
        let unanswered = true;
        Self { error, unanswered }
    }
}

impl Attempt for ForwardError {
    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Connect(_) => Some(Outcome::Unreachable),
            Self::ConnectTimeout | Self::ResponseTimeout => Some(Outcome::Timeout),
            Self::Closed(_) | Self::Malformed(_) | Self::SwitchedProtocols => Some(Outcome::Broken),
            Self::Body(_) | Self::Lookup(_) | Self::Full | Self::Unwritable => None,
        }
    }

    fn error(&self) -> Option<&ForwardError> {
        Some(self)
    }
}

impl Attempt for Result<Response<ResponseBody>, Failure> {
    fn outcome(&self) -> Option<Outcome> {
        match self {
            Err(failure) => failure.error.outcome(),
            Ok(response) => Some(match response.status() {
                StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Outcome::GatewayError,
                _ => Outcome::Answered,
            }),
        }
    }

    fn error(&self) -> Option<&ForwardError> {
        self.as_ref().err().map(|failure| &failure.error)
    }
}
