//! A request that shows its upstream a credential of the gateway's, and once more with another one.

use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::{Composition, ForwardError, Hop, RequestBody, ResponseBody, Way, attempt};
use crate::authz::Permit;

/// What an upstream is shown. Whoever made the permit has removed what the client said in its place.
pub struct Credential {
    /// The field's name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

/// As [`super::forward`], with `credential`. When the upstream refuses it with 401 and the request's body is at
/// hand, `renew` is asked for another one, and the request is sent once more with that: a request that was
/// refused was not carried out, whatever its method is.
///
/// # Errors
/// [`ForwardError`] when there is no response.
pub async fn forward_with(
    permit: Permit,
    body: RequestBody,
    hop: &Hop<'_>,
    way: &Way<'_>,
    credential: Credential,
    renew: impl AsyncFnOnce() -> Option<Credential>,
) -> Result<Response<ResponseBody>, ForwardError> {
    let (head, route, principal) = permit.into_parts();
    let identity = || principal.as_ref().map(|principal| principal.headers());
    let composition = |credential| Composition {
        head: &head,
        identity: identity(),
        upstream: way.upstream,
        hop,
        one_method: route.methods.is_some(),
        upgrade: way.upgrade,
        token_header: route.token.header.as_ref(),
        credential: Some(credential),
    };
    let again = body.again();
    let response = attempt(&composition(&credential), body, way).await?;
    let Some(body) = again.filter(|_| response.status() == StatusCode::UNAUTHORIZED) else {
        return Ok(response);
    };
    let Some(other) = renew().await else {
        return Ok(response);
    };
    drop(response);
    attempt(&composition(&other), body, way).await
}
