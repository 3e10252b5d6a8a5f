//! `[store]`: what has to be remembered.

use std::sync::LazyLock;

use super::{
    schema::{Key, Schema, key, section},
    section::Section,
    shape::{Rule, Shape},
    store_redis,
};
use crate::store::{OnFailure, Settings};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::of("[store]", &[KEYS, store_redis::KEYS, SECTIONS])
        .with(&[Rule::OneOrNone(&["path", "url"])])
});

pub(super) static ON_FAILURE: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[store.on_failure]", FAILURES));

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

const SECTIONS: &[Key] = &[section(
    "on_failure",
    "What becomes of a request when the store cannot say.",
)
.is(Shape::Section(|| &ON_FAILURE))];

const REFUSE_OR_ALLOW: Shape = Shape::Choice(|| vec!["refuse", "allow"]);

const FAILURES: &[Key] = &[
    key(
        "replay",
        "\"refuse\"",
        "When it cannot say whether a token was used before: \"refuse\" (503), or \"allow\": then it may be used again.",
    ).is(REFUSE_OR_ALLOW),
    key(
        "revocation",
        "\"refuse\"",
        "Whether a token of the token service was revoked: \"refuse\", or \"allow\": then it is good until it ends.",
    ).is(REFUSE_OR_ALLOW),
    key(
        "sessions",
        "\"refuse\"",
        "Whether a session was ended: \"refuse\", or \"allow\": then it goes on.",
    ).is(REFUSE_OR_ALLOW),
    key(
        "rate_limits",
        "\"allow\"",
        "How many requests are left of a shared limit: \"allow\": then each gateway counts for itself, or \"refuse\".",
    ).is(REFUSE_OR_ALLOW),
];

/// The least that a file may be held to: what a commit replaces must find room beside it.
const LEAST: u64 = 16 << 20;

/// The most.
const MOST: u64 = 1 << 40;

/// Reads `[store]`, and does not open it.
pub(super) fn decode(store: &Section<'_>) -> Settings {
    let usual = Settings::default();
    let path = store.foreign_path("path");
    let redis = store_redis::decode(store);
    if let Some((path, span)) = &path {
        if path.is_dir() {
            let message = format!("{} is a directory", path.display());
            let help = "name a file in it, such as \"state/portcullis.redb\"";
            store.context.error_with_help(*span, message, help);
        }
    } else if redis.is_none() {
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
        redis,
        on_failure: on_failure(store),
    }
}

fn on_failure(store: &Section<'_>) -> OnFailure {
    let section = store.child("on_failure", &ON_FAILURE);
    let allows = |name| {
        let choice = section.choice(name, &[("refuse", false), ("allow", true)]);
        choice.unwrap_or_default()
    };
    let on_failure = OnFailure {
        allow_replay: allows("replay"),
        allow_revoked: allows("revocation"),
        allow_ended_sessions: allows("sessions"),
        allow_uncounted: allows("rate_limits"),
    };
    for (name, is_allowed, what) in [
        ("replay", on_failure.allow_replay, "used tokens"),
        ("revocation", on_failure.allow_revoked, "revoked tokens"),
        (
            "sessions",
            on_failure.allow_ended_sessions,
            "ended sessions",
        ),
    ] {
        if is_allowed {
            store.context.warn(format!(
                "[store.on_failure]: {name} = \"allow\": whoever can keep the store from answering can go on with {what}"
            ));
        }
    }
    on_failure
}
