//! `[[authorizers]]`.

use std::sync::LazyLock;

use super::{
    schema::{Key, Schema, key},
    section::Section,
    server_section,
    shape::Shape,
};
use crate::{
    gateway::{Authorizer, AuthorizerKind},
    server::ListenAddress,
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[[authorizers]]", KEYS));

const KEYS: &[Key] = &[
    key(
        "kind",
        "\"forward_auth\"",
        "How it is asked: \"forward_auth\" (Caddy, Traefik), \"nginx\" (auth_request), \"ext_authz_http\" or \"ext_authz_grpc\" (Envoy).",
    )
    .is(Shape::Choice(|| AuthorizerKind::ALL.map(|(name, _)| name).to_vec())),
    key(
        "listen",
        "\"127.0.0.1:9191\"",
        "Where it is asked; without TLS. Fixed until a restart.",
    )
    .is(Shape::SomeText),
    key(
        "trusted",
        "[\"127.0.0.0/8\", \"::1\"]",
        "Who may ask: the proxy's addresses or networks. What it says a request is, counts.",
    ),
    key(
        "path_prefix",
        "\"\"",
        "What Envoy puts before the path it asks about, with kind = \"ext_authz_http\".",
    ),
];

/// The authorizers in their order, and where each is asked.
#[derive(Debug, Default)]
pub(super) struct Authorizers {
    pub(super) all: Vec<Authorizer>,
    pub(super) listen: Vec<ListenAddress>,
}

/// Reads every authorizer.
pub(super) fn decode(root: &Section<'_>) -> Authorizers {
    let example = "write [[authorizers]] above each of them";
    let mut authorizers = Authorizers::default();
    for node in root.nodes("authorizers", example) {
        let section = Section::open(root.context, &SCHEMA, node);
        let Some((authorizer, listen)) = authorizer(&section) else {
            continue;
        };
        if listen.is_fixed() && authorizers.listen.contains(&listen) {
            let message = "two authorizers cannot share an address";
            section.context.error(section.place("listen"), message);
        }
        authorizers.all.push(authorizer);
        authorizers.listen.push(listen);
    }
    authorizers
}

fn authorizer(section: &Section<'_>) -> Option<(Authorizer, ListenAddress)> {
    let kind = section.choice("kind", &AuthorizerKind::ALL);
    if kind == Some(AuthorizerKind::EnvoyGrpc) && !cfg!(feature = "ext-authz") {
        let message = "this program was built without Envoy's ext_authz over gRPC";
        let help = "build it with --features ext-authz, or write kind = \"ext_authz_http\"";
        section
            .context
            .error_with_help(section.place("kind"), message, help);
    }
    let prefix = path_prefix(section, kind);
    let trusted = section.texts("trusted").unwrap_or_default();
    let trusted = trusted
        .into_iter()
        .filter_map(|text| server_section::network(section, text));
    let trusted: Vec<_> = trusted.collect();
    let listen = server_section::address(section, section.text("listen")?)?;
    if trusted.is_empty() && !matches!(listen, ListenAddress::Unix(_)) {
        let help = "name the address of the proxy that asks";
        section
            .context
            .error_with_help(section.place("trusted"), "nobody may ask", help);
    }
    let authorizer = Authorizer {
        kind: kind?,
        trusted,
        path_prefix: prefix,
    };
    Some((authorizer, listen))
}

fn path_prefix(section: &Section<'_>, kind: Option<AuthorizerKind>) -> Box<str> {
    let Some(text) = section.some_text("path_prefix") else {
        return "".into();
    };
    if kind.is_some_and(|kind| kind != AuthorizerKind::EnvoyHttp) {
        section.idle("path_prefix", "where kind is not \"ext_authz_http\"");
    }
    let prefix = text.text.trim_end_matches('/');
    if !text.text.starts_with('/') || prefix.is_empty() || prefix.contains(['?', '#', '%', '{']) {
        let help = "write it as in Envoy's path_prefix: \"/authorize\"";
        let message = "\"path_prefix\" must be a plain path";
        section.context.error_with_help(text.span, message, help);
    }
    prefix.into()
}
