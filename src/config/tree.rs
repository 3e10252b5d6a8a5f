//! The tree of sections: each once, with the name that the JSON Schema and the reference have for it.

use super::{
    root,
    schema::{Key, Schema},
    shape::Shape,
};

/// A section, and how it is reached.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its name: `server.limits`.
    pub(super) name: String,
    /// How its head is written: `[server.limits]`. What stands in other values has none.
    pub(super) head: Option<String>,
    /// What it is for.
    pub(super) doc: &'static str,
    /// Its keys.
    pub(super) schema: &'static Schema,
}

/// Every section below the root, in the order of the tables and each behind the one that it is a part of. One
/// that stands in several places is there once.
pub(super) fn places() -> Vec<Place> {
    let mut found = Vec::new();
    below(&root::SCHEMA, "", &mut found);
    let mut places = Vec::new();
    for place in found.iter().filter(|place| parent(place, &found).is_none()) {
        with_children(place, &found, &mut places);
    }
    places
}

/// The section that this one is a part of, by its name.
fn parent<'p>(place: &Place, found: &'p [Place]) -> Option<&'p Place> {
    let (parent, _) = place.name.rsplit_once('.')?;
    found.iter().find(|place| place.name == parent)
}

fn with_children(place: &Place, found: &[Place], places: &mut Vec<Place>) {
    places.push(place.clone());
    let is_child = |child: &&Place| parent(child, found).is_some_and(|own| own.name == place.name);
    for child in found.iter().filter(is_child) {
        with_children(child, found, places);
    }
}

/// The one whose keys are those of `schema`.
pub(super) fn place<'p>(places: &'p [Place], schema: &Schema) -> Option<&'p Place> {
    places
        .iter()
        .find(|place| std::ptr::eq(place.schema, schema))
}

/// The section that stands at `key`, itself or in a list, by names or beside other types.
pub(super) fn sections_of(shape: &Shape) -> Vec<&'static Schema> {
    match shape {
        Shape::Section(schema) => vec![schema()],
        Shape::List(_, inner) | Shape::Map(inner) => sections_of(inner),
        Shape::Either(shapes) => shapes.iter().flat_map(sections_of).collect(),
        Shape::Inferred
        | Shape::Boolean
        | Shape::Number(..)
        | Shape::Decimal
        | Shape::Fraction
        | Shape::Duration(..)
        | Shape::Size(..)
        | Shape::Text
        | Shape::SomeText
        | Shape::Choice(_)
        | Shape::Anything => Vec::new(),
    }
}

fn below(schema: &'static Schema, name: &str, places: &mut Vec<Place>) {
    for key in &schema.keys {
        for schema in sections_of(&key.shape()) {
            if place(places, schema).is_some() {
                continue;
            }
            let place = named(key, schema, name);
            let name = place.name.clone();
            places.push(place);
            below(schema, &name, places);
        }
    }
}

/// `doc`, which may begin with how the section is written.
fn without(doc: &'static str, head: Option<&str>) -> &'static str {
    let rest = head.and_then(|head| doc.strip_prefix(head)?.strip_prefix(": "));
    rest.unwrap_or(doc)
}

/// By its title where that is how it is written, else by its way.
fn named(key: &Key, schema: &'static Schema, parent: &str) -> Place {
    let head = schema.title.starts_with('[').then_some(schema.title);
    let name = match head {
        Some(head) => head
            .trim_matches(['[', ']'])
            .replace(".\"…\"", "")
            .replace(".NAME", ""),
        None => format!("{parent}.{}", key.name),
    };
    Place {
        name,
        head: head.map(str::to_owned),
        doc: without(key.doc, head),
        schema,
    }
}
