//! What a client is told when its bytes never became a request.

use http::HeaderValue;

use crate::gateway::{Code, request_id, respond};

/// A whole response in bytes, after which the connection is closed.
pub(super) fn response(code: Code) -> Vec<u8> {
    let id: HeaderValue = request_id::new();
    let body = respond::problem(code, &id);
    let status = code.status();
    let retry = if code == Code::Overloaded {
        "retry-after: 5\r\n"
    } else {
        ""
    };
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nx-request-id: {}\r\n{retry}connection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error"),
        body.len(),
        id.to_str().unwrap_or_default(),
    );
    [head.as_bytes(), &body].concat()
}

/// The code of a response that the HTTP library wrote by itself because it could not read a request.
/// Every response of ours names its request.
pub(super) fn code_of_unread(bytes: &[u8]) -> Option<Code> {
    let code = match bytes.get(..12)? {
        b"HTTP/1.1 400" => Code::RequestMalformed,
        b"HTTP/1.1 414" => Code::UriTooLong,
        b"HTTP/1.1 431" => Code::HeadersTooLarge,
        _ => return None,
    };
    memchr::memmem::find(bytes, b"x-request-id")
        .is_none()
        .then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_responses_are_left_alone() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(code_of_unread(bare), Some(Code::HeadersTooLarge));
        assert_eq!(code_of_unread(&response(Code::HeadersTooLarge)), None);
        assert_eq!(code_of_unread(b"HTTP/1.1 401 Unauthorized\r\n\r\n"), None);
        assert_eq!(code_of_unread(b"HTTP/1.1"), None);
    }

    #[test]
    fn a_farewell_is_a_whole_problem_document() {
        let text = String::from_utf8(response(Code::RequestTimeout)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(body.contains("\"code\":\"request_timeout\""));
    }
}
