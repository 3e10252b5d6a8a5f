//! Scopes (RFC 6749 §3.3): `scope` as RFC 9068 §2.2.3 writes it, or `scp`.

use std::borrow::Cow;

use crate::jose::json::{Object, Text};

/// The scope that a token grants, borrowed from its claims.
///
/// It is `scope`, one string of tokens with single spaces between; when that is absent (or null) it
/// is `scp`, such a string or an array of tokens. A claim that is malformed grants nothing at all.
#[derive(Clone, Debug)]
pub struct Scopes<'c>(Granted<'c>);

#[derive(Clone, Debug)]
enum Granted<'c> {
    Nothing,
    /// Tokens with single spaces between.
    Text(Cow<'c, str>),
    /// Each is a token.
    List(Vec<Cow<'c, str>>),
}

impl<'c> Scopes<'c> {
    /// Reads the scope out of checked claims.
    #[must_use]
    pub fn of(claims: &'c Object) -> Self {
        let there = |name| claims.get(name).filter(|value| !value.is_null());
        Self(match (there("scope"), there("scp")) {
            (Some(scope), _) => Granted::text(&scope),
            (None, Some(scp)) => Granted::list(&scp).unwrap_or_else(|| Granted::text(&scp)),
            (None, None) => Granted::Nothing,
        })
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
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, list): (Option<&str>, &[Cow<'_, str>]) = match &self.0 {
            Granted::Nothing => (None, &[]),
            Granted::Text(text) => (Some(text), &[]),
            Granted::List(list) => (None, list),
        };
        text.into_iter()
            .flat_map(|text| text.split(' '))
            .chain(list.iter().map(AsRef::as_ref))
    }
}

impl<'c> Granted<'c> {
    fn text(value: &Text<'c>) -> Self {
        match value.string() {
            Some(text) if is_scope(&text) => Self::Text(text),
            Some(_) | None => Self::Nothing,
        }
    }

    /// An array of tokens; one that holds anything else grants nothing.
    fn list(value: &Text<'c>) -> Option<Self> {
        let token = |value: Text<'c>| value.string().filter(|token| is_token(token));
        let tokens: Option<Vec<_>> = value.elements()?.map(token).collect();
        Some(tokens.map_or(Self::Nothing, Self::List))
    }
}

/// Whether `text` is `scope-token *( SP scope-token )`.
pub(crate) fn is_scope(text: &str) -> bool {
    text.split(' ').all(is_token)
}

/// Whether `text` is one scope (`scope-token`, RFC 6749 §3.3).
pub(crate) fn is_token(text: &str) -> bool {
    let fit = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.bytes().all(fit)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn tokens(claims: &Value) -> Vec<String> {
        Scopes::of(&Object::of(claims))
            .iter()
            .map(str::to_owned)
            .collect()
    }

    fn covers(claims: &Value, all: &[&str], any: &[&str]) -> bool {
        let own = |list: &[&str]| list.iter().map(|&s| s.into()).collect::<Vec<Box<str>>>();
        Scopes::of(&Object::of(claims)).covers(&own(all), &own(any))
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
