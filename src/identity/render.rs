//! Claims to header lines: nothing is rendered that would arrive as something else.

use super::{
    Account, GROUPS, IdentityClaims, IdentityError, REALM, Rendered, SCOPE, SUBJECT, UNIQUE_NAME,
    write::write,
};
use crate::{
    claims::{ClaimPath, scope::is_scope},
    jose::json::{Object, Text},
};

/// The most that all of them together may take, in bytes.
const MAX_BYTES: usize = 32 * 1024;

/// The headers of a token with these claims; the issuer's own are not written out. What `account` says
/// stands in the place of what the token says: its groups in any case.
pub(super) fn render(
    claims: &Object,
    issuer: &str,
    settings: &IdentityClaims,
    account: Option<&Account>,
) -> Result<Rendered, IdentityError> {
    if !is_intact(issuer) {
        return Err(IdentityError::NotAHeaderValue(ClaimPath::named("iss")));
    }
    let mut lines = String::with_capacity(160);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.extend([name, ": ", value, "\r\n"]);
        }
    };
    match account {
        Some(account) => line(SUBJECT, account.user()),
        None => line(SUBJECT, &one(claims, &settings.subject)?),
    }
    match (
        account.and_then(Account::unique_name),
        &settings.unique_name,
    ) {
        (Some(name), _) => line(UNIQUE_NAME, name),
        (None, Some(claim)) => line(UNIQUE_NAME, &one(claims, claim)?),
        (None, None) => {}
    }
    let realm = match account.and_then(Account::realm) {
        Some(realm) => Some(realm.to_owned()),
        None => realm(claims, settings)?,
    };
    if let Some(realm) = &realm {
        line(REALM, realm);
    }
    match account {
        Some(account) => line(GROUPS, account.joined_groups()),
        None => line(GROUPS, &list(claims, &settings.groups)?),
    }
    line(SCOPE, &scope(claims)?);
    for header in &*settings.headers {
        write(claims, header, |value| line(&header.name, value))?;
    }
    if lines.len() > MAX_BYTES {
        return Err(IdentityError::TooLong);
    }
    Ok(Rendered {
        lines: lines.into(),
        issuer_is_realm: realm.is_none(),
    })
}

/// The one string that the claim is; empty when the token does not say it.
pub(super) fn one(claims: &Object, path: &ClaimPath) -> Result<String, IdentityError> {
    match path.find(claims) {
        None => Ok(String::new()),
        Some(value) => {
            let value = value.string();
            text(
                &value.ok_or_else(|| IdentityError::WrongType(path.clone()))?,
                path,
            )
        }
    }
}

/// The realm, unless it is the issuer.
fn realm(claims: &Object, settings: &IdentityClaims) -> Result<Option<String>, IdentityError> {
    if let Some(realm) = &settings.realm {
        // It came from a configuration, which is text.
        return Ok(Some(String::from_utf8_lossy(realm.as_bytes()).into_owned()));
    }
    let claimed = settings.realm_claim.find(claims);
    match claimed.and_then(|realm| realm.string()) {
        Some(realm) if !realm.is_empty() => text(&realm, &settings.realm_claim).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// The scope as [`crate::authz`] sees it: a text that is no scope grants nothing, and gets no header.
fn scope(claims: &Object) -> Result<String, IdentityError> {
    let paths = [ClaimPath::named("scope"), ClaimPath::named("scp")];
    let Some((path, value)) = paths.iter().find_map(|p| p.find(claims).map(|v| (p, v))) else {
        return Ok(String::new());
    };
    match value.string() {
        // A tab between two scopes is a mistake that grants nothing; the others are no mistakes.
        Some(scope) if scope.chars().any(|c| c.is_control() && c != '\t') => {
            Err(IdentityError::NotAHeaderValue(path.clone()))
        }
        Some(scope) if !is_scope(&scope) => Ok(String::new()),
        Some(scope) => {
            let mut joined = String::with_capacity(scope.len());
            for element in scope.split(' ') {
                join(&mut joined, element, path)?;
            }
            Ok(joined)
        }
        None if path.as_str() == "scp" && value.elements().is_some() => list(claims, path),
        None => Err(IdentityError::WrongType(path.clone())),
    }
}

/// An array of strings, or one string that is the only element.
fn list(claims: &Object, path: &ClaimPath) -> Result<String, IdentityError> {
    let wrong = || IdentityError::WrongType(path.clone());
    let mut joined = String::new();
    let Some(value) = path.find(claims) else {
        return Ok(joined);
    };
    if let Some(only) = value.string() {
        if !only.is_empty() {
            join(&mut joined, &only, path)?;
        }
        return Ok(joined);
    }
    for element in value.elements().ok_or_else(wrong)? {
        let element = Text::string(&element).ok_or_else(wrong)?;
        join(&mut joined, &element, path)?;
    }
    Ok(joined)
}

/// Adds an element behind a comma. It is not allowed to look like two, or like none.
pub(super) fn join(
    joined: &mut String,
    element: &str,
    path: &ClaimPath,
) -> Result<(), IdentityError> {
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
    Ok(())
}

/// A header value of these very bytes.
pub(super) fn text(text: &str, path: &ClaimPath) -> Result<String, IdentityError> {
    if is_intact(text) {
        Ok(text.to_owned())
    } else {
        Err(IdentityError::NotAHeaderValue(path.clone()))
    }
}

/// Whether it is a header value (RFC 9110 §5.5) that a recipient who trims, and who takes line breaks
/// for what they are, reads as the same text.
pub(crate) fn is_intact(text: &str) -> bool {
    text.trim().len() == text.len() && !text.chars().any(char::is_control)
}
