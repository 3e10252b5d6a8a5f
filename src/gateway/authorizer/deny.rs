//! A refusal in the words of whoever asked.

use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::{Authorizer, Code, Kind};
use crate::forward::ResponseBody;

/// The code of a refusal, for proxies that pass on no body.
pub(super) const CODE: HeaderName = HeaderName::from_static("x-portcullis-code");
/// The status that a client should see, for proxies that know few of them.
pub(super) const STATUS: HeaderName = HeaderName::from_static("x-portcullis-status");

/// The answer of the pipeline as the proxy that asked understands it. Never a success.
pub(super) fn translate(
    authorizer: Option<&Authorizer>,
    code: Code,
    mut response: Response<ResponseBody>,
) -> Response<ResponseBody> {
    let status = response.status();
    let fields = response.headers_mut();
    fields.insert(CODE, HeaderValue::from_static(code.name()));
    fields.insert(STATUS, HeaderValue::from(status.as_u16()));
    // nginx takes 401 and 403 for a refusal and anything else for a failure of its own, which is just
    // right for what is not the client's fault.
    let is_nginx = authorizer.is_none_or(|authorizer| authorizer.kind == Kind::Nginx);
    if is_nginx && status.is_client_error() && status != StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}
