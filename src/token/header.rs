//! A header of one's own, whole or in segments.
//!
//! A token that is too long for one field comes as `<name>-segments: N` and `<name>-1` to `<name>-N`.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use super::{
    ExtractError, RawToken,
    authorization::{credentials, trim},
};

/// The most segments that a token may come in.
const MAX_SEGMENTS: usize = 16;

enum Segment {
    /// `<name>-segments`
    Count,
    /// `<name>-1` is the one at 0.
    At(usize),
}

/// The token of the header `name`, with or without `Bearer` in front.
pub(super) fn find<'r>(
    headers: &'r HeaderMap,
    name: &HeaderName,
) -> Result<Option<RawToken<'r>>, ExtractError> {
    let mut values = headers.get_all(name).iter();
    let token = match (values.next(), values.next(), join(headers, name)?) {
        (None, _, None) => return Ok(None),
        (Some(value), None, None) => Cow::Borrowed(bare(value.as_bytes())),
        (None, _, Some(joined)) => Cow::Owned(bare(&joined).to_vec()),
        (Some(_), _, _) => return Err(ExtractError::Ambiguous),
    };
    RawToken::new(token).map(Some)
}

/// Removes the header and its segments unless `forward` keeps them. Names that become the same one
/// where `_` and `.` count as `-` are removed in any case: nobody has looked at what is in them.
pub(super) fn strip(headers: &mut HeaderMap, name: &HeaderName, forward: bool) {
    let doomed = |key: &&HeaderName| {
        belongs(key.as_str(), name.as_str(), alias)
            && !(forward && belongs(key.as_str(), name.as_str(), |b| b))
    };
    let doomed: Vec<HeaderName> = headers.keys().filter(doomed).cloned().collect();
    for key in doomed {
        headers.remove(key);
    }
}

fn bare(value: &[u8]) -> &[u8] {
    credentials(value).unwrap_or_else(|| trim(value))
}

/// The segments of the header `name` in their order; `None` when there is not one.
fn join(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Vec<u8>>, ExtractError> {
    let mut count = None;
    let mut segments = [None; MAX_SEGMENTS];
    for (key, value) in headers {
        let slot = match segment(key.as_str(), name.as_str()) {
            None => continue,
            Some(Segment::Count) => Some(&mut count),
            Some(Segment::At(at)) => segments.get_mut(at),
        };
        if slot
            .and_then(|slot| slot.replace(trim(value.as_bytes())))
            .is_some()
        {
            return Err(ExtractError::Ambiguous);
        }
    }
    if count.is_none() && segments.iter().all(Option::is_none) {
        return Ok(None);
    }
    let count = count.and_then(|count| number(std::str::from_utf8(count).ok()?));
    let Some((wanted, beyond)) = count.and_then(|count| segments.split_at_checked(count)) else {
        return Err(ExtractError::Malformed(
            "the number of the token's segments is not 1 to 16",
        ));
    };
    let mut joined = Vec::new();
    for segment in wanted {
        match segment {
            Some(segment) if !segment.is_empty() => joined.extend_from_slice(segment),
            Some(_) | None => {
                return Err(ExtractError::Malformed("a segment of the token is missing"));
            }
        }
    }
    if beyond.iter().any(Option::is_some) {
        return Err(ExtractError::Malformed(
            "the token has more segments than it says",
        ));
    }
    Ok(Some(joined))
}

fn segment(key: &str, name: &str) -> Option<Segment> {
    match key.strip_prefix(name)?.strip_prefix('-')? {
        "segments" => Some(Segment::Count),
        suffix => Some(Segment::At(number(suffix)?.checked_sub(1)?)),
    }
}

/// A number from 1 to 16 as one writes it: no sign, no zero in front.
fn number(text: &str) -> Option<usize> {
    if text.starts_with(['0', '+']) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= MAX_SEGMENTS)
}

/// Whether `key` is the header `name`, or has a segment's name of any number.
fn belongs(key: &str, name: &str, form: impl Fn(u8) -> u8) -> bool {
    let Some((front, rest)) = key.as_bytes().split_at_checked(name.len()) else {
        return false;
    };
    let same = front
        .iter()
        .zip(name.as_bytes())
        .all(|(a, b)| form(*a) == form(*b));
    same && match rest.split_first() {
        None => true,
        Some((dash, suffix)) => {
            form(*dash) == b'-'
                && (suffix == b"segments"
                    || !suffix.is_empty() && suffix.iter().all(u8::is_ascii_digit))
        }
    }
}

const fn alias(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        other => other,
    }
}
