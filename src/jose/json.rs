//! Strict JSON: no duplicate members, no byte-order mark, nothing after the value, bounded depth.
//!
//! RFC 8259 lets a parser keep either of two members with one name. Two parsers that choose
//! differently read two different tokens, so such an object is refused (RFC 7515 §4, RFC 7519 §4).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use super::excerpt::excerpt;

/// How deep arrays and objects may nest; the outermost object is the first level.
pub const MAX_DEPTH: usize = 32;

/// Why bytes are not a JSON object that the gateway accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not UTF-8. The text names a place, and never what stands there.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// A member stands twice in one object. The name is cut and escaped.
    #[error("not strict JSON: the member \"{0}\" stands twice")]
    Duplicate(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Parses one JSON object, in one pass.
///
/// # Errors
/// [`JsonError`] says what is wrong with it.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError::Syntax(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let mut broken = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict {
        depth: 0,
        broken: &mut broken,
    }
    .deserialize(&mut deserializer)
    .and_then(|value| deserializer.end().map(|()| value));
    match (value, broken) {
        (Ok(Value::Object(object)), None) => Ok(object),
        (Ok(_), None) => Err(JsonError::NotAnObject),
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(JsonError::Syntax(error.to_string())),
    }
}

/// Reads one value at `depth`. `broken` gets the rule that it breaks: serde's errors carry only text.
struct Strict<'b> {
    depth: usize,
    broken: &'b mut Option<JsonError>,
}

impl Strict<'_> {
    fn inner(&mut self) -> Strict<'_> {
        Strict {
            depth: self.depth + 1,
            broken: self.broken,
        }
    }

    fn refuse<E: serde::de::Error>(&mut self, error: JsonError) -> E {
        *self.broken = Some(error);
        E::custom("refused")
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.depth < MAX_DEPTH {
            Ok(())
        } else {
            Err(self.refuse(JsonError::TooDeep))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(self.inner())? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut object = Map::new();
        // The name arrives with its escapes decoded: `\u0061lg` and `alg` are one member.
        while let Some(name) = members.next_key::<String>()? {
            match object.entry(name) {
                Entry::Occupied(entry) => {
                    let name = excerpt(entry.key());
                    *self.broken = Some(JsonError::Duplicate(name));
                    return Err(A::Error::custom("refused"));
                }
                Entry::Vacant(entry) => {
                    entry.insert(members.next_value_seed(self.inner())?);
                }
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn nested(levels: usize, open: &str, close: &str) -> String {
        format!(
            "{{\"a\":{}1{}}}",
            open.repeat(levels - 1),
            close.repeat(levels - 1)
        )
    }

    #[test]
    fn an_object_is_read_as_it_stands() {
        let object = parse_object(br#" {"a":[1,-2,2.5,"\u00e9\n",null,true,{}],"b":{"a":1}} "#);
        let expected = json!({"a": [1, -2, 2.5, "é\n", null, true, {}], "b": {"a": 1}});
        assert_eq!(Value::Object(object.unwrap()), expected);
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_at_every_depth() {
        for (text, name) in [
            (r#"{"alg":1,"alg":1}"#, "alg"),
            (r#"{"alg":1,"\u0061lg":1}"#, "alg"),
            (r#"{"a":{"b":[{"c":1,"c":2}]}}"#, "c"),
            (r#"{"":1,"":1}"#, ""),
        ] {
            let error = parse_object(text.as_bytes()).unwrap_err();
            assert_eq!(error, JsonError::Duplicate(name.into()), "{text}");
        }
        assert!(parse_object(br#"{"alg":1,"Alg":1,"a":{"alg":1}}"#).is_ok());
    }

    #[test]
    fn a_duplicate_is_named_within_bounds() {
        let name = "x".repeat(5_000);
        let text = format!("{{\"{name}\":1,\"{name}\":1}}");
        let error = parse_object(text.as_bytes()).unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
    }

    #[test]
    fn depth_is_bounded() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            assert!(parse_object(nested(MAX_DEPTH, open, close).as_bytes()).is_ok());
            let deeper = nested(MAX_DEPTH + 1, open, close);
            assert_eq!(parse_object(deeper.as_bytes()), Err(JsonError::TooDeep));
            let deepest = nested(100_000, open, close);
            assert_eq!(parse_object(deepest.as_bytes()), Err(JsonError::TooDeep));
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", "\"{}\"", "null", "true", "[{}]"] {
            assert_eq!(
                parse_object(text.as_bytes()),
                Err(JsonError::NotAnObject),
                "{text}"
            );
        }
        assert!(parse_object(b"{}").is_ok());
    }

    #[test]
    fn bad_syntax_is_refused_without_repeating_it() {
        let texts: [&[u8]; 16] = [
            b"",
            b" ",
            b"\xef\xbb\xbf{}",
            b"{} x",
            b"{}{}",
            b"{}\0",
            b"{\"secret\":\xff}",
            b"{\"secret\":\"\xc0\xaf\"}",
            b"{\"secret\":\"\\ud800\"}",
            b"{\"secret\":1,}",
            b"{'secret':1}",
            b"{secret:1}",
            b"{\"secret\":01}",
            b"{\"secret\":NaN}",
            b"{\"secret\":1e999}",
            b"{\"secret\":\"\n\"}",
        ];
        for text in texts {
            let error = parse_object(text).unwrap_err();
            assert!(matches!(error, JsonError::Syntax(_)), "{text:?}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_object(&bytes);
        }

        #[test]
        fn what_is_accepted_means_the_same_to_serde_json(text in r#"\{("[ab]":([0-9]|"[a-z]*"|\[\]),?){0,4}\}"#) {
            if let Ok(object) = parse_object(text.as_bytes()) {
                let other: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(Value::Object(object), other);
            }
        }
    }
}
