//! `when` of a route: what a request must be like for the route to be for it.

use std::{net::IpAddr, sync::LazyLock};

use http::HeaderName;

use super::{
    schema::{Key, Schema, needed, unset},
    section::{Section, Text},
    value::{Node, Table, Value},
};
use crate::route::when::{AddressPattern, AddressTest, Condition, Subject, TextTest, When};
use crate::{bind::field::is_alias, identity};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("\"when\"", KEYS));
static ADDRESS: LazyLock<Schema> =
    LazyLock::new(|| Schema::of("\"remote_address\"", &[TESTS, BOUNDS]));
static TEXT: LazyLock<Schema> = LazyLock::new(|| Schema::new("a filter", TESTS));
static NAMED: LazyLock<Schema> = LazyLock::new(|| Schema::of("a filter", &[NAME, TESTS]));

const KEYS: &[Key] = &[
    unset("remote_address", "\"10.*.*.*\"", "The client's address."),
    unset("host", "\"internal\"", "The host that is asked for."),
    unset("path", "\"/internal/\"", "The canonical path."),
    unset("user_agent", "\"curl\"", "The User-Agent."),
    unset(
        "header",
        "{ name = \"X-Plan\", equals = \"gold\" }",
        "A header field.",
    ),
    unset(
        "cookie",
        "{ name = \"plan\", equals = \"gold\" }",
        "A cookie.",
    ),
];

const NAME: &[Key] = &[needed("name", "\"X-Plan\"", "Its name.")];

const TESTS: &[Key] = &[
    unset("equals", "\"gold\"", "It is this, or one of these."),
    unset("contains", "\"gold\"", "It contains this, or one of these."),
    unset(
        "not_contains",
        "\"gold\"",
        "It contains none of these, or is not there.",
    ),
];

const BOUNDS: &[Key] = &[
    unset("above", "\"10.0.0.0\"", "It is after this address."),
    unset("below", "\"10.1.0.0\"", "It is before this address."),
];

/// Reads `when` of the route that `route` is.
pub(super) fn decode(route: &Section<'_>) -> When {
    let nodes = route.nodes("when", "{ remote_address = \"10.*.*.*\" }");
    let conditions = nodes.iter().flat_map(|node| conditions(route, node));
    When(conditions.collect())
}

fn conditions(route: &Section<'_>, node: &Node) -> Vec<Condition> {
    let section = Section::open(route.context, &SCHEMA, node);
    let written: Vec<_> = KEYS
        .iter()
        .filter_map(|key| Some((key.name, section.written(key.name)?)))
        .collect();
    if written.is_empty() && !section.is_misread() {
        // An empty filter would hold for everything, which nobody means to write.
        let help = format!(
            "write one of {}",
            KEYS.iter().map(|k| k.name).collect::<Vec<_>>().join(", ")
        );
        section
            .context
            .error_with_help(section.span, "a filter with nothing in it", help);
    }
    let condition = |(name, node)| match name {
        "remote_address" => address(&section, node),
        "header" => named(&section, node, name, |section, text| {
            header(section, text).map(Subject::Header)
        }),
        "cookie" => named(&section, node, name, |_, text| {
            Some(Subject::Cookie(text.text.into()))
        }),
        "host" => text(&section, node, name, Subject::Host),
        "path" => text(&section, node, name, Subject::Path),
        _ => text(&section, node, name, Subject::UserAgent),
    };
    written.into_iter().filter_map(condition).collect()
}

/// A header that a client may send; of those that only the gateway sets, it would be a forged one.
fn header(section: &Section<'_>, text: Text<'_>) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(text.text.as_bytes()) else {
        section.context.error(text.span, "not a header's name");
        return None;
    };
    let own = |own: &&str| is_alias(name.as_str(), own);
    if identity::HEADER_NAMES.iter().any(own) {
        let message = format!("only the gateway sets {name}: what a client sends is forged");
        let help = "use rules, which know the identity";
        section.context.error_with_help(text.span, message, help);
        return None;
    }
    Some(name)
}

/// A bare string or list is a match; a table has its tests by their names.
fn address(section: &Section<'_>, node: &Node) -> Option<Condition> {
    let Value::Table(_) = &node.value else {
        let patterns = patterns(section, "remote_address")?;
        return Some(Condition::Address([AddressTest::Matches(patterns)].into()));
    };
    let tests = Section::open(section.context, &ADDRESS, node);
    let mut all = Vec::new();
    for name in ["equals", "contains"] {
        all.extend(patterns(&tests, name).map(AddressTest::Matches));
    }
    all.extend(patterns(&tests, "not_contains").map(AddressTest::NotMatches));
    all.extend(bound(&tests, "above").map(AddressTest::Above));
    all.extend(bound(&tests, "below").map(AddressTest::Below));
    some(&tests, all).map(Condition::Address)
}

fn patterns(section: &Section<'_>, name: &str) -> Option<Box<[AddressPattern]>> {
    let texts = listed(section, name)?;
    let parse = |text: Text<'_>| {
        text.text
            .parse()
            .map_err(|error: crate::route::when::address::NotAnAddress| {
                let help =
                    "write \"10.1.2.3\", \"10.0.0.0/8\", \"10.*.*.*\" or \"192.168.[7-13].*\"";
                section
                    .context
                    .error_with_help(text.span, error.to_string(), help);
            })
    };
    Some(
        texts
            .into_iter()
            .filter_map(|text| parse(text).ok())
            .collect(),
    )
}

fn bound(section: &Section<'_>, name: &str) -> Option<IpAddr> {
    section.written(name)?;
    let text = section.text(name)?;
    let address = text.text.parse::<IpAddr>();
    if address.is_err() {
        let help = "write one address, as in \"10.0.0.0\"";
        section
            .context
            .error_with_help(text.span, "not an address", help);
    }
    address.ok().map(|address| address.to_canonical())
}

fn text(section: &Section<'_>, node: &Node, name: &str, subject: Subject) -> Option<Condition> {
    let lower = subject == Subject::Host;
    let tests = match &node.value {
        Value::Table(_) => tests(&Section::open(section.context, &TEXT, node), lower)?,
        _ => [TextTest::Contains(parts(section, name, lower)?)].into(),
    };
    Some(Condition::Text { subject, tests })
}

fn named(
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

fn some<T>(section: &Section<'_>, all: Vec<T>) -> Option<Box<[T]>> {
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
fn listed<'c>(section: &Section<'c>, name: &str) -> Option<Vec<Text<'c>>> {
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
