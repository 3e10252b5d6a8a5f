//! `[store]`: what has to be remembered.

use std::sync::LazyLock;

use super::{
    schema::{Key, Schema, key},
    section::Section,
    shape::Shape,
};
use crate::store::Settings;

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[store]", KEYS));

const KEYS: &[Key] = &[
    key(
        "max_entries",
        "1000000",
        "How many used tokens and ended sessions are remembered at once, in about 200 bytes each; one issuer may take a quarter. Fixed until a restart.",
    ).is(Shape::Number(100, 100_000_000)),
    key(
        "path",
        "\"\"",
        "A file that remembers them beyond a restart, in a directory of the gateway's own; empty: in memory. Fixed until a restart.",
    ),
    key(
        "max_size",
        "\"1GiB\"",
        "What the file may take on the disk. Fixed until a restart.",
    ).is(Shape::Size(LEAST, MOST)),
];

/// The least that a file may be held to: what a commit replaces must find room beside it.
const LEAST: u64 = 16 << 20;

/// The most.
const MOST: u64 = 1 << 40;

/// Reads `[store]`, and does not open it.
pub(super) fn decode(store: &Section<'_>) -> Settings {
    let usual = Settings::default();
    let path = store.foreign_path("path");
    if let Some((path, span)) = &path {
        if path.is_dir() {
            let message = format!("{} is a directory", path.display());
            let help = "name a file in it, such as \"state/portcullis.redb\"";
            store.context.error_with_help(*span, message, help);
        }
    } else {
        store.idle("max_size", "without a \"path\"");
    }
    Settings {
        entries: store
            .number("max_entries", 100..=100_000_000)
            .unwrap_or(usual.entries),
        path: path.map(|(path, _)| path),
        max_size: store
            .some_size("max_size", LEAST..=MOST)
            .unwrap_or(usual.max_size),
    }
}
