//! The identifier of a request, on its response, in the log and at the upstream.

use http::{HeaderValue, request::Parts};

use crate::{forward::headers::X_REQUEST_ID, spans::context::write_hex};

/// The identifier that a trusted proxy gave to the request, or a new one: 32 hexadecimal digits.
#[must_use]
pub fn of(head: &Parts, trusted: bool) -> HeaderValue {
    if !trusted {
        return new();
    }
    match head.headers.get(X_REQUEST_ID) {
        Some(given) if is_plain(given) => given.clone(),
        Some(_) | None => new(),
    }
}

/// A new identifier.
#[must_use]
pub fn new() -> HeaderValue {
    let mut text = [0; 32];
    write_hex(&mut text, fastrand::u128(..));
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}

fn is_plain(given: &HeaderValue) -> bool {
    (1..=128).contains(&given.len())
        && given
            .as_bytes()
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(id: &str) -> Parts {
        http::Request::builder()
            .header(X_REQUEST_ID, id)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    #[test]
    fn only_a_trusted_proxy_names_a_request() {
        assert_eq!(of(&head("abc-1"), true), "abc-1");
        assert_ne!(of(&head("abc-1"), false), "abc-1");
        assert_ne!(of(&head("a b"), true), "a b");
        assert_eq!(new().len(), 32);
        assert_ne!(new(), new());
    }
}
