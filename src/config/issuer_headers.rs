//! What the headers of an issuer's tokens may say: algorithms, types, critical extensions.

use super::{
    issuer_keys::{Keys, Kind},
    schema::closest,
    section::{Section, Text},
};
use crate::jose::{Algorithm, AlgorithmSet, policy::HeaderPolicy};

/// Header names that cannot be extensions (RFC 7515 §4.1.11): those of JWS and JWE, and `b64`,
/// which would change what is signed (RFC 7797).
const REGISTERED: [&str; 21] = [
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit", "b64",
    "enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c",
];

/// Reads the policy; `keys` is `None` where they are not known.
pub(super) fn decode(issuer: &Section<'_>, keys: Option<&Keys>) -> HeaderPolicy {
    HeaderPolicy {
        algorithms: algorithms(issuer, keys),
        types: types(issuer),
        critical: critical(issuer),
    }
}

fn algorithms(issuer: &Section<'_>, keys: Option<&Keys>) -> AlgorithmSet {
    let secret = keys.filter(|keys| keys.kind == Kind::Secret);
    let Some(node) = issuer.written("algorithms") else {
        let of_secret = secret.and_then(|keys| keys.algorithms);
        return of_secret.unwrap_or_else(AlgorithmSet::asymmetric);
    };
    if node.is_empty_list() {
        let help = "leave it out for every algorithm that the issuer's keys are for";
        issuer
            .context
            .error_with_help(node.span, "no algorithm at all", help);
    }
    let texts = issuer.texts("algorithms").unwrap_or_default();
    let named: Vec<_> = texts
        .into_iter()
        .filter_map(|text| Some((text, algorithm(issuer, text)?)))
        .collect();
    for (text, algorithm) in &named {
        fits(issuer, *text, *algorithm, keys);
    }
    named.into_iter().map(|(_, algorithm)| algorithm).collect()
}

fn algorithm(issuer: &Section<'_>, text: Text<'_>) -> Option<Algorithm> {
    if let Ok(algorithm) = text.text.parse() {
        return Some(algorithm);
    }
    if text.text.eq_ignore_ascii_case("none") {
        let message = "\"none\" is no signature: it cannot be allowed";
        issuer.context.error(text.span, message);
        return None;
    }
    let names = Algorithm::ALL.map(Algorithm::name);
    let help = match closest(text.text, names) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("there are {}", names.join(", ")),
    };
    issuer
        .context
        .error_with_help(text.span, "not a supported signature algorithm", help);
    None
}

/// Whoever can read a published secret can sign with it; and a key is for one kind of algorithm.
fn fits(issuer: &Section<'_>, text: Text<'_>, algorithm: Algorithm, keys: Option<&Keys>) {
    let Some(keys) = keys else {
        return;
    };
    let has = keys.algorithms.is_none_or(|own| own.contains(algorithm));
    match (keys.kind, algorithm.is_symmetric()) {
        (Kind::Remote, true) => {
            let message = format!(
                "{algorithm} needs a shared secret, and a shared secret cannot be published"
            );
            let help = "name it in \"shared_secret_file\"";
            issuer.context.error_with_help(text.span, message, help);
        }
        (Kind::Secret, false) => {
            let message =
                format!("{algorithm} needs a public key, and the issuer has a shared secret");
            issuer.context.error(text.span, message);
        }
        (Kind::Secret, true) if !has => {
            // RFC 7518 §3.2.
            let message = format!("the shared secret is shorter than the hash of {algorithm}");
            issuer.context.error(text.span, message);
        }
        (Kind::Remote, false) | (Kind::Local, _) | (Kind::Secret, true) => {}
    }
}

/// In lower case and without `application/` (RFC 7515 §4.1.9).
fn types(issuer: &Section<'_>) -> Vec<Box<str>> {
    if let Some(node) = issuer.written("types").filter(|n| n.is_empty_list()) {
        issuer
            .context
            .error(node.span, "no type at all: no token would pass");
    }
    let texts = issuer.texts("types").unwrap_or_default();
    let short = |text: Text<'_>| {
        let lower = text.text.to_ascii_lowercase();
        lower.strip_prefix("application/").unwrap_or(&lower).into()
    };
    texts.into_iter().map(short).collect()
}

fn critical(issuer: &Section<'_>) -> Vec<Box<str>> {
    let texts = issuer.texts("critical").unwrap_or_default();
    for text in texts.iter().filter(|t| REGISTERED.contains(&t.text)) {
        let message = format!("\"{}\" is a registered header, and no extension", text.text);
        issuer.context.error(text.span, message);
    }
    texts.into_iter().map(|t| t.text.into()).collect()
}
