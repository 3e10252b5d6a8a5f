//! How a claim is named: by its name, or by a JSON Pointer (RFC 6901) when that begins with `/`.

use std::{fmt, str::FromStr};

use crate::jose::json::{Object, Text};

/// A claim's place in the payload.
///
/// A plain name is looked up as it is at the top level: it may hold dots and slashes. Only a text
/// that begins with `/` is a pointer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimPath {
    text: Box<str>,
    /// The unescaped reference tokens of a pointer; `None` for a plain name.
    tokens: Option<Box<[Box<str>]>>,
}

/// Why a text names no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimPathError {
    /// It is empty.
    #[error("a claim's name cannot be empty")]
    Empty,
    /// `~` is followed by neither `0` nor `1`.
    #[error("in a JSON Pointer, ~ is written ~0 and / is written ~1 (RFC 6901)")]
    Escape,
}

impl ClaimPath {
    /// A claim whose name stands in the code; it must not begin with `/`.
    pub(crate) fn named(name: &'static str) -> Self {
        debug_assert!(!name.starts_with('/'), "a name, not a pointer");
        Self {
            text: name.into(),
            tokens: None,
        }
    }

    /// The value at this place; a null counts as absent.
    #[must_use]
    pub fn find<'c>(&self, claims: &'c Object) -> Option<Text<'c>> {
        let value = match &self.tokens {
            None => claims.get(&self.text),
            Some(tokens) => {
                let (first, rest) = tokens.split_first()?;
                rest.iter()
                    .try_fold(claims.get(first)?, |value, token| step(value, token))
            }
        };
        value.filter(|value| !value.is_null())
    }

    /// The names and indices on the way to the value, unescaped; of a plain name there is one.
    #[must_use]
    pub fn tokens(&self) -> &[Box<str>] {
        match &self.tokens {
            Some(tokens) => tokens,
            None => std::slice::from_ref(&self.text),
        }
    }

    /// The name or the pointer, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ClaimPath {
    type Err = ClaimPathError;

    fn from_str(text: &str) -> Result<Self, ClaimPathError> {
        if text.is_empty() {
            return Err(ClaimPathError::Empty);
        }
        let tokens = match text.strip_prefix('/') {
            None => None,
            Some(pointer) => Some(pointer.split('/').map(unescape).collect::<Result<_, _>>()?),
        };
        Ok(Self {
            text: text.into(),
            tokens,
        })
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn step<'t>(value: Text<'t>, token: &str) -> Option<Text<'t>> {
    match value.elements() {
        Some(mut elements) => elements.nth(index(token)?),
        None => value.get(token),
    }
}

/// An array index of RFC 6901 §4: digits only, and no zero in front of others.
pub(crate) fn index(token: &str) -> Option<usize> {
    let digits = !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
    let canonical = token == "0" || !token.starts_with('0');
    if digits && canonical {
        token.parse().ok()
    } else {
        None
    }
}

fn unescape(token: &str) -> Result<Box<str>, ClaimPathError> {
    let mut text = String::with_capacity(token.len());
    let mut characters = token.chars();
    while let Some(character) = characters.next() {
        if character != '~' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('0') => text.push('~'),
            Some('1') => text.push('/'),
            _ => return Err(ClaimPathError::Escape),
        }
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn find(path: &str, claims: &Value) -> Option<Value> {
        let claims = Object::of(claims);
        path.parse::<ClaimPath>()
            .unwrap()
            .find(&claims)
            .map(|value| value.to_value())
    }

    #[test]
    fn a_name_is_taken_literally_at_the_top_level() {
        let claims = json!({"a.b": 1, "https://example.com/tenant": 2, "a": {"b": 3}, "~0": 4});
        assert_eq!(find("a.b", &claims), Some(json!(1)));
        assert_eq!(find("https://example.com/tenant", &claims), Some(json!(2)));
        assert_eq!(find("a", &claims), Some(json!({"b": 3})));
        assert_eq!(find("~0", &claims), Some(json!(4)));
        assert_eq!(find("a/b", &claims), None);
        assert_eq!(find("A", &claims), None);
        assert_eq!(find("b", &claims), None);
    }

    #[test]
    fn a_pointer_walks_objects_and_arrays() {
        let claims = json!({"a": {"b": [10, {"c": 11}]}, "x/y": 1, "m~n": 2, "": 3, "~1": 4});
        assert_eq!(find("/a/b/0", &claims), Some(json!(10)));
        assert_eq!(find("/a/b/1/c", &claims), Some(json!(11)));
        assert_eq!(find("/x~1y", &claims), Some(json!(1)));
        assert_eq!(find("/m~0n", &claims), Some(json!(2)));
        assert_eq!(find("/~01", &claims), Some(json!(4)));
        assert_eq!(find("/", &claims), Some(json!(3)));
        for absent in [
            "/a/b/2",
            "/a/b/00",
            "/a/b/01",
            "/a/b/-",
            "/a/b/+1",
            "/a/b/",
            "/a/b/1/c/d",
        ] {
            assert_eq!(find(absent, &claims), None, "{absent}");
        }
        assert_eq!(find("/a/b/99999999999999999999999", &claims), None);
    }

    #[test]
    fn null_is_absent_and_false_is_not() {
        let claims = json!({"n": null, "f": false, "o": {"n": null}});
        assert_eq!(find("n", &claims), None);
        assert_eq!(find("/o/n", &claims), None);
        assert_eq!(find("f", &claims), Some(json!(false)));
    }

    #[test]
    fn what_names_no_claim_is_refused() {
        assert_eq!("".parse::<ClaimPath>(), Err(ClaimPathError::Empty));
        for text in ["/~", "/a~", "/~2", "/a/~x/b"] {
            assert_eq!(
                text.parse::<ClaimPath>(),
                Err(ClaimPathError::Escape),
                "{text}"
            );
        }
        assert_eq!("/a~0".parse::<ClaimPath>().unwrap().to_string(), "/a~0");
        assert_eq!("iat".parse(), Ok(ClaimPath::named("iat")));
    }
}
