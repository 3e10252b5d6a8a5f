//! The parameters of a request: a form, each once (RFC 6749 §3.2).

use std::borrow::Cow;

use http::{HeaderMap, header::CONTENT_TYPE};

use super::OAuthError;

/// The most parameters of one request.
const MAX: usize = 32;

/// The parameters of a request. An empty one counts as absent.
#[derive(Debug, Default)]
pub(super) struct Parameters<'r>(Vec<(Cow<'r, str>, Cow<'r, str>)>);

impl<'r> Parameters<'r> {
    /// Reads a form or a query.
    pub(super) fn parse(encoded: &'r [u8]) -> Result<Self, OAuthError> {
        const WRONG: OAuthError =
            OAuthError::InvalidRequest("The body is not a well-formed form in UTF-8.");
        if !is_well_formed(encoded) {
            return Err(WRONG);
        }
        let mut all: Vec<(Cow<'r, str>, Cow<'r, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err(WRONG);
            }
            if all.iter().any(|(other, _)| *other == name) {
                return Err(OAuthError::InvalidRequest("A parameter is there twice."));
            }
            if all.len() == MAX {
                return Err(OAuthError::InvalidRequest("There are too many parameters."));
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    /// The parameter `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        let (_, value) = all.find(|(other, _)| other == name)?;
        (!value.is_empty()).then_some(&**value)
    }

    /// The parameter `name`, which must be there.
    pub(super) fn need(&self, name: &str, missing: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(OAuthError::InvalidRequest(missing))
    }
}

/// Whether there is exactly one content type, and it is that of a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(one), None) = (types.next(), types.next()) else {
        return false;
    };
    let media_type = one.as_bytes().split(|b| *b == b';').next();
    media_type.is_some_and(|name| {
        name.trim_ascii()
            .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    })
}

/// Whether each `%` begins an escape; the decoder lets others stand.
fn is_well_formed(encoded: &[u8]) -> bool {
    let mut rest = encoded;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let digits = rest.get(at + 1..at + 3);
        if !digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_there_once_and_empty_ones_are_not_there() {
        let parsed = Parameters::parse(b"a=1&b=x%20y+z&c=&d").unwrap();
        assert_eq!(parsed.get("a"), Some("1"));
        assert_eq!(parsed.get("b"), Some("x y z"));
        for absent in ["c", "d", "e", "A"] {
            assert_eq!(parsed.get(absent), None);
        }
        let many: String = (0..33).map(|i| format!("p{i}=1&")).collect();
        for wrong in [
            "a=1&a=1",
            "a=1&%61=2",
            "a=%",
            "a=%f",
            "a=%gg",
            "a=%ff",
            &many,
        ] {
            assert!(Parameters::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_content_type_says_that_it_is_a_form() {
        let is = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, value.parse().unwrap());
            }
            is_form(&headers)
        };
        let form = "application/x-www-form-urlencoded";
        assert!(is(&[form]) && is(&["APPLICATION/x-www-form-urlencoded ; charset=UTF-8"]));
        assert!(!is(&[]) && !is(&[form, form]) && !is(&["application/json"]) && !is(&[""]));
    }
}
