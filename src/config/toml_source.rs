//! TOML as a tree of nodes. What can be read beside a syntax error is read.

use std::sync::Arc;

use serde_json::Number;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    context::Context,
    environment, redact,
    value::{Entry, Node, Span, Table, Value},
};

/// Reads a whole document; its syntax errors go to the context.
pub(super) fn read(context: &Context<'_>, name: &str, text: &str) -> Node {
    let source = context.add_source(name, Arc::new(text.to_owned()));
    let reader = Reader { context, source };
    let (mut root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        context.syntax(Span::new(source, span.start, span.end), error.message());
    }
    let without;
    if !errors.is_empty() {
        // The parser gives up at some errors. Without those lines it comes further, and the rest of
        // the file is checked as well.
        without = without_lines_of(text, &errors);
        (root, _) = DeTable::parse_recoverable(&without);
    }
    Node {
        value: Value::Table(reader.table(root.into_inner(), false)),
        span: Span::new(source, 0, 0),
    }
}

/// `text` with spaces in place of the lines that have errors, so that every byte keeps its place. The
/// header of a table stays: its keys belong to no other.
fn without_lines_of(text: &str, errors: &[toml::de::Error]) -> String {
    let mut starts: Vec<usize> = errors
        .iter()
        .filter_map(|e| Some(e.span()?.start))
        .collect();
    starts.sort_unstable();
    let mut starts = starts.into_iter().peekable();
    let (mut blanked, mut end) = (String::with_capacity(text.len()), 0);
    for line in text.split_inclusive('\n') {
        end += line.len();
        let mut wrong = false;
        while starts.next_if(|start| *start < end).is_some() {
            wrong = true;
        }
        if wrong && !line.trim_start().starts_with('[') {
            let blank = line.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' });
            blanked.extend(blank);
        } else {
            blanked.push_str(line);
        }
    }
    blanked
}

/// Reads the value of a default, which is known to be good.
pub(super) fn read_default(text: &str) -> Option<Node> {
    let nobody = |_: &str| None;
    let clock = crate::clock::Clock::system();
    let context = Context::new(std::path::Path::new(""), &nobody, &clock);
    let value = DeValue::parse(text).ok()?;
    let mut node = Reader {
        context: &context,
        source: u32::MAX,
    }
    .node(value, false);
    node.span = Span::NOWHERE;
    context.finish().ok().map(|_| node)
}

/// Reads the value of an example as it stands there: its variables have no values.
pub(super) fn read_example(text: &str) -> Option<Node> {
    read_default(&text.replace("${", "$${"))
}

struct Reader<'r, 'c> {
    context: &'r Context<'c>,
    source: u32,
}

impl Reader<'_, '_> {
    fn span(&self, span: std::ops::Range<usize>) -> Span {
        Span::new(self.source, span.start, span.end)
    }

    fn table(&self, table: DeTable<'_>, secret: bool) -> Table {
        let entries = table.into_iter().map(|(key, node)| {
            let key_span = self.span(key.span());
            if secret {
                // Who wrote a table where a secret belongs may have written the secret as a key of it.
                self.context.redact(key_span);
            }
            let key = key.into_inner().into_owned();
            let within_table = node.get_ref().is_table();
            // `[token]` is a section, and `token = "…"` is a secret; so with `credential`.
            let secret =
                secret || (redact::is_secret(&key) && !(within_table && is_a_section(&key)));
            let node = self.node(node, secret);
            Entry {
                key,
                key_span,
                node,
            }
        });
        Table(entries.collect())
    }

    fn node(&self, node: Spanned<DeValue<'_>>, secret: bool) -> Node {
        let span = self.span(node.span());
        let value = node.into_inner();
        // A table too, with what its reader has lost of it where the text has errors.
        if secret {
            self.context.redact(span);
        }
        let value = match value {
            DeValue::String(text) => self.text(&text, span),
            DeValue::Integer(integer) => {
                let number = i64::from_str_radix(integer.as_str(), integer.radix());
                self.number(number.ok().map(Number::from), span)
            }
            DeValue::Float(float) => {
                let number = float.as_str().parse::<f64>().ok();
                self.number(number.and_then(Number::from_f64), span)
            }
            DeValue::Boolean(boolean) => Value::Boolean(boolean),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Array(nodes) => {
                Value::List(nodes.into_iter().map(|n| self.node(n, secret)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, secret)),
        };
        Node { value, span }
    }

    fn text(&self, text: &str, span: Span) -> Value {
        let expanded = environment::expand(text, self.context.environment);
        Value::Text(expanded.unwrap_or_else(|error| {
            self.context.error(span, error.to_string());
            text.to_owned()
        }))
    }

    fn number(&self, number: Option<Number>, span: Span) -> Value {
        Value::Number(number.unwrap_or_else(|| {
            self.context.error(span, "the number is out of range");
            Number::from(0)
        }))
    }
}

/// What is a section as a table and a secret as a string.
fn is_a_section(key: &str) -> bool {
    matches!(key, "token" | "credential")
}
