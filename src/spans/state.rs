//! `tracestate`: what tracing systems tell each other. The gateway adds nothing, and lets on only what is well
//! made and belongs to a good `traceparent`.

use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

/// `tracestate` (W3C Trace Context).
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The most members of a list.
const MAX_MEMBERS: usize = 32;
/// The most bytes of a list, in all its fields, with a comma between them.
const MAX_BYTES: usize = 512;
/// The most bytes of a key, and of a value.
const MAX_PART: usize = 256;

/// Whether the request's `tracestate` goes on: in all its fields, or not at all.
#[must_use]
pub fn is_good(headers: &HeaderMap) -> bool {
    let mut keys: SmallVec<[&[u8]; MAX_MEMBERS]> = SmallVec::new();
    let mut bytes = 0;
    for value in headers.get_all(TRACESTATE) {
        bytes += value.len() + 1;
        if bytes > MAX_BYTES + 1 {
            return false;
        }
        for member in value.as_bytes().split(|b| *b == b',') {
            // A list may have empty members.
            let member = member.trim_ascii();
            if member.is_empty() {
                continue;
            }
            match key_of(member) {
                Some(key) if keys.len() < MAX_MEMBERS && !keys.contains(&key) => keys.push(key),
                Some(_) | None => return false,
            }
        }
    }
    true
}

/// The key of a member that is well made.
fn key_of(member: &[u8]) -> Option<&[u8]> {
    let at = memchr::memchr(b'=', member)?;
    let (key, value) = member.split_at_checked(at)?;
    let (first, value) = (key.first()?, value.get(1..)?);
    // Level 2; level 1 has fewer.
    let begins = first.is_ascii_lowercase() || first.is_ascii_digit();
    let is_key = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let is_value = |b: &u8| matches!(b, 0x20..=0x7e) && !matches!(b, b',' | b'=');
    let sizes = key.len() <= MAX_PART && (1..=MAX_PART).contains(&value.len());
    let good = begins && sizes && key.iter().all(is_key) && value.iter().all(is_value);
    good.then_some(key)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn good(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACESTATE, HeaderValue::from_str(value).unwrap());
        }
        is_good(&headers)
    }

    fn members(count: usize) -> String {
        let all: Vec<_> = (0..count).map(|n| format!("k{n}=v")).collect();
        all.join(",")
    }

    #[test]
    fn a_list_that_is_well_made_goes_on() {
        for list in [
            "",
            "rojo=00f067aa0ba902b7",
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
            "a=1 , b=2,\t c=3",
            "a=1,,b=2,",
            "fw529a3039@dt=FfAAA;0 x",
            "0tenant@sys=1",
            "a_-*/=~!\"#",
            &members(32),
            &format!("a={}", "x".repeat(256)),
            &format!("{}=x", "a".repeat(256)),
        ] {
            assert!(good(&[list]), "{list}");
        }
        assert!(good(&["a=1", "b=2"]));
    }

    #[test]
    fn any_other_does_not() {
        for list in [
            "a",
            "=1",
            "a=",
            "A=1",
            "a b=1",
            "-a=1",
            "a=1=2",
            "a=1;b=2,c",
            "a=1,a=2",
            "a=\u{e9}",
            &members(33),
            &format!("a={}", "x".repeat(257)),
            &format!("{}=x", "a".repeat(257)),
            &format!("a={0},b={0},c=1", "x".repeat(254)),
        ] {
            assert!(!good(&[list]), "{list}");
        }
        assert!(!good(&["a=1", "b"]));
        assert!(!good(&["a=1", "a=1"]));
        let others = members(20).replace('k', "o");
        assert!(!good(&[&members(20), &others]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.append(TRACESTATE, value);
                let _ = is_good(&headers);
            }
        }
    }
}
