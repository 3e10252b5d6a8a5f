//! Headers of choice: `[identity.headers]`, and `identity.headers` of an issuer.

use std::sync::LazyLock;

use http::HeaderName;

use super::{
    schema::{Key, Schema, key, needed},
    section::Section,
    shape::{Rule, Shape},
    value::{Entry, Value},
};
use crate::{
    claims::ClaimPath,
    forward::headers::is_reserved,
    identity::{ClaimHeader, Format, header::canonical},
};

/// Of a header that is written as a table.
pub(super) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("a header", KEYS).with(&[Rule::Some(&["claim"])]));

const KEYS: &[Key] = &[
    needed(
        "claim",
        "\"email\"",
        "The claim: a name, or a JSON Pointer.",
    ),
    key("format", "\"text\"", "text, csv, json, repeat or base64.")
        .is(Shape::Choice(|| Format::ALL.map(Format::name).to_vec())),
];

/// Of all of them: a claim's name, or a table.
pub(super) const SHAPE: Shape = Shape::Map(&Shape::Either(&[
    Shape::SomeText,
    Shape::Section(|| &SCHEMA),
]));

/// The most headers of choice.
const MAX_HEADERS: usize = 64;

/// Reads the `headers` of `section`.
pub(super) fn decode(section: &Section<'_>) -> Vec<ClaimHeader> {
    let mut headers: Vec<ClaimHeader> = Vec::new();
    let entries = section.entries("headers");
    for entry in entries {
        let Some(header) = one(section, entry) else {
            continue;
        };
        if headers
            .iter()
            .any(|h| canonical(&h.name) == canonical(&header.name))
        {
            let help = "a header's name is the same in any case, and with _ or . for -";
            let message = "this header is already there";
            section
                .context
                .error_with_help(entry.key_span, message, help);
            continue;
        }
        headers.push(header);
    }
    if let Some(one_more) = entries.get(MAX_HEADERS) {
        let message = format!("at most {MAX_HEADERS} headers can be set");
        section.context.error(one_more.key_span, message);
    }
    headers
}

/// Those of `own` and, where it does not set them, those of `defaults`.
pub(super) fn over(own: Vec<ClaimHeader>, defaults: &[ClaimHeader]) -> Vec<ClaimHeader> {
    let mut all = own;
    let set: Vec<String> = all.iter().map(|header| canonical(&header.name)).collect();
    let more = defaults.iter();
    all.extend(more.filter(|h| !set.contains(&canonical(&h.name))).cloned());
    all
}

fn one(section: &Section<'_>, entry: &Entry) -> Option<ClaimHeader> {
    let name = name(section, entry);
    let header = match &entry.node.value {
        Value::Text(text) => {
            let claim = claim(section, text, entry)?;
            (claim, Format::Text)
        }
        Value::Table(_) => {
            let table = Section::open(section.context, &SCHEMA, &entry.node);
            let choices = Format::ALL.map(|format| (format.name(), format));
            let format = table.choice("format", &choices);
            let Some(text) = table.some_text("claim") else {
                let help = "write { claim = \"email\" }";
                table.missing(entry.node.span, "which claim?", help);
                return None;
            };
            (claim(section, text.text, entry)?, format?)
        }
        other => {
            let message = format!(
                "a header is a claim's name or a table, not {}",
                other.kind()
            );
            let help = "write \"email\", or { claim = \"/realm_access/roles\", format = \"csv\" }";
            section
                .context
                .error_with_help(entry.node.span, message, help);
            return None;
        }
    };
    Some(ClaimHeader {
        name: name?,
        claim: header.0,
        format: header.1,
    })
}

fn name(section: &Section<'_>, entry: &Entry) -> Option<Box<str>> {
    let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
        section
            .context
            .error(entry.key_span, "not a header's name (RFC 9110 §5.1)");
        return None;
    };
    if is_reserved(name.as_str()) {
        let help = "choose a name of your own, such as \"X-Email\"";
        let message = "this header has a meaning of its own and cannot be set from a claim";
        section
            .context
            .error_with_help(entry.key_span, message, help);
        return None;
    }
    Some(name.as_str().into())
}

fn claim(section: &Section<'_>, text: &str, entry: &Entry) -> Option<ClaimPath> {
    text.parse()
        .map_err(|error: crate::claims::path::ClaimPathError| {
            section.context.error(entry.node.span, error.to_string());
        })
        .ok()
}
