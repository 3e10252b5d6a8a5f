//! The values of a header field, in every spelling that an upstream may take for its name.

use http::{HeaderMap, HeaderName};

/// The values of the field `name`, without the blanks around them. `X_Tenant` and `x.tenant` count as
/// `x-tenant`: many an upstream makes one variable of them.
pub fn values<'h>(
    headers: &'h HeaderMap,
    name: &'h HeaderName,
) -> impl Iterator<Item = &'h [u8]> + use<'h> {
    headers
        .iter()
        .filter(|(found, _)| is_alias(found.as_str(), name.as_str()))
        .map(|(_, value)| trim(value.as_bytes()))
}

/// Whether an upstream may take the field `found` for `name`.
#[must_use]
pub fn is_alias(found: &str, name: &str) -> bool {
    let dashed = |byte: u8| match byte {
        b'_' | b'.' => b'-',
        other => other,
    };
    found.len() == name.len()
        && found
            .bytes()
            .zip(name.bytes())
            .all(|(a, b)| dashed(a) == dashed(b))
}

/// HTTP/1 drops the blanks around a value on its way in, and HTTP/2 does not (RFC 9110 §5.5).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
