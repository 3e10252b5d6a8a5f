//! Keys that are read with the configuration: whether they are good, and what they are for.

use super::{
    files,
    issuer_keys::{Keys, Kind},
    issuer_validity,
    section::Section,
    value::Span,
};
use crate::{
    issuer::{KeyFile, KeyForm, KeySource},
    jose::{AlgorithmSet, jwk::JwkSet},
};

/// The file is read here only to see whether it is good; whoever watches it reads it again.
pub(super) fn file(issuer: &Section<'_>, source: &str, name: &str, form: KeyForm) -> Option<Keys> {
    let (path, span) = issuer.foreign_path(source)?;
    let document = match files::read(&path, files::MAX_DOCUMENT) {
        Ok(document) => document,
        Err(error) => {
            issuer.context.error(span, error.to_string());
            return None;
        }
    };
    let file = KeyFile { path, form };
    let set = usable(issuer, file.parse(&document), span, name)?;
    let path = &file.path;
    if set
        .keys
        .iter()
        .any(|key| key.algorithms().iter().any(|a| a.is_symmetric()))
        && files::is_open_to_others(path)
    {
        let path = path.display();
        issuer.context.warn(format!(
            "{path} holds a secret and is open to others: chmod 600 {path}"
        ));
    }
    let algorithms = Some(union(&set));
    Some(Keys {
        source: KeySource::File(Box::new(file)),
        kind: Kind::Local,
        algorithms,
        span,
    })
}

/// Skipped keys are worth a warning; that none is left is an error, except for an issuer that is
/// switched off.
pub(super) fn usable(
    issuer: &Section<'_>,
    set: Result<JwkSet, impl std::fmt::Display>,
    span: Span,
    name: &str,
) -> Option<JwkSet> {
    let set = match set {
        Ok(set) => set,
        Err(error) => {
            issuer.context.error(span, error.to_string());
            return None;
        }
    };
    for skipped in &set.skipped {
        let kid = skipped
            .kid
            .as_deref()
            .map(|kid| format!(" (\"{kid}\")"))
            .unwrap_or_default();
        let (number, reason) = (skipped.position + 1, &skipped.reason);
        issuer.context.warn(format!(
            "issuer {name}: key {number}{kid} is not used: {reason}"
        ));
    }
    if set.keys.is_empty() && issuer.boolean("active").unwrap_or(true) {
        let help = match set.skipped.first() {
            Some(skipped) => format!("key {}: {}", skipped.position + 1, skipped.reason),
            None => "the set is empty".to_owned(),
        };
        issuer
            .context
            .error_with_help(span, "the key set holds no key that can be used", help);
        return None;
    }
    issuer_validity::warn(issuer.context, &set, name);
    Some(set)
}

pub(super) fn union(set: &JwkSet) -> AlgorithmSet {
    set.keys
        .iter()
        .flat_map(|key| key.algorithms().iter())
        .collect()
}
