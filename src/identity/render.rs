//! Claims to header values: nothing is rendered that would arrive as something else.

use http::HeaderValue;
use serde_json::{Map, Value};

use super::{
    GROUPS, HEADER_NAMES, ISSUER, IdentityClaims, IdentityError, IdentityHeaders, REALM, SCOPE,
    SUBJECT,
};
use crate::claims::{ClaimPath, scope::is_scope};

/// As [`super::headers`], from the claims themselves.
pub(super) fn render(
    claims: &Map<String, Value>,
    issuer: &str,
    settings: &IdentityClaims,
) -> Result<IdentityHeaders, IdentityError> {
    let mut headers = Vec::with_capacity(HEADER_NAMES.len());
    let mut set = |name, value: Option<HeaderValue>| headers.extend(value.map(|v| (name, v)));
    set(SUBJECT, subject(claims, &settings.subject)?);
    set(ISSUER, text(issuer, &ClaimPath::named("iss"))?);
    set(REALM, realm(claims, issuer, settings)?);
    set(GROUPS, list(claims, &settings.groups)?);
    set(SCOPE, scope(claims)?);
    Ok(IdentityHeaders(headers.into()))
}

fn subject(
    claims: &Map<String, Value>,
    path: &ClaimPath,
) -> Result<Option<HeaderValue>, IdentityError> {
    match path.find(claims) {
        None => Ok(None),
        Some(Value::String(subject)) => text(subject, path),
        Some(_) => Err(IdentityError::WrongType(path.clone())),
    }
}

fn realm(
    claims: &Map<String, Value>,
    issuer: &str,
    settings: &IdentityClaims,
) -> Result<Option<HeaderValue>, IdentityError> {
    if let Some(realm) = &settings.realm {
        return Ok(Some(realm.clone()));
    }
    match settings.realm_claim.find(claims) {
        Some(Value::String(realm)) if !realm.is_empty() => text(realm, &settings.realm_claim),
        Some(_) | None => text(issuer, &ClaimPath::named("iss")),
    }
}

/// The scope as [`crate::authz`] sees it: a text that is no scope grants nothing, and gets no header.
fn scope(claims: &Map<String, Value>) -> Result<Option<HeaderValue>, IdentityError> {
    let paths = [ClaimPath::named("scope"), ClaimPath::named("scp")];
    let Some((path, value)) = paths.iter().find_map(|p| p.find(claims).map(|v| (p, v))) else {
        return Ok(None);
    };
    match value {
        // A tab between two scopes is a mistake that grants nothing; the others are no mistakes.
        Value::String(scope) if scope.chars().any(|c| c.is_control() && c != '\t') => {
            Err(IdentityError::NotAHeaderValue(path.clone()))
        }
        Value::String(scope) if !is_scope(scope) => Ok(None),
        Value::String(scope) => join(scope.split(' ').map(Some), path),
        Value::Array(_) if path.as_str() == "scp" => list(claims, path),
        _ => Err(IdentityError::WrongType(path.clone())),
    }
}

/// An array of strings, or one string that is the only element.
fn list(
    claims: &Map<String, Value>,
    path: &ClaimPath,
) -> Result<Option<HeaderValue>, IdentityError> {
    match path.find(claims) {
        None => Ok(None),
        Some(Value::String(only)) if only.is_empty() => Ok(None),
        Some(Value::String(only)) => join(std::iter::once(Some(only.as_str())), path),
        Some(Value::Array(elements)) => join(elements.iter().map(Value::as_str), path),
        Some(_) => Err(IdentityError::WrongType(path.clone())),
    }
}

/// Joins strings with commas. An element is not allowed to look like two, or like none.
fn join<'v>(
    elements: impl Iterator<Item = Option<&'v str>>,
    path: &ClaimPath,
) -> Result<Option<HeaderValue>, IdentityError> {
    let mut joined = String::new();
    for element in elements {
        let element = element.ok_or_else(|| IdentityError::WrongType(path.clone()))?;
        if element.contains(',') {
            return Err(IdentityError::Comma(path.clone()));
        }
        if element.is_empty() || !is_intact(element) {
            return Err(IdentityError::NotAHeaderValue(path.clone()));
        }
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(element);
    }
    text(&joined, path)
}

/// A header value of these very bytes; none for the empty text.
fn text(text: &str, path: &ClaimPath) -> Result<Option<HeaderValue>, IdentityError> {
    if text.is_empty() {
        return Ok(None);
    }
    let value = if is_intact(text) {
        HeaderValue::from_bytes(text.as_bytes()).ok()
    } else {
        None
    };
    value
        .map(Some)
        .ok_or_else(|| IdentityError::NotAHeaderValue(path.clone()))
}

/// Whether a recipient that trims and that takes line breaks for what they are reads the same text.
fn is_intact(text: &str) -> bool {
    text.trim().len() == text.len() && !text.chars().any(char::is_control)
}
