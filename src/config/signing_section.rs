//! `[signing]`: the gateway's own keys.

use std::{path::Path, sync::Arc, sync::LazyLock, time::Duration};

use super::{
    duration,
    schema::{Key, Schema, closest, key},
    section::Section,
    shape::{MINUTE, Shape},
    value::Span,
};
use crate::{
    jose::{Algorithm, AlgorithmSet},
    signing::{Settings, Signer},
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[signing]", KEYS));

const KEYS: &[Key] = &[
    key(
        "directory",
        "\"\"",
        "A directory of the gateway's own, for the keys that it signs with: portcullis keys generate makes the first.",
    ),
    key(
        "algorithm",
        "\"ES256\"",
        "What new keys sign by: RS256 to 512, PS256 to 512, ES256 to 512, ES256K, EdDSA, Ed25519, ML-DSA-44, 65 or 87.",
    ).is(Shape::Choice(|| AlgorithmSet::asymmetric().iter().map(Algorithm::name).collect())),
    key(
        "publish_for",
        "\"1h\"",
        "How long a new key is published before it signs: longer than verifiers keep a key set.",
    ).is(Shape::Duration(Duration::ZERO, Duration::from_secs(30 * 86_400))),
    key(
        "token_lifetime",
        "\"1h\"",
        "The longest life of a token that a new key signs; an old key is published for that much longer.",
    ).is(Shape::Duration(MINUTE, Duration::from_secs(365 * 86_400))),
];

const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[signing]`, and not the keys.
pub(super) fn decode(section: &Section<'_>) -> Settings {
    let usual = Settings::default();
    let seconds = |name, range| {
        let duration = section.some_duration(name, range)?;
        i64::try_from(duration.as_secs()).ok()
    };
    let minute = Duration::from_secs(60);
    Settings {
        directory: section.foreign_path("directory").map(|(path, _)| path),
        algorithm: algorithm(section).unwrap_or(usual.algorithm),
        publish_for: seconds("publish_for", Duration::ZERO..=DAY * 30).unwrap_or(usual.publish_for),
        token_lifetime: seconds("token_lifetime", minute..=DAY * 365)
            .unwrap_or(usual.token_lifetime),
    }
}

/// The keys of the directory, if there is one.
pub(super) fn keys(section: &Section<'_>, settings: &Settings) -> Option<Arc<Signer>> {
    let Some(directory) = &settings.directory else {
        for name in ["algorithm", "publish_for", "token_lifetime"] {
            section.idle(name, "without a \"directory\"");
        }
        return None;
    };
    section.context.depends_on(directory);
    let signer = read(section, directory)?;
    for path in signer.watched() {
        section.context.depends_on(path);
    }
    warn_of_dates(section, settings, &signer);
    Some(Arc::new(signer))
}

fn read(section: &Section<'_>, directory: &Path) -> Option<Signer> {
    let place = section.place("directory");
    let help = format!(
        "make a key with: portcullis keys generate --directory {}",
        directory.display()
    );
    match Signer::load(directory) {
        Ok(signer) if signer.keys().is_empty() => {
            let message = format!("{} holds no signing key", directory.display());
            section.context.error_with_help(place, message, help);
            None
        }
        Ok(signer) => Some(signer),
        Err(error) if !directory.exists() => {
            section
                .context
                .error_with_help(place, error.to_string(), help);
            None
        }
        Err(error) => {
            section.context.error(place, error.to_string());
            None
        }
    }
}

fn warn_of_dates(section: &Section<'_>, settings: &Settings, signer: &Signer) {
    let context = section.context;
    let now = context.clock.now();
    let Some(current) = signer.key_at(now) else {
        if let Some(next) = signer.next_at(now) {
            let from = next.life.dates.signs_from;
            context.warn(format!("[signing]: no key signs before {from}"));
        }
        return;
    };
    let most = current.life.dates.token_lifetime;
    if most < settings.token_lifetime {
        let shown = duration::render(Duration::from_secs(most.unsigned_abs()));
        context.warn(format!(
            "[signing]: the key that signs is for tokens of at most {shown}, which is less than \"token_lifetime\": \
             portcullis keys rotate makes one for longer"
        ));
    }
}

fn algorithm(section: &Section<'_>) -> Option<Algorithm> {
    let text = section.text("algorithm")?;
    let possible = AlgorithmSet::asymmetric();
    let own = text.text.parse().ok();
    let own = own.filter(|own| possible.contains(*own));
    if own.is_none() {
        refuse_algorithm(section, text.text, text.span, possible);
    }
    own
}

fn refuse_algorithm(section: &Section<'_>, text: &str, span: Span, possible: AlgorithmSet) {
    let message = format!("\"{text}\" is not an algorithm that a key pair signs by");
    let help = match closest(text, possible.iter().map(Algorithm::name)) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("there are {possible}"),
    };
    section.context.error_with_help(span, message, help);
}
