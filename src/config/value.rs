//! A configuration as a tree of values that know where they stand, whatever language it is written in.

use serde_json::Number;

/// Where something stands: in which source, from which byte to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span {
    /// The number of the source in the report.
    pub(super) source: u32,
    /// The first byte.
    pub(super) start: u32,
    /// The byte after the last one.
    pub(super) end: u32,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// What TOML and JSON can both say, and the little that only one of them can.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// JSON's `null`.
    Null,
    /// True or false.
    Boolean(bool),
    /// Any number.
    Number(Number),
    /// A string, its `${NAME}` replaced.
    Text(String),
    /// TOML's dates and times, which no key wants.
    Date,
    /// A list.
    List(Vec<Node>),
    /// A table or object.
    Table(Table),
}

/// A table in the order of its source.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub(super) Vec<Entry>);

/// One key of a table.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Span {
    /// The place of a default: no source has it.
    pub(super) const NOWHERE: Self = Self {
        source: u32::MAX,
        start: 0,
        end: 0,
    };

    /// Bytes of one source. Sources are smaller than 4 GiB, because reading them is bounded.
    pub(super) fn new(source: u32, start: usize, end: usize) -> Self {
        Self {
            source,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        }
    }
}

impl Table {
    /// The entry of this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|e| e.key == key)
    }

    /// The value of this key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.node)
    }
}

impl Node {
    /// Whether it is this text.
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(&self.value, Value::Text(own) if own == text)
    }

    /// Whether it is `[]`.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.value, Value::List(nodes) if nodes.is_empty())
    }
}

impl Value {
    /// What it is called in a message.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Date => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// The same as JSON; a date, which JSON does not have, becomes null.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null | Self::Date => serde_json::Value::Null,
            Self::Boolean(b) => serde_json::Value::Bool(*b),
            Self::Number(n) => serde_json::Value::Number(n.clone()),
            Self::Text(s) => serde_json::Value::String(s.clone()),
            Self::List(nodes) => nodes.iter().map(|n| n.value.to_json()).collect(),
            Self::Table(table) => table
                .0
                .iter()
                .map(|e| (e.key.clone(), e.node.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}
