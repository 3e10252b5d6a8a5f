//! The API behind the gateway: it answers with what reached it.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::answer;

/// Answers 200 with the request as JSON: `method`, `path`, `query` (or null), `headers` (name to
/// value, or to a list where a name came more than once) and `body`. Bytes that are no UTF-8 are
/// shown as U+FFFD.
pub(super) fn echo(request: &Request<Bytes>) -> Response<Full<Bytes>> {
    answer::json(
        StatusCode::OK,
        &json!({
            "method": request.method().as_str(),
            "path": request.uri().path(),
            "query": request.uri().query(),
            "headers": headers(request.headers()),
            "body": String::from_utf8_lossy(request.body()),
        }),
    )
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .keys()
        .map(|name| {
            let mut values: Vec<Value> = headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into())
                .collect();
            let value = match values.pop() {
                Some(only) if values.is_empty() => only,
                last => {
                    values.extend(last);
                    Value::Array(values)
                }
            };
            (name.as_str().to_owned(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn echoed(request: &Request<Bytes>) -> Value {
        let body = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(echo(request).into_body().collect())
            .unwrap();
        serde_json::from_slice(&body.to_bytes()).unwrap()
    }

    #[test]
    fn a_request_is_shown_whole() {
        let request = Request::post("/orders/42?full=1")
            .header("x-auth-subject", "alice")
            .header("x-tag", "a")
            .header("x-tag", "b")
            .body(Bytes::from_static(b"item=tea"))
            .unwrap();
        assert_eq!(
            echoed(&request),
            json!({
                "method": "POST",
                "path": "/orders/42",
                "query": "full=1",
                "headers": { "x-auth-subject": "alice", "x-tag": ["a", "b"] },
                "body": "item=tea",
            })
        );
    }

    #[test]
    fn what_is_absent_is_null_or_empty() {
        let request = Request::get("/").body(Bytes::from_static(b"\xff")).unwrap();
        assert_eq!(
            echoed(&request),
            json!({ "method": "GET", "path": "/", "query": null, "headers": {}, "body": "\u{fffd}" })
        );
    }
}
