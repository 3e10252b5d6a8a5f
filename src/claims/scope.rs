//! Scopes (RFC 6749 §3.3): `scope` as RFC 9068 §2.2.3 writes it, or `scp`.

use serde_json::{Map, Value};

/// The scope that a token grants, borrowed from its claims.
///
/// It is `scope`, one string of tokens with single spaces between; when that is absent (or null) it
/// is `scp`, such a string or an array of tokens. A claim that is malformed grants nothing at all.
#[derive(Clone, Copy, Debug)]
pub struct Scopes<'c>(Granted<'c>);

#[derive(Clone, Copy, Debug)]
enum Granted<'c> {
    Nothing,
    /// Tokens with single spaces between.
    Text(&'c str),
    /// Strings, each of which is a token.
    List(&'c [Value]),
}

impl<'c> Scopes<'c> {
    /// Reads the scope out of checked claims.
    #[must_use]
    pub fn of(claims: &'c Map<String, Value>) -> Self {
        let there = |name| claims.get(name).filter(|value| !value.is_null());
        let granted = match (there("scope"), there("scp")) {
            (Some(Value::String(text)), _) | (None, Some(Value::String(text)))
                if is_scope(text) =>
            {
                Granted::Text(text)
            }
            (None, Some(Value::Array(list))) if list.iter().all(is_token_value) => {
                Granted::List(list)
            }
            _ => Granted::Nothing,
        };
        Self(granted)
    }

    /// Whether every one of `all` is granted, and one of `any` unless that is empty.
    /// Tokens are compared whole and byte for byte.
    #[must_use]
    pub fn covers(&self, all: &[Box<str>], any: &[Box<str>]) -> bool {
        all.iter().all(|token| self.contains(token))
            && (any.is_empty() || any.iter().any(|token| self.contains(token)))
    }

    /// Whether `token` is granted.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|granted| granted == token)
    }

    /// The tokens, as they are written.
    pub fn iter(&self) -> impl Iterator<Item = &'c str> {
        let (text, list): (Option<&str>, &[Value]) = match self.0 {
            Granted::Nothing => (None, &[]),
            Granted::Text(text) => (Some(text), &[]),
            Granted::List(list) => (None, list),
        };
        text.into_iter()
            .flat_map(|text| text.split(' '))
            .chain(list.iter().flat_map(Value::as_str))
    }
}

/// Whether `text` is `scope-token *( SP scope-token )`.
pub(crate) fn is_scope(text: &str) -> bool {
    text.split(' ').all(is_token)
}

fn is_token(text: &str) -> bool {
    let fit = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.bytes().all(fit)
}

fn is_token_value(value: &Value) -> bool {
    value.as_str().is_some_and(is_token)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tokens(claims: &Value) -> Vec<String> {
        Scopes::of(claims.as_object().unwrap())
            .iter()
            .map(str::to_owned)
            .collect()
    }

    fn covers(claims: &Value, all: &[&str], any: &[&str]) -> bool {
        let own = |list: &[&str]| list.iter().map(|&s| s.into()).collect::<Vec<Box<str>>>();
        Scopes::of(claims.as_object().unwrap()).covers(&own(all), &own(any))
    }

    #[test]
    fn scope_is_a_text_and_scp_a_text_or_a_list() {
        for claims in [
            json!({"scope": "a:read b"}),
            json!({"scp": "a:read b"}),
            json!({"scp": ["a:read", "b"]}),
            json!({"scope": null, "scp": ["a:read", "b"]}),
            json!({"scope": "a:read b", "scp": ["c"]}),
        ] {
            assert_eq!(tokens(&claims), ["a:read", "b"], "{claims}");
        }
        assert_eq!(tokens(&json!({"scope": "!#[]~ %"})), ["!#[]~", "%"]);
    }

    #[test]
    fn a_malformed_scope_grants_nothing_and_opens_no_way_to_scp() {
        let malformed = [
            json!(""),
            json!(" "),
            json!("a  b"),
            json!(" a"),
            json!("a "),
            json!("a\tb"),
            json!("a\nb"),
            json!("a\u{a0}b"),
            json!("a \"b\""),
            json!("a\\b"),
            json!("a é"),
            json!("a\u{0}"),
            json!("a\u{7f}"),
            json!(["a"]),
            json!(1),
            json!(true),
            json!({"a": 1}),
        ];
        for scope in malformed {
            let claims = json!({"scope": scope, "scp": ["a"]});
            assert!(tokens(&claims).is_empty(), "{claims}");
            assert!(!covers(&claims, &["a"], &[]), "{claims}");
        }
        for scp in [
            json!(["a", 1]),
            json!(["a", "b c"]),
            json!(["a", ""]),
            json!([["a"]]),
            json!(1),
        ] {
            assert!(tokens(&json!({"scp": scp})).is_empty(), "{scp}");
        }
    }

    #[test]
    fn tokens_are_compared_whole() {
        let claims = json!({"scope": "orders:read orders:write"});
        assert!(covers(&claims, &["orders:read"], &[]));
        assert!(covers(&claims, &["orders:write", "orders:read"], &[]));
        for other in [
            "orders",
            "read",
            "orders:rea",
            "orders:read ",
            "Orders:read",
            "",
            " ",
        ] {
            assert!(!covers(&claims, &[other], &[]), "{other:?}");
            assert!(!covers(&claims, &[], &[other]), "{other:?}");
        }
        assert!(!covers(&claims, &["orders:read orders:write"], &[]));
        let claims = json!({"scope": "orders:readall"});
        assert!(!covers(&claims, &["orders:read"], &[]));
    }

    #[test]
    fn all_of_the_one_and_any_of_the_other() {
        let claims = json!({"scope": "a b"});
        assert!(covers(&claims, &[], &[]));
        assert!(covers(&claims, &["a"], &["x", "b"]));
        assert!(!covers(&claims, &["a", "x"], &[]));
        assert!(!covers(&claims, &["a", "x"], &["b"]));
        assert!(!covers(&claims, &["a"], &["x", "y"]));
        assert!(covers(&json!({}), &[], &[]));
        assert!(!covers(&json!({}), &["a"], &[]));
        assert!(!covers(&json!({}), &[], &["a"]));
    }
}
