//! The JSON Schema of a configuration, made from the same tables that the decoder reads.

use std::time::Duration;

use serde_json::json;

use super::{
    duration,
    ordered::Ordered,
    root,
    schema::{Key, Schema, Setting},
    shape::{Rule, Shape},
    size, toml_source,
    tree::{self, Place},
};

/// The first line of a configuration whose schema lies beside it: editors look for it.
pub const SCHEMA_LINE: &str = "#:schema ./portcullis.schema.json\n";

/// What a string looks like that holds `${NAME}`: its value is known only where it is used.
const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}";
/// Each unit at most once, the largest first.
const DURATION: &str =
    r"^ *(?=[0-9])([0-9]+d *)?([0-9]+h *)?([0-9]+m *)?([0-9]+s *)?([0-9]+ms *)?$";
const SIZE: &str = r"^ *[0-9]+ *(B|KB|MB|GB|KiB|MiB|GiB)? *$";

/// The JSON Schema (2020-12) of a configuration: what an editor can know of it. What files hold, whether
/// values agree with each other and ranges of durations are for `portcullis check` alone.
#[must_use]
pub fn json_schema() -> String {
    let places = tree::places();
    let mut definitions = vec![
        ("variable".to_owned(), variable()),
        (
            "duration".to_owned(),
            pattern("A duration: \"30s\", \"5m\", \"1h 30m\".", DURATION),
        ),
        (
            "size".to_owned(),
            pattern("A size: \"16KiB\", \"1MB\", or a number of bytes.", SIZE),
        ),
    ];
    definitions.extend(places.iter().map(|place| {
        let title = place.head.as_deref().unwrap_or(&place.name);
        let body = section(place.schema, &places);
        let whole = Ordered::object([("title", title.into()), ("description", place.doc.into())]);
        (place.name.clone(), join(whole, body))
    }));
    let head = Ordered::object([
        (
            "$schema",
            "https://json-schema.org/draft/2020-12/schema".into(),
        ),
        ("title", "A configuration of Portcullis".into()),
        (
            "description",
            "Whatever this lets through may still be wrong: portcullis check -c FILE".into(),
        ),
    ]);
    let whole = join(head, section(&root::SCHEMA, &places));
    let whole = whole.with("$defs", Ordered::Object(definitions));
    // Strings and numbers can always be written.
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
    text.push('\n');
    text
}

fn join(first: Ordered, second: Ordered) -> Ordered {
    match (first, second) {
        (Ordered::Object(mut first), Ordered::Object(second)) => {
            first.extend(second);
            Ordered::Object(first)
        }
        (first, _) => first,
    }
}

fn variable() -> Ordered {
    pattern(
        "A string with a variable of the environment in it: \"${NAME}\".",
        VARIABLE,
    )
}

fn pattern(description: &str, pattern: &str) -> Ordered {
    Ordered::object([
        ("description", description.into()),
        ("type", "string".into()),
        ("pattern", pattern.into()),
    ])
}

/// An object with the keys of `schema` and no others.
fn section(schema: &Schema, places: &[Place]) -> Ordered {
    let keys = schema.keys.iter();
    let properties = keys.map(|key| (key.name.to_owned(), property(key, places)));
    let object = Ordered::object([
        ("type", "object".into()),
        ("additionalProperties", false.into()),
        ("properties", Ordered::Object(properties.collect())),
    ]);
    let rules: Vec<_> = rules(schema).collect();
    if rules.is_empty() {
        return object;
    }
    object.with("allOf", Ordered::List(rules))
}

fn property(key: &Key, places: &[Place]) -> Ordered {
    let shape = key.shape();
    let property = Ordered::object([("description", description(key, &shape).into())]);
    let property = join(property, value(&shape, places));
    let json = |text| toml_source::read_example(text).map(|node| node.value.to_json());
    match key.setting {
        Setting::Default(text) => property.with("default", json(text).unwrap_or_default()),
        Setting::Example(text) | Setting::Unset(text) => {
            property.with("examples", Ordered::list(json(text)))
        }
        Setting::Section => property,
    }
}

/// The range of a number stands in the schema; that of a duration or a size only fits in here.
fn description(key: &Key, shape: &Shape) -> String {
    match range(shape) {
        Some(range) => format!("{} {range}.", key.doc),
        None => key.doc.to_owned(),
    }
}

/// `From 1s to 1h`, of a duration or a size.
pub(super) fn range(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Duration(_, Duration::MAX) | Shape::Size(_, u64::MAX) => None,
        Shape::Duration(low, high) => {
            let (low, high) = (duration::render(*low), duration::render(*high));
            Some(format!("From {low} to {high}"))
        }
        Shape::Size(low, high) => {
            let (low, high) = (size::render(*low), size::render(*high));
            Some(format!("From {low} to {high}"))
        }
        Shape::Either(shapes) => shapes.iter().find_map(range),
        _ => None,
    }
}

/// The keywords of a value.
fn value(shape: &Shape, places: &[Place]) -> Ordered {
    let refer = |name: &str| Ordered::object([("$ref", format!("#/$defs/{name}").into())]);
    let typed = |name: &str| Ordered::object([("type", name.into())]);
    let any_of = |values| Ordered::object([("anyOf", Ordered::List(values))]);
    match shape {
        Shape::Inferred | Shape::Anything => Ordered::object([]),
        Shape::Boolean => typed("boolean"),
        Shape::Decimal => typed("number"),
        Shape::Fraction => typed("number")
            .with("minimum", 0_u64)
            .with("maximum", 1_u64),
        Shape::Number(low, high) => {
            let number = typed("integer").with("minimum", *low);
            match *high {
                u64::MAX => number,
                high => number.with("maximum", high),
            }
        }
        Shape::Duration(..) => any_of(vec![refer("duration"), refer("variable")]),
        Shape::Size(low, high) => any_of(vec![
            refer("size"),
            value(&Shape::Number(*low, *high), places),
            refer("variable"),
        ]),
        Shape::Text => typed("string"),
        Shape::SomeText => typed("string").with("minLength", 1),
        Shape::Choice(words) => any_of(vec![
            Ordered::object([("enum", Ordered::list(words()))]),
            refer("variable"),
        ]),
        Shape::List(least, inner) => {
            let list = typed("array").with("items", value(inner, places));
            match least {
                0 => list,
                least => list.with("minItems", *least),
            }
        }
        Shape::Map(inner) => typed("object").with("additionalProperties", value(inner, places)),
        Shape::Section(schema) => match tree::place(places, schema()) {
            Some(place) => refer(&place.name),
            None => typed("object"),
        },
        Shape::Either(shapes) => any_of(shapes.iter().map(|one| value(one, places)).collect()),
    }
}

/// The rules of the table; and a secret stands in one place, as a value or in a file.
fn rules(schema: &Schema) -> impl Iterator<Item = Ordered> {
    let has = |name: &str| schema.keys.iter().any(|key| key.name == name);
    let secrets = schema.keys.iter().filter_map(move |key| {
        let file = format!("{}_file", key.name);
        let is_text = matches!(key.shape(), Shape::Text | Shape::SomeText);
        (is_text && has(&file)).then(|| at_most_one(&[key.name, &file]))
    });
    schema.rules.iter().map(rule).chain(secrets)
}

fn rule(rule: &Rule) -> Ordered {
    match rule {
        Rule::One(names) => Ordered::object([("oneOf", Ordered::list(names.iter().map(set)))]),
        Rule::OneOrNone(names) => at_most_one(names),
        Rule::Some([name]) => Ordered::object([("required", json!([name]).into())]),
        Rule::Some(names) => {
            let there = |name: &&str| Ordered::object([("required", json!([name]).into())]);
            Ordered::object([("anyOf", Ordered::list(names.iter().map(there)))])
        }
    }
}

/// One of them, or none: exactly one of these branches holds.
fn at_most_one(names: &[&str]) -> Ordered {
    let absent = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "const": "" }).into()));
    let none = Ordered::object([("properties", Ordered::Object(absent.collect()))]);
    let branches = names.iter().map(set).chain([none]);
    Ordered::object([("oneOf", Ordered::list(branches))])
}

/// There, and not `""`, which counts as absent.
fn set(name: &&str) -> Ordered {
    let not_empty = Ordered::from(json!({ "not": { "const": "" } }));
    Ordered::object([
        ("required", json!([name]).into()),
        ("properties", Ordered::object([(*name, not_empty)])),
    ])
}
