//! What a client is told when its bytes never became a request.

use std::time::SystemTime;

use http::HeaderValue;

use crate::gateway::{Code, respond};

/// A whole response in bytes, after which the connection is closed.
pub(super) fn response(code: Code, id: &HeaderValue) -> Vec<u8> {
    let body = respond::problem(code, id, None);
    let status = code.status();
    let retry = if code == Code::Overloaded {
        "retry-after: 5\r\n"
    } else {
        ""
    };
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\ndate: {}\r\nx-request-id: {}\r\n{retry}connection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error"),
        body.len(),
        httpdate::fmt_http_date(SystemTime::now()),
        id.to_str().unwrap_or_default(),
    );
    [head.as_bytes(), &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_farewell_is_a_whole_problem_document() {
        let text = String::from_utf8(response(
            Code::RequestTimeout,
            &HeaderValue::from_static("id"),
        ))
        .unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(head.contains("x-request-id: id\r\n") && head.contains("date: "));
        assert!(body.contains("\"code\":\"request_timeout\""));
    }
}
