//! A body whose one reading is known, or a refusal.

use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};

use super::{BodyProblem, field};
use crate::jose::json::Object;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The JSON object that the body is; `None` when there is no body.
///
/// # Errors
/// [`BodyProblem`] for every body that is not surely this one object to every upstream.
pub(super) fn json(head: &Parts, body: &[u8]) -> Result<Option<Object>, BodyProblem> {
    if body.is_empty() {
        return Ok(None);
    }
    check(&head.headers, JSON, is_json)?;
    Object::parse(body).map(Some).map_err(|_| BodyProblem::Json)
}

/// The form that the body is; `None` when there is no body.
///
/// # Errors
/// As [`json`].
pub(super) fn form<'b>(head: &Parts, body: &'b [u8]) -> Result<Option<&'b [u8]>, BodyProblem> {
    if body.is_empty() {
        return Ok(None);
    }
    check(&head.headers, FORM, |media_type| {
        media_type.eq_ignore_ascii_case(FORM)
    })?;
    Ok(Some(body))
}

/// `application/json`, or a type with the suffix `+json` (RFC 6839 §3.1).
fn is_json(media_type: &str) -> bool {
    let suffix = media_type.len().saturating_sub("+json".len());
    media_type.eq_ignore_ascii_case(JSON)
        || media_type
            .get(suffix..)
            .is_some_and(|end| end.eq_ignore_ascii_case("+json"))
}

fn check(
    headers: &HeaderMap,
    wanted: &'static str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(), BodyProblem> {
    let wrong = BodyProblem::Type(wanted);
    let mut encodings = field::values(headers, &CONTENT_ENCODING);
    if encodings.any(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return Err(BodyProblem::Encoded);
    }
    let mut types = field::values(headers, &CONTENT_TYPE);
    let (Some(value), None) = (types.next(), types.next()) else {
        return Err(wrong);
    };
    let value = std::str::from_utf8(value).map_err(|_| wrong)?;
    let mut parts = value.split(';');
    if !is_wanted(parts.next().unwrap_or_default().trim()) {
        return Err(wrong);
    }
    // Quotes are not heeded: they could only hide a character set, and none is hidden from this.
    if parts.all(is_utf8) {
        Ok(())
    } else {
        Err(BodyProblem::Charset)
    }
}

/// Whether a parameter of a media type leaves the body UTF-8.
fn is_utf8(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let name = name.trim().trim_matches('"').to_ascii_lowercase();
    let value = value.trim().trim_matches('"');
    !name.starts_with("charset")
        || name == "charset"
            && ["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known))
}
