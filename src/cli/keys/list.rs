//! The keys of a directory, as people, programs and verifiers want them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Format;
use crate::{
    clock::UnixTime,
    signing::{DatedKey, Signer},
};

const TITLES: [&str; 7] = [
    "STATE",
    "ALGORITHM",
    "KID",
    "PUBLISHED",
    "SIGNS FROM",
    "RETIRES",
    "GONE",
];

/// The keys at `now`.
pub(super) fn show(signer: &Signer, format: Format, now: UnixTime) -> String {
    match format {
        Format::Text => text(signer, now),
        Format::Json => {
            let keys: Vec<_> = signer.keys().iter().map(|held| json(held, now)).collect();
            format!("{:#}\n", json!({ "keys": keys }))
        }
        Format::Jwks => format!("{:#}\n", signer.jwks_at(now)),
    }
}

fn text(signer: &Signer, now: UnixTime) -> String {
    let rows = signer.keys().iter().map(|held| row(held, now));
    let rows: Vec<_> = std::iter::once(TITLES.map(ToOwned::to_owned))
        .chain(rows)
        .collect();
    let mut widths = [0; TITLES.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.into_iter().zip(row) {
            // Writing to a String cannot fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(held: &DatedKey, now: UnixTime) -> [String; TITLES.len()] {
    let life = &held.life;
    let time = |time: Option<UnixTime>| time.map_or("-".to_owned(), |time| time.to_string());
    [
        life.phase_at(now).name().to_owned(),
        held.key.algorithm().to_string(),
        held.key.kid().unwrap_or_default().to_owned(),
        life.dates.published.to_string(),
        life.dates.signs_from.to_string(),
        time(life.retires),
        time(life.gone()),
    ]
}

fn json(held: &DatedKey, now: UnixTime) -> Value {
    let life = &held.life;
    let time = |time: Option<UnixTime>| time.map(|time| time.to_string());
    json!({
        "kid": held.key.kid(),
        "algorithm": held.key.algorithm().name(),
        "state": life.phase_at(now).name(),
        "published": life.dates.published.to_string(),
        "signs_from": life.dates.signs_from.to_string(),
        "retires": time(life.retires),
        "gone": time(life.gone()),
        "token_lifetime": life.dates.token_lifetime,
        "file": held.path.display().to_string(),
    })
}
