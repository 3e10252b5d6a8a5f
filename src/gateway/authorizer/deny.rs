//! A refusal in the words of whoever asked.

use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::{Code, Kind};
use crate::forward::ResponseBody;

/// The code of a refusal, for proxies that pass on no body.
const CODE: HeaderName = HeaderName::from_static("x-portcullis-code");
/// The status that a client should see, for proxies that know few of them.
const STATUS: HeaderName = HeaderName::from_static("x-portcullis-status");

/// The answer of the pipeline as a proxy of this kind understands it. Never a success.
pub(super) fn translate(
    kind: Kind,
    code: Code,
    mut response: Response<ResponseBody>,
) -> Response<ResponseBody> {
    let status = response.status();
    let fields = response.headers_mut();
    fields.insert(CODE, HeaderValue::from_static(code.name()));
    fields.insert(STATUS, HeaderValue::from(status.as_u16()));
    // nginx takes 401 and 403 for a refusal and anything else for a failure of its own, which is just
    // right for what is not the client's fault.
    if kind == Kind::Nginx && status.is_client_error() && status != StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::authorizer::serve::bare;

    #[test]
    fn no_refusal_is_a_success_to_anybody() {
        for code in Code::ALL {
            for (_, kind) in Kind::ALL {
                let mut response = bare();
                *response.status_mut() = code.status();
                let response = translate(kind, code, response);
                let status = response.status();
                assert!(status.is_client_error() || status.is_server_error());
                if kind == Kind::Nginx && status.is_client_error() {
                    assert!(matches!(status.as_u16(), 401 | 403), "{}", code.name());
                } else {
                    assert_eq!(status, code.status());
                }
                assert_eq!(response.headers()[CODE], code.name());
                assert_eq!(response.headers()[STATUS], code.status().as_str());
            }
        }
    }
}
