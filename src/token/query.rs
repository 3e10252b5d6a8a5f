//! A parameter of the query (RFC 6750 §2.3), for those who cannot do without.

use http::{Uri, uri::PathAndQuery};

use super::{ExtractError, RawToken, form::parameter};

const UNWRITABLE: ExtractError = ExtractError::Malformed("the target cannot be written again");

/// The token of the parameter `name`.
pub(super) fn find<'r>(uri: &'r Uri, name: &str) -> Result<Option<RawToken<'r>>, ExtractError> {
    match uri.query() {
        Some(query) => parameter(query.as_bytes(), name),
        None => Ok(None),
    }
}

/// Removes the parameter `name` from the target.
pub(super) fn strip(uri: &mut Uri, name: &str) -> Result<(), ExtractError> {
    let Some(query) = uri.query().and_then(|query| without(query, name)) else {
        return Ok(());
    };
    let path = uri.path();
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).map_err(|_| UNWRITABLE)?);
    *uri = Uri::from_parts(parts).map_err(|_| UNWRITABLE)?;
    Ok(())
}

/// `query` without the parameter `name`, the others byte for byte; `None` when it holds no such
/// parameter. Names are compared decoded, as [`super::extract`] compares them.
#[must_use]
pub fn without(query: &str, name: &str) -> Option<String> {
    let is_name = |part: &&str| form_urlencoded::parse(part.as_bytes()).any(|(key, _)| key == name);
    if !query.split('&').any(|part| is_name(&part)) {
        return None;
    }
    let kept: Vec<_> = query.split('&').filter(|part| !is_name(part)).collect();
    Some(kept.join("&"))
}
