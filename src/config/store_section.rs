//! `[store]`: what has to be remembered.

use std::sync::LazyLock;

use super::{
    schema::{Key, Schema, key},
    section::Section,
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[store]", KEYS));

const KEYS: &[Key] = &[key(
    "max_entries",
    "1000000",
    "How many used tokens and ended sessions are remembered at once, in about 200 bytes each; one issuer may take a quarter. Fixed until a restart.",
)];

/// Reads `[store]`: how many keys are remembered.
pub(super) fn decode(store: &Section<'_>) -> usize {
    store
        .number("max_entries", 100..=100_000_000)
        .unwrap_or_default()
}
