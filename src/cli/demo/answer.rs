//! Small responses.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use serde_json::Value;

/// A response with `body` as indented JSON, ended by a line break so that a shell prompt after it
/// starts on a line of its own.
pub(super) fn json(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    respond(status, "application/json", format!("{body:#}\n"))
}

/// A response with one line of plain text.
pub(super) fn text(status: StatusCode, line: &str) -> Response<Full<Bytes>> {
    respond(status, "text/plain", format!("{line}\n"))
}

fn respond(status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
