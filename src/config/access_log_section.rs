//! `[access_log]`: a line for each request.

use std::sync::LazyLock;

use super::{
    schema::{Key, Schema, key, unset},
    section::Section,
    shape::Shape,
    value::Value,
};
use crate::{
    access_log::{Destination, Format, Settings, Subject, can_be_written},
    secret::Secret,
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[access_log]", KEYS));

const KEYS: &[Key] = &[
    key(
        "file",
        "\"\"",
        "\"stdout\", or a file at whose end lines are written; \"\": none. All of [access_log] is fixed until a restart.",
    ),
    key(
        "format",
        "\"json\"",
        "\"json\", \"common\" (the Common Log Format) or \"combined\" (with the user agent).",
    )
    .is(Shape::Choice(|| vec!["json", "common", "combined"])),
    key(
        "sample",
        "1.0",
        "The share of allowed requests that have a line, from 0.0 to 1.0.",
    )
    .is(Shape::Fraction),
    key("sample_refusals", "1.0", "The share of all others.").is(Shape::Fraction),
    key(
        "subject",
        "\"none\"",
        "\"none\", \"plain\" or \"hash\": how the subject of a good token is told.",
    )
    .is(Shape::Choice(|| vec!["none", "plain", "hash"])),
    unset(
        "subject_key_file",
        "\"subject.key\"",
        "The key of that hash, 16 bytes at least; without one, a new one at each start.",
    ),
    unset(
        "subject_key",
        "\"${PORTCULLIS_SUBJECT_KEY}\"",
        "The same, as a value.",
    ),
];

/// The shortest key of the hash, in bytes: 128 bits.
const MIN_KEY: usize = 16;

/// What [`Section::choice`] reads of a subject.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Not,
    Plain,
    Hashed,
}

/// Reads `[access_log]`, and looks whether the file can be written; `None` when there is none.
pub(super) fn decode(section: &Section<'_>) -> Option<Settings> {
    let formats = [
        ("json", Format::Json),
        ("common", Format::Common),
        ("combined", Format::Combined),
    ];
    let format = section.choice("format", &formats);
    let sample = share(section, "sample");
    let sample_refusals = share(section, "sample_refusals");
    let told = [
        ("none", Told::Not),
        ("plain", Told::Plain),
        ("hash", Told::Hashed),
    ];
    let told = section.choice("subject", &told);
    let key = key_of_hash(section);
    let is_hashed = told == Some(Told::Hashed);
    if !is_hashed && told.is_some() {
        section.idle("subject_key_file", "without subject = \"hash\"");
        section.idle("subject_key", "without subject = \"hash\"");
    }
    let Some(file) = section.some_text("file") else {
        for name in ["format", "sample", "sample_refusals", "subject"] {
            section.idle(name, "without a \"file\"");
        }
        return None;
    };
    let to = match file.text {
        "stdout" => Destination::Stdout,
        _ => {
            let (path, span) = section.foreign_path("file")?;
            if let Err(error) = can_be_written(&path) {
                let help = "make its folder, and let the user that the gateway runs as write there";
                let message = error.to_string();
                section.context.error_with_help(span, message, help);
            }
            Destination::File(path)
        }
    };
    Some(Settings {
        to,
        format: format?,
        sample: sample?,
        sample_refusals: sample_refusals?,
        subject: match told? {
            Told::Not => Subject::None,
            Told::Plain => Subject::Plain,
            Told::Hashed => Subject::Hash(key),
        },
    })
}

fn key_of_hash(section: &Section<'_>) -> Option<Secret> {
    let (key, span) = section.secret("subject_key", "subject_key_file")?;
    if key.expose_secret().len() < MIN_KEY {
        let help = "make one with: openssl rand -base64 32";
        let message = format!("the key of the hash must have at least {MIN_KEY} bytes");
        section.context.error_with_help(span, message, help);
    }
    Some(key)
}

/// A number from 0 to 1.
fn share(section: &Section<'_>, name: &str) -> Option<f64> {
    let node = section.node(name)?;
    let Value::Number(number) = &node.value else {
        section.expected(name, node, "a number from 0.0 to 1.0");
        return None;
    };
    let share = number.as_f64().filter(|share| (0.0..=1.0).contains(share));
    if share.is_none() {
        let message = format!("\"{name}\" must be a number from 0.0 to 1.0");
        let help = "0.1 is one of ten requests";
        section.context.error_with_help(node.span, message, help);
    }
    share
}
