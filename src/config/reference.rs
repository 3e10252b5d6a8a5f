//! The reference file: every key at its default, made from the same tables that the decoder reads.

use std::fmt::Write;

use super::{
    access_log_section, admin_section, authorizers, decryption, fetch, identity_section,
    introspection, issuer, issuer_identity, limits, root, route,
    schema::{Schema, Setting},
    server_section, server_tls, session_section, signing_section, store_section, token,
    token_service_client, token_service_section, tracing_section, upstream, upstream_balance,
    upstream_credential, upstream_tls, user_registry,
};

const INTRODUCTION: &str = "\
#:schema ./portcullis.schema.json
# Every key of a configuration, at its default.
#
# A key in a comment is off unless it is set. Durations are written \"30s\", \"5m\" or \"1h 30m\", sizes
# \"16KiB\". Any string may hold ${ENV_NAME}; a plain ${ is written $${. Every secret has a _file form.
# Relative paths are relative to this file. What is wrong with a file: portcullis check -c FILE
";

/// A configuration that shows every key: at its default, or in a comment if it has none.
#[must_use]
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    section(&mut text, None, &root::SCHEMA);
    section(&mut text, Some("[server]"), &server_section::SCHEMA);
    text.push_str(
        "\n# TLS with clients. Absent: plain HTTP. To turn it on or off needs a restart.",
    );
    absent(&mut text, "[server.tls]", &server_tls::SCHEMA);
    section(&mut text, Some("[server.limits]"), &limits::SCHEMA);
    section(&mut text, Some("[admin]"), &admin_section::SCHEMA);
    text.push_str(
        "\n# Where another proxy asks whether a request may pass; it may stand several times.",
    );
    absent(&mut text, "[[authorizers]]", &authorizers::SCHEMA);
    section(&mut text, Some("[token]"), &token::SCHEMA);
    section(&mut text, Some("[decryption]"), &decryption::SCHEMA);
    section(&mut text, Some("[session]"), &session_section::SCHEMA);
    section(&mut text, Some("[store]"), &store_section::SCHEMA);
    section(
        &mut text,
        Some("[store.on_failure]"),
        &store_section::ON_FAILURE,
    );
    section(&mut text, Some("[access_log]"), &access_log_section::SCHEMA);
    section(&mut text, Some("[tracing]"), &tracing_section::SCHEMA);
    section(&mut text, Some("[signing]"), &signing_section::SCHEMA);
    section(
        &mut text,
        Some("[token_service]"),
        &token_service_section::SCHEMA,
    );
    text.push_str("\n# A client of the token service.");
    absent(
        &mut text,
        "[token_service.clients.orders-batch]",
        &token_service_client::SCHEMA,
    );
    text.push_str(
        "\n# Where requests go. Short for [upstreams.default]; others are [upstreams.NAME].",
    );
    section(&mut text, Some("[upstream]"), &upstream::SCHEMA);
    for (header, schema) in [
        ("[upstream.ejection]", &upstream_balance::EJECTION),
        ("[upstream.health]", &upstream_balance::HEALTH),
        ("[upstream.retry]", &upstream_balance::RETRY),
        ("[upstream.limits]", &upstream_balance::LIMITS),
        ("[upstream.credential]", &upstream_credential::SCHEMA),
    ] {
        section(&mut text, Some(header), schema);
    }
    text.push_str("\n# For an upstream with https.");
    absent(&mut text, "[upstream.tls]", &upstream_tls::SCHEMA);
    text.push_str("\n# Which requests go where. Absent: the one route that stands here.");
    section(&mut text, Some("[[routes]]"), &route::SCHEMA);
    text.push_str("\n# What upstreams are told of a token's subject, beside x-auth-*.");
    section(&mut text, Some("[identity]"), &identity_section::SCHEMA);
    section(
        &mut text,
        Some("[identity.mapper]"),
        &identity_section::MAPPER,
    );
    text.push_str(
        "\n# Users and their groups. With one, a subject must be in it, and its groups count.",
    );
    section(&mut text, Some("[user_registry]"), &user_registry::SCHEMA);
    text.push_str(
        "\n# Any key of an issuer except its source of keys, for all of them.\n[issuer_defaults]\n",
    );
    text.push_str("\n# Whom the gateway trusts: the iss claim, percent-encoded or as a plain URL.");
    let name = "[issuers.\"https%3A%2F%2Fidp.example.com%2Frealms%2Forders\"]";
    section(&mut text, Some(name), &issuer::SCHEMA);
    let inner = |table: &str| name.replace("\"]", &format!("\".{table}]"));
    section(&mut text, Some(&inner("fetch")), &fetch::SCHEMA);
    section(&mut text, Some(&inner("decryption")), &decryption::ISSUERS);
    section(
        &mut text,
        Some(&inner("identity")),
        &issuer_identity::SCHEMA,
    );
    section(
        &mut text,
        Some(&inner("introspection")),
        &introspection::SCHEMA,
    );
    text
}

/// A section that changes something by being there.
fn absent(text: &mut String, header: &str, schema: &Schema) {
    let _ = write!(text, "\n# {header}\n");
    for key in &schema.keys {
        if let Setting::Default(value) | Setting::Example(value) | Setting::Unset(value) =
            key.setting
        {
            let _ = writeln!(text, "# {}\n# {} = {value}", key.doc, key.name);
        }
    }
}

fn section(text: &mut String, header: Option<&str>, schema: &Schema) {
    let header = header.map(|h| format!("{h}\n")).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = write!(text, "\n{header}");
    for key in &schema.keys {
        let (mark, value) = match key.setting {
            Setting::Default(value) | Setting::Example(value) => ("", value),
            Setting::Unset(value) => ("# ", value),
            Setting::Section => continue,
        };
        let _ = writeln!(text, "# {}\n{mark}{} = {value}", key.doc, key.name);
    }
}
