//! A cursor on one section: typed getters that record what is wrong and go on.

use std::path::PathBuf;

use super::{
    context::Context,
    redact,
    schema::{EMPTY, Schema, closest, is_written},
    shape::{Shape, TEXTS},
    value::{Entry, Node, Span, Table, Value},
};

/// One section, and under it the sections that answer for keys it does not have.
pub(super) struct Section<'c> {
    pub(super) context: &'c Context<'c>,
    schema: &'static Schema,
    own: &'c Table,
    fallback: Option<&'c Table>,
    /// Where the section begins.
    pub(super) span: Span,
    /// Something in it could not be understood: what seems to be absent may be there.
    misread: bool,
}

/// A string and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'c> {
    pub(super) text: &'c str,
    pub(super) span: Span,
}

impl<'c> Section<'c> {
    /// The section that `node` is; every key that the schema does not know is an error.
    pub(super) fn open(context: &'c Context<'c>, schema: &'static Schema, node: &'c Node) -> Self {
        let (own, mut misread) = match &node.value {
            Value::Table(table) => (table, false),
            other => {
                let message = format!("{} must be a table, not {}", schema.title, other.kind());
                context.error(node.span, message);
                (&EMPTY, true)
            }
        };
        misread |= own.0.iter().any(|e| !schema.knows(&e.key));
        let section = Self {
            context,
            schema,
            own,
            fallback: None,
            span: node.span,
            misread,
        };
        for entry in own.0.iter().filter(|e| !schema.knows(&e.key)) {
            section.unknown(entry);
        }
        section
    }

    /// As [`Section::open`], with another section's table behind it.
    pub(super) fn open_over(
        context: &'c Context<'c>,
        schema: &'static Schema,
        node: &'c Node,
        fallback: Option<&'c Table>,
    ) -> Self {
        Self {
            fallback,
            ..Self::open(context, schema, node)
        }
    }

    /// The section that stands at `name` in this one; all defaults if it is absent.
    pub(super) fn child(&self, name: &str, schema: &'static Schema) -> Self {
        let fallback = self
            .fallback
            .and_then(|t| t.get(name))
            .and_then(|n| match &n.value {
                Value::Table(table) => Some(table),
                _ => None,
            });
        match self.own.get(name) {
            Some(node) => Self::open_over(self.context, schema, node, fallback),
            None => Self {
                context: self.context,
                schema,
                own: &EMPTY,
                fallback,
                span: self.span,
                misread: false,
            },
        }
    }

    fn unknown(&self, entry: &Entry) {
        let title = self.schema.title;
        let names = self.schema.keys.iter().map(|key| key.name);
        let suggestion = closest(&entry.key, names.clone());
        // A misspelt secret is a secret.
        let plain = suggestion.is_some_and(|s| !redact::is_secret(s));
        if !plain && !matches!(entry.node.value, Value::Table(_)) {
            self.context.redact(entry.node.span);
        }
        let help = match suggestion {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("{title} knows {}", names.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("unknown key \"{}\" in {title}", entry.key);
        self.context.error_with_help(entry.key_span, message, help);
    }

    /// The table says of `name` what is read here; a development build stops where it does not.
    pub(super) fn reads(&self, name: &str, shape: impl FnOnce() -> Shape) {
        debug_assert!(
            self.schema.agrees(name, |own| own.allows(&shape())),
            "the table of {} says something else of \"{name}\" than its decoder reads",
            self.schema.title
        );
    }

    /// As [`Section::reads`], for one of these words.
    pub(super) fn reads_one_of<T>(&self, name: &str, choices: &[(&str, T)]) {
        debug_assert!(
            self.schema.agrees(name, |own| {
                let words = choices.iter().map(|(word, _)| *word);
                matches!(own, Shape::Choice(own) if own().into_iter().eq(words))
            }),
            "the table of {} has other words for \"{name}\" than its decoder",
            self.schema.title
        );
    }

    /// The value of `name` as it is written, here or behind.
    pub(super) fn written(&self, name: &str) -> Option<&'c Node> {
        debug_assert!(self.schema.knows(name), "{name} is not in the schema");
        self.own.get(name).or_else(|| self.fallback?.get(name))
    }

    /// Where `name` itself is written in this section.
    pub(super) fn key_span(&self, name: &str) -> Option<Span> {
        self.own.entry(name).map(|e| e.key_span)
    }

    /// The value of `name` as it is written or by default.
    pub(super) fn node(&self, name: &str) -> Option<&'c Node> {
        self.written(name).or_else(|| self.schema.default(name))
    }

    /// Something is missing. Nothing is said where the section is no table, or beside an unknown key,
    /// which was probably meant to be it.
    pub(super) fn missing(&self, span: Span, message: impl Into<String>, help: &str) {
        if !self.misread {
            self.context.missing(span, message, help);
        }
    }

    /// Whether something in it could not be understood, so that what seems to be absent may be there.
    pub(super) const fn is_misread(&self) -> bool {
        self.misread
    }

    /// Where to point at for `name`: its value, else the section.
    pub(super) fn place(&self, name: &str) -> Span {
        self.written(name).map_or(self.span, |node| node.span)
    }

    /// Whether `name` is written and not empty.
    pub(super) fn has(&self, name: &str) -> bool {
        self.written(name)
            .is_some_and(|n| !matches!(&n.value, Value::Text(t) if t.is_empty()))
    }

    /// Records that `node` should have been `wanted`.
    pub(super) fn expected(&self, name: &str, node: &Node, wanted: &str) {
        let kind = node.value.kind();
        self.context.error(
            node.span,
            format!("\"{name}\" must be {wanted}, not {kind}"),
        );
    }

    /// A string; it may be empty.
    pub(super) fn text(&self, name: &str) -> Option<Text<'c>> {
        let node = self.node(name)?;
        match &node.value {
            Value::Text(text) => Some(Text {
                text,
                span: node.span,
            }),
            _ => {
                self.expected(name, node, "a string");
                None
            }
        }
    }

    /// A string; an empty one counts as absent.
    pub(super) fn some_text(&self, name: &str) -> Option<Text<'c>> {
        self.text(name).filter(|t| !t.text.is_empty())
    }

    /// A file's path, resolved; an empty one counts as absent. A change of the file is one of the
    /// configuration.
    pub(super) fn path(&self, name: &str) -> Option<(PathBuf, Span)> {
        let (path, span) = self.foreign_path(name)?;
        self.context.depends_on(&path);
        Some((path, span))
    }

    /// As [`Section::path`], where a change is somebody else's business.
    pub(super) fn foreign_path(&self, name: &str) -> Option<(PathBuf, Span)> {
        self.some_text(name)
            .map(|t| (self.context.resolve(t.text), t.span))
    }

    /// A list of strings, none of them empty.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<Text<'c>>> {
        self.reads(name, || TEXTS);
        let node = self.node(name)?;
        let Value::List(nodes) = &node.value else {
            self.expected(name, node, "a list of strings");
            return None;
        };
        let texts = nodes.iter().filter_map(|n| self.element(name, n)).collect();
        Some(texts)
    }

    /// A string or a list of strings.
    pub(super) fn one_or_more(&self, name: &str) -> Option<Vec<Text<'c>>> {
        match self.node(name)? {
            node @ Node {
                value: Value::Text(_),
                ..
            } => Some(self.element(name, node).into_iter().collect()),
            _ => self.texts(name),
        }
    }

    fn element(&self, name: &str, node: &'c Node) -> Option<Text<'c>> {
        match &node.value {
            Value::Text(text) if text.is_empty() => {
                self.context
                    .error(node.span, format!("\"{name}\" cannot hold an empty string"));
                None
            }
            Value::Text(text) => Some(Text {
                text,
                span: node.span,
            }),
            _ => {
                self.expected(name, node, "made of strings");
                None
            }
        }
    }

    /// True or false.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        self.reads(name, || Shape::Boolean);
        let node = self.node(name)?;
        match &node.value {
            Value::Boolean(boolean) => Some(*boolean),
            _ => {
                self.expected(name, node, "true or false");
                None
            }
        }
    }

    /// The elements of a list of tables; `example` is one.
    pub(super) fn nodes(&self, name: &str, example: &str) -> &'c [Node] {
        match self.written(name) {
            Some(Node {
                value: Value::List(nodes),
                ..
            }) => nodes,
            Some(node) => {
                let message = format!(
                    "\"{name}\" must be a list of tables, not {}",
                    node.value.kind()
                );
                let help = format!("write {name} = [{example}]");
                self.context.error_with_help(node.span, message, help);
                &[]
            }
            None => &[],
        }
    }

    /// The entries of a table whose keys are names.
    pub(super) fn entries(&self, name: &str) -> &'c [Entry] {
        match self.node(name) {
            Some(Node {
                value: Value::Table(table),
                ..
            }) => &table.0,
            Some(node) => {
                self.expected(name, node, "a table");
                &[]
            }
            None => &[],
        }
    }

    /// The table itself, to stand behind another section.
    pub(super) const fn table(&self) -> &'c Table {
        self.own
    }

    /// Warns that `name` is written and does nothing.
    pub(super) fn idle(&self, name: &str, why: &str) {
        if self.own.entry(name).is_some() && is_written(self.span) {
            self.context.warn(format!(
                "{}: \"{name}\" does nothing {why}",
                self.schema.title
            ));
        }
    }
}
