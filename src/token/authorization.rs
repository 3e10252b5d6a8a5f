//! The Authorization header (RFC 6750 §2.1).

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use smallvec::SmallVec;

use super::{ExtractError, RawToken};

const SCHEME: &[u8] = b"bearer";

/// The token of `Authorization: Bearer …`; another scheme is no token.
pub(super) fn find(headers: &HeaderMap) -> Result<Option<RawToken<'_>>, ExtractError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        // Whatever their schemes: the upstream may read the one that was not looked at.
        return Err(ExtractError::Ambiguous);
    }
    match credentials(value.as_bytes()) {
        Some(credentials) => RawToken::new(Cow::Borrowed(credentials)).map(Some),
        None => Ok(None),
    }
}

/// Removes every Authorization of the scheme Bearer, and leaves the others.
pub(super) fn strip(headers: &mut HeaderMap) {
    let is_bearer = |value: &HeaderValue| credentials(value.as_bytes()).is_some();
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let others: SmallVec<[HeaderValue; 2]> = match (values.next(), values.next()) {
        (None, _) => return,
        (Some(one), None) if is_bearer(one) => SmallVec::new(),
        (Some(_), None) => return,
        _ => headers
            .get_all(AUTHORIZATION)
            .iter()
            .filter(|v| !is_bearer(v))
            .cloned()
            .collect(),
    };
    headers.remove(AUTHORIZATION);
    for value in others {
        headers.append(AUTHORIZATION, value);
    }
}

/// What follows the scheme Bearer, in any case; `None` when that is not the scheme.
///
/// A tab or a comma ends the scheme too, so that what follows is refused and not passed over.
pub(super) fn credentials(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = trim(value).split_at_checked(SCHEME.len())?;
    let ended = matches!(rest.first(), None | Some(b' ' | b'\t' | b','));
    if !ended || !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let spaces = rest.iter().take_while(|b| **b == b' ').count();
    rest.get(spaces..)
}

/// A field value without the blanks around it, which are no part of it (RFC 9110 §5.5): HTTP/1
/// drops them on its way in, and HTTP/2 does not.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
