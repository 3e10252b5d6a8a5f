//! What an answer says of how long it is good for, and how to ask whether it still is (RFC 9111).

use std::time::Duration;

use reqwest::{
    Url,
    header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue},
};

/// The longest entity tag that is kept, in bytes: it is a stranger's text.
const MAX_ETAG: usize = 256;

/// What to ask with whether a document is still the same (RFC 9110 §13.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::issuer) struct Validator {
    /// Of which document.
    pub(in crate::issuer) uri: Url,
    pub(in crate::issuer) etag: HeaderValue,
}

impl Validator {
    /// That of the answer with these headers, if it has one.
    pub(super) fn of(uri: &Url, headers: &HeaderMap) -> Option<Self> {
        let etag = headers.get(ETAG)?;
        let text = etag.as_bytes();
        let quoted = text.strip_prefix(b"W/").unwrap_or(text);
        let is_tag = quoted.len() > 2 && quoted.starts_with(b"\"") && quoted.ends_with(b"\"");
        (is_tag && text.len() <= MAX_ETAG).then(|| Self {
            uri: uri.clone(),
            etag: etag.clone(),
        })
    }
}

/// The `max-age` of an answer: the shortest, if it is said more than once.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let directives = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    directives
        .filter_map(seconds)
        .min()
        .map(Duration::from_secs)
}

fn seconds(directive: &str) -> Option<u64> {
    let (name, value) = directive.trim().split_once('=')?;
    let digits = value.trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // One that is too long for a number is longer than any refresh.
    (name.eq_ignore_ascii_case("max-age") && is_number).then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age_of(values: &[&'static str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
        }
        max_age(&headers).map(|age| age.as_secs())
    }

    #[test]
    fn max_age_is_found_among_the_others() {
        assert_eq!(age_of(&["max-age=300"]), Some(300));
        assert_eq!(age_of(&["public, Max-Age=\"300\" , x"]), Some(300));
        assert_eq!(
            age_of(&["max-age=300", "max-age=100, max-age=200"]),
            Some(100)
        );
        assert_eq!(age_of(&["max-age=99999999999999999999"]), Some(u64::MAX));
        assert_eq!(age_of(&["max-age=0"]), Some(0));
    }

    #[test]
    fn what_is_no_max_age_says_nothing() {
        for value in [
            "",
            "no-cache",
            "max-age",
            "max-age=",
            "max-age=-1",
            "max-age=+1",
            "max-age=1.5",
            "max-age = 1",
            "s-maxage=1",
            "x-max-age=1",
            "max-age=1s",
        ] {
            assert_eq!(age_of(&[value]), None, "{value}");
        }
        assert_eq!(age_of(&[]), None);
    }

    #[test]
    fn a_tag_is_quoted_and_short() {
        let uri: Url = "https://idp.example/keys".parse().unwrap();
        let of = |tag: &str| {
            let value = HeaderValue::from_str(tag).unwrap();
            Validator::of(&uri, &HeaderMap::from_iter([(ETAG, value)])).is_some()
        };
        assert!(of("\"a\"") && of("W/\"a\""));
        for tag in ["", "a", "\"\"", "\"", "\"a", "w/\"a\"", "*"] {
            assert!(!of(tag), "{tag}");
        }
        assert!(!of(&format!("\"{}\"", "a".repeat(MAX_ETAG))));
        assert!(Validator::of(&uri, &HeaderMap::new()).is_none());
    }
}
