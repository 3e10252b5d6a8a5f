//! `docs/reference.md`: every section and every key, made from the same tables that the decoder reads.

use std::fmt::Write;

use super::{
    json_schema::range,
    root,
    schema::{Key, Schema, Setting},
    shape::{Rule, Shape},
    tree::{self, Place},
};

const INTRODUCTION: &str = "\
# Reference of the configuration

Every section and every key. This page is made from the tables that the program reads a configuration with;
[config/full.toml](../config/full.toml) is the same as a file, and
[config/portcullis.schema.json](../config/portcullis.schema.json) for [editors](editors.md).

- A **duration** is written `\"30s\"`, `\"5m\"` or `\"1h 30m\"`; its units are `d`, `h`, `m`, `s` and `ms`.
- A **size** is written `\"16KiB\"` or `\"8KB\"`, with `B`, `KB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`, or as a number of
  bytes.
- A **file** or a **folder** is a path; a relative one is relative to the configuration. A secret can stand in a file
  (`…_file`), or in the configuration itself, and not in both.
- Any string may hold `${NAME}`, a variable of the environment; a plain `${` is written `$${`.
- An empty string counts as absent where the default is `\"\"` or there is none.
- What this page cannot say, such as whether a file holds a key, `portcullis check` does.
";

/// The page, as Markdown.
#[must_use]
pub fn reference_page() -> String {
    let places = tree::places();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Sections\n\n");
    for place in &places {
        if let Some(head) = &place.head {
            // Writing to a String cannot fail.
            let _ = writeln!(
                page,
                "- [`{head}`](#{}): {}",
                anchor(&place.name),
                place.doc
            );
        }
    }
    page.push_str("\n## At the top of the file\n");
    keys(&mut page, "", &root::SCHEMA, &places);
    for place in &places {
        let _ = match &place.head {
            Some(head) => write!(
                page,
                "\n<a id=\"{}\"></a>\n\n## `{head}`\n\n{}\n",
                anchor(&place.name),
                place.doc
            ),
            None => write!(
                page,
                "\n<a id=\"{}\"></a>\n\n### {} as a table\n\n{}\n",
                anchor(&place.name),
                shown(&place.name),
                place.doc
            ),
        };
        keys(&mut page, &place.name, place.schema, &places);
    }
    page
}

/// `issuers.fetch` is `issuers-fetch`: what a link to it ends with.
fn anchor(name: &str) -> String {
    name.replace('.', "-")
}

fn shown(name: &str) -> String {
    format!("`{name}`")
}

fn keys(page: &mut String, name: &str, schema: &Schema, places: &[Place]) {
    page.push_str("\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for key in &schema.keys {
        let at = match name {
            "" => key.name.to_owned(),
            name => format!("{}-{}", anchor(name), key.name),
        };
        // A section of its own has that anchor already.
        let is_taken = places.iter().any(|place| anchor(&place.name) == at);
        let target = match is_taken {
            true => String::new(),
            false => format!("<a id=\"{at}\"></a>"),
        };
        let cells = [
            format!("{target}`{}`", key.name),
            kind(key, places),
            default(key),
            meaning(key),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
    for rule in schema.rules {
        let (words, names) = match rule {
            Rule::One(names) => ("Exactly one of", names),
            Rule::OneOrNone(names) => ("At most one of", names),
            Rule::Some([name]) => {
                let _ = writeln!(page, "\n`{name}` must be there.");
                continue;
            }
            Rule::Some(names) => ("At least one of", names),
        };
        let known = names.iter().filter(|name| schema.knows(name));
        let names: Vec<_> = known.map(|name| shown(name)).collect();
        let _ = writeln!(page, "\n{words} {} is set.", names.join(", "));
    }
}

fn meaning(key: &Key) -> String {
    match key.setting {
        Setting::Example(example) | Setting::Unset(example) => {
            format!("{} Example: `{example}`", key.doc)
        }
        Setting::Default(_) | Setting::Section => key.doc.to_owned(),
    }
}

fn default(key: &Key) -> String {
    match key.setting {
        Setting::Default(text) => format!("`{text}`"),
        Setting::Example(_) | Setting::Unset(_) | Setting::Section => "–".to_owned(),
    }
}

fn kind(key: &Key, places: &[Place]) -> String {
    let shape = key.shape();
    let is_folder = key.name.ends_with("_dir") || key.name == "directory";
    let is_path = key.name.ends_with("_file");
    match (shape, range(&shape)) {
        (Shape::Text | Shape::SomeText, _) if is_folder => "folder".to_owned(),
        (Shape::Text | Shape::SomeText, _) if is_path => "file".to_owned(),
        (shape, Some(range)) => {
            let range = range.trim_start_matches("From ");
            format!("{}, {range}", of(&shape, places))
        }
        (shape, None) => of(&shape, places),
    }
}

fn of(shape: &Shape, places: &[Place]) -> String {
    match shape {
        Shape::Inferred | Shape::Anything => "any value".to_owned(),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Decimal => "number".to_owned(),
        Shape::Fraction => "number from 0.0 to 1.0".to_owned(),
        Shape::Number(low, u64::MAX) => format!("number from {low}"),
        Shape::Number(low, high) => format!("number, {low} to {high}"),
        Shape::Duration(..) => "duration".to_owned(),
        Shape::Size(..) => "size".to_owned(),
        Shape::Text | Shape::SomeText => "string".to_owned(),
        Shape::Choice(words) => {
            let words: Vec<_> = words().iter().map(|word| format!("`\"{word}\"`")).collect();
            words.join(", ")
        }
        Shape::List(_, inner) => match inner {
            Shape::Text | Shape::SomeText => "list of strings".to_owned(),
            inner => format!("list of {}", of(inner, places)),
        },
        Shape::Map(inner) => format!("names, each with {}", of(inner, places)),
        Shape::Section(schema) => match tree::place(places, schema()) {
            Some(place) => format!("[table](#{})", anchor(&place.name)),
            None => "table".to_owned(),
        },
        Shape::Either(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(|one| of(one, places)).collect();
            shapes.join(" or ")
        }
    }
}
