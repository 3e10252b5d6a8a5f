//! `[token_service.clients.NAME]`: who may ask the token service for what.

use std::sync::{Arc, LazyLock};

use super::{
    fetch, issuer_keys,
    schema::{Key, Schema, key, section, unset},
    section::{Section, Text},
    shape::{Rule, Shape},
    token_service_section::Clients,
    value::Entry,
};
use crate::{
    claims::{Audiences, Rules, scope::is_scope},
    issuer::{Issuer, KeyRing, Registry, Replay},
    jose::{AlgorithmSet, policy::HeaderPolicy},
    token_service::{Client, Grant, key_name},
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let is_source = |key: &&Key| SOURCES.contains(&key.name);
    let sources: Vec<Key> = issuer_keys::KEYS
        .iter()
        .filter(is_source)
        .copied()
        .collect();
    Schema::of("[token_service.clients.NAME]", &[KEYS, &sources, SECTIONS])
        .with(&[Rule::OneOrNone(&SOURCES)])
});

const KEYS: &[Key] = &[
    key(
        "active",
        "true",
        "Whether it is a client at all; its tokens are refused as well when it is not.",
    ),
    key(
        "scopes",
        "[]",
        "What it may ask for, and gets when it asks for nothing.",
    ),
    unset(
        "subjects",
        "[\"alice\"]",
        "Whom it may speak for (sub). Absent: anybody.",
    ),
    key(
        "audiences",
        "[]",
        "The aud of its tokens. []: \"audience\" of the token service.",
    ),
    key(
        "grants",
        "[\"jwt-bearer\", \"refresh_token\"]",
        "How it may get tokens. []: not at all, but it may ask about them.",
    )
    .is(Shape::List(
        0,
        &Shape::Choice(|| vec!["jwt-bearer", "refresh_token"]),
    )),
    unset(
        "client_secret_file",
        "\"client.secret\"",
        "A secret to revoke, introspect and refresh with, in the place of a signed assertion.",
    ),
    unset(
        "client_secret",
        "\"${CLIENT_SECRET}\"",
        "The same, as a value.",
    ),
    key(
        "introspect",
        "false",
        "Whether it may ask about tokens of other clients.",
    ),
];

const SECTIONS: &[Key] =
    &[section("fetch", "How the keys are fetched.").is(Shape::Section(|| &fetch::SCHEMA))];

/// The sources of keys that a client may have: those of issuers, but for the ones that need an issuer.
const SOURCES: [&str; 5] = [
    "jwks_uri",
    "jwks_file",
    "jwks",
    "certificate_file",
    "public_key_file",
];

/// Reads all clients: what they may do, and their keys.
pub(super) fn decode_all(service: &Section<'_>, name: &str) -> (Clients, Registry) {
    let mut clients = Clients::new();
    let mut keys = Vec::new();
    for entry in service.entries(name) {
        let section = Section::open(service.context, &SCHEMA, &entry.node);
        if !is_name(&entry.key) {
            let message = "a client's name is made of visible ASCII characters";
            service.context.error(entry.key_span, message);
        }
        let client = decode(&section);
        keys.extend(keys_of(&section, entry, &client));
        clients.insert(entry.key.as_str().into(), client);
    }
    (clients, Registry::new(keys))
}

fn decode(section: &Section<'_>) -> Client {
    let texts = |name| section.texts(name).unwrap_or_default();
    let scope = |text: &Text<'_>| {
        if !is_scope(text.text) || text.text.contains([' ', ',']) {
            let message = "not a scope: visible ASCII characters without space, comma, quote or \
                           backslash";
            section.context.error(text.span, message);
        }
        text.text.into()
    };
    let secret = section.secret("client_secret", "client_secret_file");
    if let Some((secret, span)) = &secret
        && secret.expose_secret().len() < 16
    {
        let help = "make one with: openssl rand -hex 32";
        let message = "a client's secret must have at least 16 characters";
        section.context.error_with_help(*span, message, help);
    }
    let subjects = section.written("subjects").map(|_| {
        let subjects = texts("subjects");
        subjects.iter().map(|text| text.text.into()).collect()
    });
    Client {
        active: section.boolean("active").unwrap_or_default(),
        scopes: texts("scopes").iter().map(scope).collect(),
        subjects,
        audiences: texts("audiences")
            .iter()
            .map(|text| text.text.to_owned())
            .collect(),
        grants: texts("grants")
            .into_iter()
            .filter_map(|text| grant(section, text))
            .collect(),
        secret: secret.map(|(secret, _)| secret),
        introspect: section.boolean("introspect").unwrap_or_default(),
    }
}

fn grant(section: &Section<'_>, text: Text<'_>) -> Option<Grant> {
    match text.text {
        "jwt-bearer" => Some(Grant::JwtBearer),
        "refresh_token" => Some(Grant::RefreshToken),
        _ => {
            let help = "there are \"jwt-bearer\" and \"refresh_token\"";
            section
                .context
                .error_with_help(text.span, "not a grant", help);
            None
        }
    }
}

/// The keys that verify its assertions, as those of an issuer under a name of their own.
fn keys_of(section: &Section<'_>, entry: &Entry, client: &Client) -> Option<Issuer> {
    let named = SOURCES.iter().filter(|source| section.has(source)).count();
    match named {
        0 if client.secret.is_some() && !client.grants.contains(&Grant::JwtBearer) => return None,
        0 => {
            let help = "name one of certificate_file, jwks_file, jwks_uri, public_key_file; one that \
                        only asks about tokens needs client_secret_file and grants = []";
            let message = "the client has no source of keys";
            section.missing(entry.key_span, message, help);
            return None;
        }
        1 => {}
        _ => {
            let message = "the client has more than one source of keys";
            section.context.error(entry.key_span, message);
            return None;
        }
    }
    if !section.has("jwks_uri") {
        let _ = fetch::decode(&section.child("fetch", &fetch::SCHEMA));
    }
    let name = key_name(&entry.key);
    let keys = issuer_keys::decode(section, &name, entry.key_span)?;
    Some(Issuer {
        active: client.active,
        encryption_required: false,
        headers: Arc::new(HeaderPolicy {
            algorithms: AlgorithmSet::asymmetric(),
            types: Vec::new(),
            critical: Vec::new(),
        }),
        rules: Rules {
            issuer: entry.key.as_str().into(),
            require: Arc::default(),
            audiences: Audiences::OneOf(Arc::default()),
            allowed: Arc::default(),
            clock_skew: 0,
            max_age: None,
        },
        replay: Replay::Reject,
        identity: Arc::default(),
        keys: Arc::new(KeyRing::new(keys.source, section.context.clock.clone())),
        introspection: None,
        name,
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| matches!(b, 0x21..=0x7e))
}
