//! The claims of a token that is signed (RFC 7519 §4).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Number, Value};

use super::SigningKeyError;
use crate::clock::UnixTime;

/// The random bytes of a `jti`.
const ID_BYTES: usize = 16;
/// The times that can be written as a date: up to the end of the year 9999, in seconds since 1970.
const LAST_TIME: i64 = 253_402_300_799;
/// From here on a number with a fraction cannot count any more.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A set of claims, each there once. Those that RFC 7519 registers have the type that it says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Claims(Map<String, Value>);

/// Why a claim is not taken. No text holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It is there already.
    #[error("the claim \"{0}\" is given twice")]
    Duplicate(String),
    /// It has no name.
    #[error("a claim needs a name")]
    Nameless,
    /// `iss`, `sub` or `jti`.
    #[error("the claim \"{0}\" must be a string")]
    NotAString(&'static str),
    /// `aud`.
    #[error("the claim \"aud\" must be a string, or a list of strings that is not empty")]
    Audience,
    /// `exp`, `nbf` or `iat`.
    #[error("the claim \"{0}\" must be a whole number of seconds since 1970, up to the year 9999")]
    NotATime(&'static str),
    /// Somewhere in it is a number that would come out as another one.
    #[error("the claim \"{0}\" holds a number that is too large to be exact: write it as a string")]
    Inexact(String),
}

impl Claims {
    /// No claims.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a claim.
    ///
    /// # Errors
    /// [`ClaimError`] when it is there, or has the wrong type for its name.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<(), ClaimError> {
        let value = value.into();
        if name.is_empty() {
            return Err(ClaimError::Nameless);
        }
        check_registered(name, &value)?;
        if !is_exact(&value) {
            return Err(ClaimError::Inexact(name.to_owned()));
        }
        if self.has(name) {
            return Err(ClaimError::Duplicate(name.to_owned()));
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// Sets `aud`: one is a string, several are a list (RFC 7519 §4.1.3), none is no claim.
    ///
    /// # Errors
    /// [`ClaimError::Duplicate`].
    pub fn set_audience(&mut self, audience: &[String]) -> Result<(), ClaimError> {
        match audience {
            [] => Ok(()),
            [one] => self.set("aud", one.as_str()),
            several => self.set("aud", several.to_vec()),
        }
    }

    /// Sets `jti` to 128 random bits.
    ///
    /// # Errors
    /// [`SigningKeyError::Failed`] when there is no randomness; the claim is then absent.
    pub fn set_random_id(&mut self) -> Result<(), SigningKeyError> {
        let mut id = [0; ID_BYTES];
        aws_lc_rs::rand::fill(&mut id)?;
        self.0
            .insert("jti".to_owned(), URL_SAFE_NO_PAD.encode(id).into());
        Ok(())
    }

    /// Sets `iat` to `now` and `exp` to `lifetime` seconds later, each where it is absent.
    ///
    /// # Errors
    /// [`ClaimError::NotATime`] when that is beyond the year 9999, or before 1970.
    pub fn complete(&mut self, now: UnixTime, lifetime: i64) -> Result<(), ClaimError> {
        if !self.has("iat") {
            self.set("iat", now.0)?;
        }
        if !self.has("exp") {
            self.set("exp", now.plus(lifetime).0)?;
        }
        Ok(())
    }

    /// Whether there is a claim of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// When it expires (`exp`), if it does.
    #[must_use]
    pub fn expires(&self) -> Option<UnixTime> {
        self.0.get("exp")?.as_i64().map(UnixTime)
    }

    /// As they are signed.
    pub(super) fn document(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims([redacted])")
    }
}

fn check_registered(name: &str, value: &Value) -> Result<(), ClaimError> {
    for known in ["iss", "sub", "jti"] {
        if name == known && !value.is_string() {
            return Err(ClaimError::NotAString(known));
        }
    }
    for known in ["exp", "nbf", "iat"] {
        if name == known && !value.as_i64().is_some_and(|t| (0..=LAST_TIME).contains(&t)) {
            return Err(ClaimError::NotATime(known));
        }
    }
    let is_audience = match value {
        Value::String(_) => true,
        Value::Array(names) => !names.is_empty() && names.iter().all(Value::is_string),
        _ => false,
    };
    if name == "aud" && !is_audience {
        return Err(ClaimError::Audience);
    }
    Ok(())
}

/// Whether each number in it is the one that was written: a whole number beyond 64 bits is read as one with
/// a fraction, and loses digits.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_exact_number(number),
        Value::Array(values) => values.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn is_exact_number(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.abs() < EXACT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(name: &str, value: Value) -> Result<(), ClaimError> {
        Claims::new().set(name, value)
    }

    #[test]
    fn claims_have_the_types_that_they_came_with() {
        let mut claims = Claims::new();
        for (name, value) in [
            ("iss", json!("joe")),
            ("aud", json!(["a", "b"])),
            ("n", json!(-1)),
            ("f", json!(0.5)),
            ("b", json!(false)),
            ("null", Value::Null),
            ("o", json!({"a": [18_446_744_073_709_551_615_u64]})),
        ] {
            assert_eq!(claims.set(name, value), Ok(()), "{name}");
        }
        claims.complete(UnixTime(1000), 300).unwrap();
        let text = claims.document();
        assert_eq!(
            text,
            r#"{"aud":["a","b"],"b":false,"exp":1300,"f":0.5,"iat":1000,"iss":"joe","n":-1,"null":null,"o":{"a":[18446744073709551615]}}"#
        );
        assert_eq!(claims.expires(), Some(UnixTime(1300)));
        assert_eq!(format!("{claims:?}"), "Claims([redacted])");
    }

    #[test]
    fn a_registered_claim_of_another_type_is_refused() {
        for name in ["iss", "sub", "jti"] {
            assert!(set(name, json!("x")).is_ok());
            for wrong in [json!(1), json!(["x"]), Value::Null, json!({})] {
                assert!(matches!(set(name, wrong), Err(ClaimError::NotAString(_))));
            }
        }
        for name in ["exp", "nbf", "iat"] {
            assert!(set(name, json!(0)).is_ok());
            for wrong in [
                json!("1"),
                json!(1.5),
                json!(-1),
                json!(253_402_300_800_i64),
            ] {
                assert!(matches!(set(name, wrong), Err(ClaimError::NotATime(_))));
            }
        }
        for wrong in [json!([]), json!([1]), json!(1), Value::Null] {
            assert_eq!(set("aud", wrong), Err(ClaimError::Audience));
        }
        assert_eq!(set("", json!(1)), Err(ClaimError::Nameless));
    }

    #[test]
    fn what_is_there_is_not_replaced() {
        let mut claims = Claims::new();
        claims.set("exp", 5).unwrap();
        assert_eq!(
            claims.set("exp", 6),
            Err(ClaimError::Duplicate("exp".into()))
        );
        claims.complete(UnixTime(1000), 300).unwrap();
        assert_eq!(claims.expires(), Some(UnixTime(5)));
        let mut claims = Claims::new();
        assert_eq!(
            claims.complete(UnixTime(i64::MAX), 300),
            Err(ClaimError::NotATime("iat"))
        );
    }

    #[test]
    fn a_number_that_would_lose_digits_is_refused() {
        for text in ["12345678901234567890123", "[1e300]", "{\"a\":-1e16}"] {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(set("n", value), Err(ClaimError::Inexact("n".into())));
        }
        assert_eq!(set("n", json!(1e15)), Ok(()));
    }

    #[test]
    fn one_audience_is_a_string_and_several_are_a_list() {
        let with = |audience: &[&str]| {
            let audience: Vec<_> = audience.iter().map(|&a| a.to_owned()).collect();
            let mut claims = Claims::new();
            claims.set_audience(&audience).unwrap();
            claims.document()
        };
        assert_eq!(with(&[]), "{}");
        assert_eq!(with(&["a"]), r#"{"aud":"a"}"#);
        assert_eq!(with(&["a", "b"]), r#"{"aud":["a","b"]}"#);
    }

    #[test]
    fn each_random_id_is_another_one() {
        let id = || {
            let mut claims = Claims::new();
            claims.set_random_id().unwrap();
            claims.document()
        };
        assert_eq!(id().len(), r#"{"jti":""}"#.len() + 22);
        assert_ne!(id(), id());
    }
}
