//! `[upstreams.NAME.tls]`: how an upstream shows who it is, and what the gateway shows. There is no key
//! that turns the check off.

use std::sync::LazyLock;

use super::{
    fetch,
    schema::{Key, Schema, key},
    section::{Section, Text},
    tls_identity,
};
use crate::{forward::Protocol, tls::Outgoing};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[upstream.tls]", KEYS));

const KEYS: &[Key] = &[
    fetch::CA_FILE,
    key(
        "server_name",
        "\"\"",
        "The name that it is asked for and must have; by default the host of \"url\".",
    ),
    key(
        "client_certificate_file",
        "\"\"",
        "PEM certificate to show (mutual TLS).",
    ),
    key(
        "client_private_key_file",
        "\"\"",
        "Its private key (PEM, not encrypted).",
    ),
];

/// Reads `tls` of an upstream with these URLs: TLS with each that is https. `None` when something is wrong.
pub(super) fn decode(
    upstream: &Section<'_>,
    urls: &[Text<'_>],
    protocol: Protocol,
) -> Option<Vec<Option<Outgoing>>> {
    let tls = &upstream.child("tls", &SCHEMA);
    let errors = upstream.context.errors();
    let authorities = tls_identity::authorities(tls, "ca_file");
    let identity = tls_identity::decode(tls, "client_certificate_file", "client_private_key_file");
    let name = tls.some_text("server_name");
    if !urls.iter().any(is_https) {
        if upstream.written("tls").is_some() {
            let help = "write https:// in \"url\", or leave the tls section out";
            let message = "the tls section is for an upstream with https";
            tls.context.error_with_help(tls.span, message, help);
            return None;
        }
        return Some(vec![None; urls.len()]);
    }
    if upstream.context.errors() > errors {
        return None;
    }
    let outgoing = |url: &Text<'_>| {
        if !is_https(url) {
            return Some(None);
        }
        let host = reqwest::Url::parse(url.text).ok()?;
        let host = host.host_str()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (host, span) = name.map_or((host, url.span), |name| (name.text, name.span));
        Outgoing::new(
            host,
            authorities.clone(),
            identity.clone(),
            protocol == Protocol::Http2,
        )
        .map_err(|error| tls.context.error(span, error.to_string()))
        .ok()
        .map(Some)
    };
    urls.iter().map(outgoing).collect()
}

fn is_https(url: &Text<'_>) -> bool {
    url.text.starts_with("https:")
}
