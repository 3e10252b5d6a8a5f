//! A cookie (RFC 6265 §4.2).

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::{ExtractError, RawToken};

/// The token of the cookie `name`, in whichever Cookie header.
pub(super) fn find<'r>(
    headers: &'r HeaderMap,
    name: &str,
) -> Result<Option<RawToken<'r>>, ExtractError> {
    let crumbs = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| crumbs(value.as_bytes()));
    let mut values = crumbs.filter_map(|crumb| value_of(crumb, name));
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ExtractError::Ambiguous);
    }
    RawToken::new(Cow::Borrowed(value)).map(Some)
}

/// Removes the cookie `name`, and leaves the other cookies byte for byte.
pub(super) fn strip(headers: &mut HeaderMap, name: &str) {
    let holds = |v: &HeaderValue| crumbs(v.as_bytes()).any(|crumb| value_of(crumb, name).is_some());
    let values = headers.get_all(COOKIE);
    if !values.iter().any(holds) {
        return;
    }
    let without = |value: &HeaderValue| {
        if holds(value) {
            rest(value.as_bytes(), name)
        } else {
            Some(value.clone())
        }
    };
    let kept: Vec<_> = values.iter().filter_map(without).collect();
    headers.remove(COOKIE);
    for value in kept {
        headers.append(COOKIE, value);
    }
}

fn crumbs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b';')
}

/// The value of a crumb that is called `name`; one without `=` has an empty value.
fn value_of<'c>(crumb: &'c [u8], name: &str) -> Option<&'c [u8]> {
    let mut halves = crumb.splitn(2, |b| *b == b'=').map(<[u8]>::trim_ascii);
    let found = halves.next() == Some(name.as_bytes());
    found.then(|| halves.next().unwrap_or_default())
}

/// The header without the cookie `name`; `None` when nothing is left.
fn rest(value: &[u8], name: &str) -> Option<HeaderValue> {
    let kept: Vec<_> = crumbs(value)
        .filter(|crumb| value_of(crumb, name).is_none())
        .collect();
    let joined = kept.join(&b';');
    let joined = joined.trim_ascii();
    // Pieces of a legal value are one; if they were not, no cookie is better than the token's.
    if joined.is_empty() {
        None
    } else {
        HeaderValue::from_bytes(joined).ok()
    }
}
