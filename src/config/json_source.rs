//! JSON as a tree of nodes, strictly: no member twice, bounded depth.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    context::Context,
    environment,
    large_text::LargeText,
    redact,
    value::{Entry, Node, Span, Table, Value},
};
use crate::jose::json::MAX_DEPTH;

/// A JSON document, read one level at a time: the whole tree of a large one is never in memory.
pub(super) struct Document<'d, 'c> {
    context: &'d Context<'c>,
    text: &'d str,
    source: u32,
}

/// A key and its value, neither of them read yet.
type Member<'d> = (&'d RawValue, &'d RawValue);

impl<'d, 'c> Document<'d, 'c> {
    /// A document over `text`.
    pub(super) fn new(context: &'d Context<'c>, name: &str, text: &'d Arc<LargeText>) -> Self {
        let source = context.add_source(name, Arc::clone(text) as Arc<_>);
        let text = (**text).as_ref();
        Self {
            context,
            text,
            source,
        }
    }

    /// The members of the object that the document is; `None` and an error if it is none.
    pub(super) fn members(&self) -> Option<Vec<Member<'d>>> {
        match serde_json::from_str::<Members<'d>>(self.text) {
            Ok(members) => Some(members.0),
            Err(error) => {
                let at = offset(self.text, error.line(), error.column());
                self.context
                    .syntax(Span::new(self.source, at, at), says(&error));
                None
            }
        }
    }

    /// The key and the value of a member.
    pub(super) fn entry(&self, (key, node): Member<'d>) -> Entry {
        self.entry_at(key, node, false, 0)
    }

    fn entry_at(&self, key: &RawValue, node: &RawValue, secret: bool, depth: usize) -> Entry {
        let key_span = self.span(key);
        if secret {
            // As in TOML: the secret itself may be the name of a member.
            self.context.redact(key_span);
        }
        let key: String = self.parse(key).unwrap_or_default();
        let secret = secret || redact::is_secret(&key);
        Entry {
            node: self.node(node, secret, depth + 1),
            key,
            key_span,
        }
    }

    fn node(&self, raw: &RawValue, secret: bool, depth: usize) -> Node {
        let span = self.span(raw);
        if secret {
            self.context.redact(span);
        }
        let value = if depth > MAX_DEPTH {
            self.context
                .error(span, format!("nested deeper than {MAX_DEPTH} levels"));
            Value::Null
        } else {
            self.value(raw, span, secret, depth).unwrap_or(Value::Null)
        };
        Node { value, span }
    }

    fn value(&self, raw: &RawValue, span: Span, secret: bool, depth: usize) -> Option<Value> {
        Some(match raw.get().as_bytes().first()? {
            b'{' => Value::Table(self.table(raw, secret, depth)),
            b'[' => {
                let nodes: Vec<&RawValue> = self.parse(raw)?;
                Value::List(
                    nodes
                        .into_iter()
                        .map(|n| self.node(n, secret, depth + 1))
                        .collect(),
                )
            }
            b'"' => {
                let text: String = self.parse(raw)?;
                let expanded = environment::expand(&text, self.context.environment);
                Value::Text(expanded.unwrap_or_else(|error| {
                    self.context.error(span, error.to_string());
                    text
                }))
            }
            b't' | b'f' => Value::Boolean(raw.get() == "true"),
            b'n' => Value::Null,
            _ => Value::Number(self.parse(raw)?),
        })
    }

    fn table(&self, raw: &RawValue, secret: bool, depth: usize) -> Table {
        let members = self
            .parse::<Members<'_>>(raw)
            .map(|m| m.0)
            .unwrap_or_default();
        let mut table = Table::default();
        let mut keys = std::collections::HashSet::with_capacity(members.len());
        for (key, node) in members {
            let entry = self.entry_at(key, node, secret, depth);
            if keys.insert(entry.key.clone()) {
                table.0.push(entry);
            } else {
                self.context
                    .error(entry.key_span, "the member stands twice");
            }
        }
        table
    }

    /// The outer parse has seen that this is JSON; what it has not seen, a lone surrogate say, is an error.
    fn parse<'r, T: Deserialize<'r>>(&self, raw: &'r RawValue) -> Option<T> {
        serde_json::from_str(raw.get())
            .map_err(|error| self.context.syntax(self.span(raw), says(&error)))
            .ok()
    }

    fn span(&self, raw: &RawValue) -> Span {
        let start = raw
            .get()
            .as_ptr()
            .addr()
            .wrapping_sub(self.text.as_ptr().addr());
        Span::new(self.source, start, start.saturating_add(raw.get().len()))
    }
}

/// The message without serde_json's own line and column.
fn says(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or_default();
    format!("not valid JSON: {message}")
}

/// The byte at serde_json's line and column, which counts bytes from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    before + column.saturating_sub(1)
}

/// The members of an object, in order, also those that stand twice.
struct Members<'d>(Vec<Member<'d>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
