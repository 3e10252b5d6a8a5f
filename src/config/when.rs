//! `when` of a route: what a request must be like for the route to be for it.

use std::{net::IpAddr, sync::LazyLock};

use http::HeaderName;

use super::{
    schema::{Key, Schema, unset},
    section::{Section, Text},
    shape::{ONE_OR_MORE, Rule, Shape},
    value::{Node, Value},
    when_text::{self, listed, named, some, text},
};
use crate::route::when::{AddressPattern, AddressTest, Condition, Subject, When};
use crate::{bind::field::is_alias, identity};

/// Of an entry of `when`.
pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new("\"when\"", KEYS).with(&[Rule::Some(&[
        "remote_address",
        "host",
        "path",
        "user_agent",
        "header",
        "cookie",
    ])])
});
static ADDRESS: LazyLock<Schema> = LazyLock::new(|| {
    Schema::of("\"remote_address\"", &[TESTS, BOUNDS]).with(&[Rule::Some(&[
        "equals",
        "contains",
        "not_contains",
        "above",
        "below",
    ])])
});
const KEYS: &[Key] = &[
    unset("remote_address", "\"10.*.*.*\"", "The client's address.")
        .is(Shape::Either(&[ONE_OR_MORE, Shape::Section(|| &ADDRESS)])),
    unset("host", "\"internal\"", "The host that is asked for.").is(when_text::SHAPE),
    unset("path", "\"/internal/\"", "The canonical path.").is(when_text::SHAPE),
    unset("user_agent", "\"curl\"", "The User-Agent.").is(when_text::SHAPE),
    unset(
        "header",
        "{ name = \"X-Plan\", equals = \"gold\" }",
        "A header field.",
    )
    .is(Shape::Section(|| &when_text::NAMED)),
    unset(
        "cookie",
        "{ name = \"plan\", equals = \"gold\" }",
        "A cookie.",
    )
    .is(Shape::Section(|| &when_text::NAMED)),
];

pub(super) const TESTS: &[Key] = &[
    unset("equals", "\"gold\"", "It is this, or one of these.").is(ONE_OR_MORE),
    unset("contains", "\"gold\"", "It contains this, or one of these.").is(ONE_OR_MORE),
    unset(
        "not_contains",
        "\"gold\"",
        "It contains none of these, or is not there.",
    )
    .is(ONE_OR_MORE),
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
