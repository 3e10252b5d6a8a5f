//! Of a credential: the token that the gateway signs.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde_json::Value as Json;

use super::{
    duration, files,
    schema::{Key, Schema, closest, unset},
    section::Section,
    shape::{Rule, SOME_TEXTS, Shape},
    value::{Node, Span, Value},
};
use crate::{
    claims::path::ClaimPathError,
    jose::Algorithm,
    outbound::{Assertion, ClaimValue, Endpoint, Signature},
    signing::{Claims, Header, Signer, SigningKey},
};

/// Of a claim that is written as a table.
static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("a claim", KEYS).with(&[Rule::One(&["claim", "value"])]));

const KEYS: &[Key] = &[
    unset("claim", "\"sub\"", "A claim of the inbound token."),
    unset("optional", "true", "Whether it may be absent."),
    unset("value", "{}", "A value as it stands here.").is(Shape::Anything),
];

/// A string, or where it is taken from.
pub(super) const TEXT: Shape = Shape::Either(&[Shape::SomeText, Shape::Section(|| &SCHEMA)]);
/// A string, a list of them, or where it is taken from.
pub(super) const AUDIENCE: Shape =
    Shape::Either(&[Shape::SomeText, SOME_TEXTS, Shape::Section(|| &SCHEMA)]);
/// Claims of any type, or where they are taken from.
pub(super) const CLAIMS: Shape = Shape::Map(&Shape::Either(&[
    Shape::Text,
    Shape::Boolean,
    Shape::Decimal,
    Shape::List(0, &Shape::Anything),
    Shape::Section(|| &SCHEMA),
]));

/// The claims that have keys of their own, or none.
const NAMED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
/// The most claims of one's own.
const MOST: usize = 64;

type Claim = (Box<str>, ClaimValue);

/// What is signed; for the token endpoint, if there is one.
pub(super) fn assertion(
    section: &Section<'_>,
    signer: Option<&Arc<Signer>>,
    endpoint: Option<&Endpoint>,
) -> Option<Assertion> {
    let errors = section.context.errors();
    let second = Duration::from_secs(1);
    let seconds = |name, low, high| {
        let duration = section.duration(name, low..=high)?;
        i64::try_from(duration.as_secs()).ok()
    };
    let typ = section.some_text("type").map_or("JWT", |text| text.text);
    let lifetime = seconds("lifetime", second, second * 86_400);
    let not_before = seconds("not_before", Duration::ZERO, second * 3600);
    let mut claims: Vec<Claim> = Vec::new();
    for (key, name) in [("issuer", "iss"), ("subject", "sub"), ("audience", "aud")] {
        if let Some(node) = section.written(key) {
            let value = value(section, key, node);
            claims.extend(value.map(|value| (name.into(), value)));
        }
    }
    if let Some(endpoint) = endpoint {
        add_usual(&mut claims, endpoint);
    }
    for entry in section.entries("claims") {
        if NAMED.contains(&&*entry.key) {
            let message = format!("the claim \"{}\" has a key of its own, or none", entry.key);
            let help = "set \"issuer\", \"subject\", \"audience\", \"lifetime\" or \"not_before\"";
            section
                .context
                .error_with_help(entry.key_span, message, help);
            continue;
        }
        let value = value(section, &entry.key, &entry.node);
        claims.extend(value.map(|value| (entry.key.as_str().into(), value)));
    }
    if section.entries("claims").len() > MOST {
        let message = format!("at most {MOST} claims can be set");
        section.context.error(section.place("claims"), message);
    }
    check_fixed(section, &claims);
    let signature = signature(section, signer);
    if let (Some(Signature::Own(signer)), Some(lifetime)) = (&signature, lifetime) {
        check_lifetime(section, signer, lifetime);
    }
    if section.context.errors() > errors {
        return None;
    }
    Some(Assertion {
        signature: signature?,
        header: Header::new(typ),
        claims,
        lifetime: lifetime?,
        not_before,
    })
}

/// RFC 7523 §3: an assertion has `iss` and `sub`.
pub(super) fn check_complete(section: &Section<'_>, assertion: &Assertion) {
    for (name, key) in [("iss", "issuer"), ("sub", "subject")] {
        if !assertion.claims.iter().any(|(own, _)| **own == *name) {
            let message = format!("an assertion needs \"{key}\" (RFC 7523 §3)");
            let help = format!("set \"{key}\"");
            section.missing(section.place("kind"), message, &help);
        }
    }
}

/// The key of `private_key_file`, or the gateway's own.
pub(super) fn signature(section: &Section<'_>, signer: Option<&Arc<Signer>>) -> Option<Signature> {
    let algorithm = match section.written("algorithm") {
        Some(_) => Some(algorithm(section)?),
        None => None,
    };
    let id = section
        .written("key_id")
        .and_then(|_| section.some_text("key_id"));
    if section.written("private_key_file").is_none() {
        return own(section, signer);
    }
    let (path, span) = section.path("private_key_file")?;
    let document = files::read(&path, files::MAX_SECRET).map(zeroize::Zeroizing::new);
    let failed = |error: files::FileError| section.context.error(span, error.to_string());
    let document = document.map_err(failed).ok()?;
    if files::is_open_to_others(&path) {
        let path = path.display();
        section.context.warn(format!(
            "{path} holds a private key and is open to others: chmod 600 {path}"
        ));
    }
    let key = SigningKey::read(&document, algorithm).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        section.context.error(span, message);
    });
    let key = key.ok()?;
    let key = match id {
        Some(id) => key.with_kid(id.text),
        None => key,
    };
    Some(Signature::of_key(key, &document))
}

fn own(section: &Section<'_>, signer: Option<&Arc<Signer>>) -> Option<Signature> {
    for name in ["algorithm", "key_id"] {
        if section.written(name).is_some() {
            let message = format!("\"{name}\" is for a key of \"private_key_file\"");
            let help =
                "set \"private_key_file\", or leave it out: the keys of [signing] have their own";
            section
                .context
                .error_with_help(section.place(name), message, help);
        }
    }
    let Some(signer) = signer else {
        let help = "set \"private_key_file\", or \"directory\" in [signing]";
        let message = "there is no key to sign with";
        section.missing(section.place("kind"), message, help);
        return None;
    };
    Some(Signature::Own(Arc::clone(signer)))
}

/// A longer one would be refused at each request.
fn check_lifetime(section: &Section<'_>, signer: &Signer, lifetime: i64) {
    let now = section.context.clock.now();
    let Some(key) = signer.key_at(now) else {
        return;
    };
    let most = key.life.dates.token_lifetime;
    if lifetime > most {
        let most = duration::render(Duration::from_secs(most.unsigned_abs()));
        let message = format!("the key of [signing] is for tokens of at most {most}");
        section.context.error(section.place("lifetime"), message);
    }
}

fn algorithm(section: &Section<'_>) -> Option<Algorithm> {
    let text = section.some_text("algorithm")?;
    if let Ok(algorithm) = text.text.parse() {
        return Some(algorithm);
    }
    let message = format!("\"{}\" is not an algorithm", text.text);
    let close = closest(text.text, Algorithm::ALL.into_iter().map(Algorithm::name));
    match close {
        Some(name) => {
            let help = format!("did you mean \"{name}\"?");
            section.context.error_with_help(text.span, message, help);
        }
        None => section.context.error(text.span, message),
    }
    None
}

/// `iss` and `aud` as an authorization server wants them.
fn add_usual(claims: &mut Vec<Claim>, endpoint: &Endpoint) {
    let has = |claims: &[Claim], name: &str| claims.iter().any(|(own, _)| **own == *name);
    if !has(claims, "aud") {
        let url = Json::from(endpoint.url.as_str());
        claims.push(("aud".into(), ClaimValue::Fixed(url)));
    }
    if let Some(client) = endpoint.client.as_ref().filter(|_| !has(claims, "iss")) {
        let id = Json::from(&*client.id);
        claims.push(("iss".into(), ClaimValue::Fixed(id)));
    }
}

/// What stands there has the type of its claim; what flows in is looked at with each request.
fn check_fixed(section: &Section<'_>, claims: &[Claim]) {
    let mut probe = Claims::new();
    for (name, value) in claims {
        if let ClaimValue::Fixed(value) = value
            && let Err(error) = probe.set(name, value.clone())
        {
            let key = match &**name {
                "iss" => "issuer",
                "sub" => "subject",
                "aud" => "audience",
                _ => "claims",
            };
            section.context.error(section.place(key), error.to_string());
        }
    }
}

fn value(section: &Section<'_>, key: &str, node: &Node) -> Option<ClaimValue> {
    let Value::Table(_) = &node.value else {
        return fixed(section, key, node, node.span);
    };
    let table = Section::open(section.context, &SCHEMA, node);
    let optional = match table.written("optional") {
        Some(_) => table.boolean("optional")?,
        None => false,
    };
    match (table.written("claim"), table.written("value")) {
        (Some(_), None) => {
            let text = table.text("claim")?;
            let failed =
                |error: ClaimPathError| section.context.error(text.span, error.to_string());
            let claim = text.text.parse().map_err(failed).ok()?;
            Some(ClaimValue::Taken { claim, optional })
        }
        (None, Some(value)) => fixed(section, key, value, node.span),
        _ => {
            let help = "write { claim = \"sub\" }, or { value = { a = 1 } } for an object";
            table.missing(node.span, format!("what is \"{key}\"?"), help);
            None
        }
    }
}

fn fixed(section: &Section<'_>, key: &str, node: &Node, span: Span) -> Option<ClaimValue> {
    if has_no_json(&node.value) {
        let help = "write it as a string, or as seconds since 1970";
        let message = format!("\"{key}\" holds what JSON does not have: a date or a null");
        section.context.error_with_help(span, message, help);
        return None;
    }
    Some(ClaimValue::Fixed(node.value.to_json()))
}

fn has_no_json(value: &Value) -> bool {
    match value {
        Value::Null | Value::Date => true,
        Value::Boolean(_) | Value::Number(_) | Value::Text(_) => false,
        Value::List(nodes) => nodes.iter().any(|node| has_no_json(&node.value)),
        Value::Table(table) => table.0.iter().any(|entry| has_no_json(&entry.node.value)),
    }
}
