//! `jwt_bearer`: a token for an assertion that the gateway signs (RFC 7523 §2.1).

use super::{Assertion, CredentialError, TokenRequest, order::Order};
use crate::clock::UnixTime;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The beginning of a request. Its assertion has a `jti` of its own.
pub(super) fn request(
    assertion: &Assertion,
    order: &Order,
    now: UnixTime,
) -> Result<TokenRequest, CredentialError> {
    let signed = assertion.sign(order.claims.clone().unwrap_or_default(), now)?;
    let mut request = TokenRequest::new(GRANT_TYPE);
    request.add("assertion", &signed);
    Ok(request)
}
