//! A parameter of a form body (RFC 6750 §2.2).

use std::borrow::Cow;

use http::{Method, header::CONTENT_TYPE, request::Parts};

use super::{ExtractError, RawToken};

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// The token of the parameter `name`, when the request is a form at all.
pub(super) fn find<'r>(
    head: &Parts,
    body: Option<&'r [u8]>,
    name: &str,
) -> Result<Option<RawToken<'r>>, ExtractError> {
    if !is_form(head) {
        return Ok(None);
    }
    match body {
        Some(body) => parameter(body, name),
        None => Err(ExtractError::Malformed("the form body was not read")),
    }
}

/// Whether the request has a method whose body means something, and a form for its body.
pub(super) fn is_form(head: &Parts) -> bool {
    let bodied = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    // With several content types the upstream may take any of them.
    bodied
        && head
            .headers
            .get_all(CONTENT_TYPE)
            .iter()
            .any(|value| is_form_type(value.as_bytes()))
}

/// The token of the parameter `name` in form-encoded text. Names and values are compared decoded.
pub(super) fn parameter<'r>(
    encoded: &'r [u8],
    name: &str,
) -> Result<Option<RawToken<'r>>, ExtractError> {
    let mut values = form_urlencoded::parse(encoded).filter(|(key, _)| key == name);
    let Some((_, value)) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ExtractError::Ambiguous);
    }
    let value = match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
        Cow::Owned(value) => Cow::Owned(value.into_bytes()),
    };
    RawToken::new(value).map(Some)
}

/// `application/x-www-form-urlencoded` in any case, with any parameters.
fn is_form_type(value: &[u8]) -> bool {
    let media_type = value.split(|b| *b == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(FORM)
}
