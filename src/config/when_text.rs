//! Filters on texts of a request: `host`, `path`, `user_agent`, `header` and `cookie`.

use std::sync::LazyLock;

use super::{
    schema::{Key, Schema, needed},
    section::{Section, Text},
    shape::{ONE_OR_MORE, Rule, Shape},
    value::{Node, Table, Value},
    when::TESTS,
};
use crate::route::when::{Condition, Subject, TextTest};

static TEXT: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new("a filter", TESTS).with(&[Rule::Some(&["equals", "contains", "not_contains"])])
});
/// Of a filter on what has a name of its own.
pub(super) static NAMED: LazyLock<Schema> = LazyLock::new(|| {
    Schema::of("a filter", &[NAME, TESTS]).with(&[
        Rule::Some(&["name"]),
        Rule::Some(&["equals", "contains", "not_contains"]),
    ])
});

/// Of any other: what it contains, or a table.
pub(super) const SHAPE: Shape = Shape::Either(&[ONE_OR_MORE, Shape::Section(|| &TEXT)]);

const NAME: &[Key] = &[needed("name", "\"X-Plan\"", "Its name.")];

pub(super) fn text(
    section: &Section<'_>,
    node: &Node,
    name: &str,
    subject: Subject,
) -> Option<Condition> {
    let lower = subject == Subject::Host;
    let tests = match &node.value {
        Value::Table(_) => tests(&Section::open(section.context, &TEXT, node), lower)?,
        _ => [TextTest::Contains(parts(section, name, lower)?)].into(),
    };
    Some(Condition::Text { subject, tests })
}

pub(super) fn named(
    section: &Section<'_>,
    node: &Node,
    kind: &str,
    subject: impl Fn(&Section<'_>, Text<'_>) -> Option<Subject>,
) -> Option<Condition> {
    let named = Section::open(section.context, &NAMED, node);
    let tests = tests(&named, false);
    if !named.has("name") {
        let help = format!("write {kind} = {{ name = \"…\", equals = \"…\" }}");
        named.missing(node.span, format!("which {kind}?"), &help);
        return None;
    }
    let subject = subject(&named, named.some_text("name")?)?;
    Some(Condition::Text {
        subject,
        tests: tests?,
    })
}

fn tests(section: &Section<'_>, lower: bool) -> Option<Box<[TextTest]>> {
    let mut all = Vec::new();
    all.extend(parts(section, "equals", lower).map(TextTest::Equals));
    all.extend(parts(section, "contains", lower).map(TextTest::Contains));
    all.extend(parts(section, "not_contains", lower).map(TextTest::NotContains));
    some(section, all)
}

pub(super) fn some<T>(section: &Section<'_>, all: Vec<T>) -> Option<Box<[T]>> {
    let untested = |table: &Table| table.0.iter().all(|entry| entry.key == "name");
    if untested(section.table()) {
        let help = "write equals, contains or not_contains; for addresses also above and below";
        section.missing(section.span, "a filter without a test", help);
    }
    // A test that is wrong was reported.
    (!all.is_empty()).then(|| all.into())
}

fn parts(section: &Section<'_>, name: &str, lower: bool) -> Option<Box<[Box<str>]>> {
    let texts = listed(section, name)?.into_iter();
    let case = |text: Text<'_>| match lower {
        true => text.text.to_ascii_lowercase().into(),
        false => text.text.into(),
    };
    Some(texts.map(case).collect())
}

/// A string or a list of strings, each of which may hold several with `|` between.
pub(super) fn listed<'c>(section: &Section<'c>, name: &str) -> Option<Vec<Text<'c>>> {
    section.written(name)?;
    let texts = section.one_or_more(name)?;
    let split = |text: Text<'c>| {
        let span = text.span;
        text.text.split('|').map(move |part| Text {
            text: part.trim(),
            span,
        })
    };
    let parts: Vec<_> = texts.into_iter().flat_map(split).collect();
    let nothing = section.written(name).is_some_and(Node::is_empty_list);
    if nothing || parts.iter().any(|part| part.text.is_empty()) {
        let message = format!("\"{name}\" cannot hold nothing: every text contains that");
        section.context.error(section.place(name), message);
        return None;
    }
    // Whatever else is not there was reported.
    (!parts.is_empty()).then_some(parts)
}
