//! What an answer says of how long it is good for, and how to ask whether it still is (RFC 9111).

use std::time::Duration;

use reqwest::{
    Url,
    header::{AGE, CACHE_CONTROL, ETAG, HeaderMap, HeaderValue},
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

/// How long an answer may be used, by its own account: the shortest `max-age`, less the `Age` that it
/// has on the way (RFC 9111 §4.2.3). An answer that is not to be kept, or to be asked for again each
/// time, may not be used at all; what is done with that is not decided here.
pub(super) fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let directives = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let seconds = directives.filter_map(directive).min()?;
    Some(Duration::from_secs(seconds.saturating_sub(age(headers))))
}

fn directive(directive: &str) -> Option<u64> {
    let directive = directive.trim();
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    if ["no-cache", "no-store"]
        .iter()
        .any(|none| name.eq_ignore_ascii_case(none))
    {
        return Some(0);
    }
    if name.eq_ignore_ascii_case("max-age") {
        seconds(value.trim_matches('"'))
    } else {
        None
    }
}

/// How long the answer has been in other caches, in seconds.
fn age(headers: &HeaderMap) -> u64 {
    let values = headers.get_all(AGE).iter();
    let values = values.filter_map(|value| seconds(value.to_str().ok()?.trim()));
    values.max().unwrap_or_default()
}

fn seconds(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // One that is too long for a number is longer than any refresh.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age_of(values: &[&'static str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
        }
        lifetime(&headers).map(|age| age.as_secs())
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
    fn what_is_not_to_be_kept_has_no_life() {
        for value in [
            "no-cache",
            "No-Store",
            "max-age=300, no-cache",
            "no-cache=\"set-cookie\", max-age=300",
            "must-revalidate,no-store",
        ] {
            assert_eq!(age_of(&[value]), Some(0), "{value}");
        }
    }

    #[test]
    fn the_time_on_the_way_counts() {
        let left = |ages: &[&'static str]| {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
            for age in ages {
                headers.append(AGE, HeaderValue::from_static(age));
            }
            lifetime(&headers).map(|age| age.as_secs())
        };
        assert_eq!(left(&["100"]), Some(200));
        assert_eq!(left(&["100", "250"]), Some(50));
        assert_eq!(left(&["300"]), Some(0));
        assert_eq!(left(&["99999999999999999999"]), Some(0));
        for nothing in ["", "-1", "soon", "1.5"] {
            assert_eq!(left(&[nothing]), Some(300), "{nothing}");
        }
        let alone = HeaderMap::from_iter([(AGE, HeaderValue::from_static("5"))]);
        assert_eq!(lifetime(&alone), None);
    }

    #[test]
    fn what_is_no_max_age_says_nothing() {
        for value in [
            "",
            "public",
            "no-cached",
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
