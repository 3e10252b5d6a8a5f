//! `[upstreams.NAME.tls]`: how an upstream shows who it is, and what the gateway shows. There is no key
//! that turns the check off.

use std::sync::LazyLock;

use super::{
    schema::{Key, Schema, key},
    section::{Section, Text},
    tls_identity,
};
use crate::tls::Outgoing;

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[upstream.tls]", KEYS));

const KEYS: &[Key] = &[
    key(
        "ca_file",
        "\"\"",
        "PEM certificates of the authorities to trust instead of the machine's.",
    ),
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

/// Reads `tls` of an upstream whose `url` is https or not; the outer `None` when something is wrong.
pub(super) fn decode(upstream: &Section<'_>, url: Text<'_>) -> Option<Option<Outgoing>> {
    let tls = &upstream.child("tls", &SCHEMA);
    let errors = upstream.context.errors();
    let authorities = tls_identity::authorities(tls, "ca_file");
    let identity = tls_identity::decode(tls, "client_certificate_file", "client_private_key_file");
    let name = tls.some_text("server_name");
    if !url.text.starts_with("https:") {
        if upstream.written("tls").is_some() {
            let help = "write https:// in \"url\", or leave the tls section out";
            let message = "the tls section is for an upstream with https";
            tls.context.error_with_help(tls.span, message, help);
            return None;
        }
        return Some(None);
    }
    if upstream.context.errors() > errors {
        return None;
    }
    let host = reqwest::Url::parse(url.text).ok()?;
    let host = host
        .host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']');
    let span = name.map_or(url.span, |name| name.span);
    Outgoing::new(name.map_or(host, |name| name.text), authorities, identity)
        .map_err(|error| tls.context.error(span, error.to_string()))
        .ok()
        .map(Some)
}
