//! Who the upstream is told it is: subject, issuer, realm, groups and scope, as headers.

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::{authz::scope::is_scope, claims::ClaimPath, claims::Identity};

/// The headers that carry the identity, and that no request may bring along itself.
pub const HEADER_NAMES: [HeaderName; 5] = [SUBJECT, ISSUER, REALM, GROUPS, SCOPE];

const SUBJECT: HeaderName = HeaderName::from_static("x-auth-subject");
const ISSUER: HeaderName = HeaderName::from_static("x-auth-issuer");
const REALM: HeaderName = HeaderName::from_static("x-auth-realm");
const GROUPS: HeaderName = HeaderName::from_static("x-auth-groups");
const SCOPE: HeaderName = HeaderName::from_static("x-auth-scope");

/// Which claims say who somebody is, prepared from an issuer's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityClaims {
    /// The subject: one string.
    pub subject: ClaimPath,
    /// The groups: an array of strings, or one string.
    pub groups: ClaimPath,
    /// The realm, when the configuration fixes it whatever the token says.
    pub realm: Option<HeaderValue>,
    /// The realm otherwise: one string; without it, the issuer is the realm.
    pub realm_claim: ClaimPath,
}

/// The identity headers of one token, ready to be set.
#[derive(Clone, Debug)]
pub struct IdentityHeaders(Vec<(HeaderName, HeaderValue)>);

/// Why a claim cannot become a header. The texts name the claim, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It holds a control character, begins or ends with a blank, or is a list with an empty
    /// element: on its way it would become something else, so it is refused, not mangled.
    #[error("the claim \"{0}\" cannot be a header value")]
    NotAHeaderValue(ClaimPath),
    /// It is no string, or where a list may stand, no list of strings.
    #[error("the claim \"{0}\" has the wrong type for a header")]
    WrongType(ClaimPath),
    /// An element of a list holds the comma that separates the list.
    #[error("an element of the claim \"{0}\" holds a comma")]
    Comma(ClaimPath),
}

impl Default for IdentityClaims {
    fn default() -> Self {
        Self {
            subject: ClaimPath::named("sub"),
            groups: ClaimPath::named("groupIds"),
            realm: None,
            realm_claim: ClaimPath::named("realmName"),
        }
    }
}

/// Renders `identity` as headers; what a token does not say, or says with an empty string, gets no
/// header.
///
/// # Errors
/// [`IdentityError`] when a claim cannot be said in a header without changing what it says.
pub fn headers(
    identity: &Identity,
    settings: &IdentityClaims,
) -> Result<IdentityHeaders, IdentityError> {
    render(identity.claims(), identity.issuer(), settings)
}

impl IdentityHeaders {
    /// Names and values, each name at most once.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

fn render(
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
    Ok(IdentityHeaders(headers))
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
        Value::String(scope) if scope.chars().any(char::is_control) => {
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

#[cfg(test)]
mod tests;
