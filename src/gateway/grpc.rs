//! A refusal as a client of gRPC understands it: its library looks for `grpc-status`, and where there is none
//! its caller learns no more than that something went wrong.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version,
    header::{ALLOW, CONNECTION, CONTENT_TYPE},
    request::Parts,
};

use super::code::Code;
use crate::forward::{ResponseBody, trailers::is_grpc};

/// The status of a call.
pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Whether a request is a call of gRPC, which is one over HTTP/2.
pub(super) fn is_call(head: &Parts) -> bool {
    head.version == Version::HTTP_2 && is_grpc(&head.headers)
}

/// The same refusal without a body, with a status of gRPC in the place where trailers would stand
/// ("Trailers-Only"). The challenge and the identifier stay.
pub(super) fn refuse(code: Code, response: Response<ResponseBody>) -> Response<ResponseBody> {
    let (mut head, _) = response.into_parts();
    head.status = StatusCode::OK;
    let fields = &mut head.headers;
    fields.remove(ALLOW);
    fields.remove(CONNECTION);
    let kind = HeaderValue::from_static("application/grpc");
    fields.insert(CONTENT_TYPE, kind);
    fields.insert(GRPC_STATUS, HeaderValue::from(status(code)));
    said(fields, code);
    Response::from_parts(head, ResponseBody::Own(Bytes::new()))
}

/// What a person is told. Text with a `%` or beyond ASCII would have to be escaped; there is none.
fn said(fields: &mut HeaderMap, code: Code) {
    fields.insert(GRPC_MESSAGE, HeaderValue::from_static(code.detail()));
}

/// The status of gRPC that says what the status of HTTP says.
pub(super) const fn status(code: Code) -> u16 {
    match code.status().as_u16() {
        // INVALID_ARGUMENT
        400 | 417 => 3,
        // DEADLINE_EXCEEDED
        408 | 504 => 4,
        // PERMISSION_DENIED
        403 => 7,
        // RESOURCE_EXHAUSTED
        413 | 414 | 429 | 431 => 8,
        // INTERNAL
        500 => 13,
        // UNIMPLEMENTED
        404 | 405 | 501 => 12,
        // UNAVAILABLE
        502 | 503 => 14,
        // UNAUTHENTICATED
        401 => 16,
        // UNKNOWN
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;
    use crate::gateway::{Refusal, respond};

    #[test]
    fn every_code_has_a_status_and_a_plain_message() {
        for code in Code::ALL {
            assert_ne!(status(code), 2, "{}", code.name());
            let plain = |b| matches!(b, b' '..=b'~') && b != b'%';
            assert!(code.detail().bytes().all(plain), "{}", code.name());
        }
    }

    #[test]
    fn a_refusal_is_one_block_of_fields() {
        let refusal = Refusal::TokenMissing;
        let id = HeaderValue::from_static("r1");
        let realm = respond::Realm::new(None, None);
        let response = respond::refuse(&refusal, &id, &realm, None);
        let response = refuse(refusal.code(), response);
        assert_eq!(response.status(), 200);
        assert!(response.body().is_end_stream());
        let field = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(field("content-type"), "application/grpc");
        assert_eq!(field("grpc-status"), "16");
        assert_eq!(field("grpc-message"), "The request carries no token.");
        assert_eq!(field("x-request-id"), "r1");
        assert_eq!(field("www-authenticate"), "Bearer realm=\"portcullis\"");
    }

    #[test]
    fn a_call_is_over_http_2() {
        let head = |version, kind: &str| {
            let request = http::Request::post("/").version(version);
            let request = request.header("content-type", kind).body(()).unwrap();
            request.into_parts().0
        };
        assert!(is_call(&head(Version::HTTP_2, "application/grpc+proto")));
        assert!(!is_call(&head(Version::HTTP_11, "application/grpc")));
        assert!(!is_call(&head(Version::HTTP_2, "application/grpc-web")));
    }
}
