//! `client_credentials`: the gateway's own token at an authorization server (RFC 6749 §4.4).

use super::TokenRequest;

/// The beginning of a request.
pub(super) fn request() -> TokenRequest {
    TokenRequest::new("client_credentials")
}
