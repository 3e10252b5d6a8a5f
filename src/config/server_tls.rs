//! `[server.tls]`.

use std::sync::{Arc, LazyLock};

use super::{
    schema::{Key, Schema, key, unset},
    section::{Section, Text},
    shape::{Rule, Shape},
    tls_identity,
};
use crate::tls::{ClientCertificates, Identity, Incoming, IncomingSettings, MinVersion};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new("[server.tls]", KEYS).with(&[
        Rule::One(&["certificate_file", "certificates"]),
        Rule::One(&["private_key_file", "certificates"]),
    ])
});
static ONE: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new("an entry of server.tls.certificates", ONE_KEYS).with(&[
        Rule::Some(&["certificate_file"]),
        Rule::Some(&["private_key_file"]),
    ])
});

const KEYS: &[Key] = &[
    unset(
        "certificate_file",
        "\"api.pem\"",
        "PEM: the gateway's own certificate first, those of its authorities behind it.",
    ),
    unset(
        "private_key_file",
        "\"api.key\"",
        "Its private key (PEM, not encrypted), readable to the gateway alone.",
    ),
    unset(
        "certificates",
        "[{ certificate_file = \"a.pem\", private_key_file = \"a.key\", names = [\"a.example.com\", \"*.a.example.com\"] }]",
        "Instead: several, chosen by the name that a client asks for, which is by default in the certificate. The first is for all others.",
    ).is(Shape::List(1, &Shape::Section(|| &ONE))),
    key(
        "min_version",
        "\"1.2\"",
        "The oldest TLS that is spoken: \"1.2\" or \"1.3\".",
    ).is(Shape::Choice(|| vec!["1.2", "1.3"])),
    key(
        "client_certificate",
        "\"none\"",
        "Whether clients show one: \"none\", \"optional\" or \"required\".",
    ).is(Shape::Choice(|| vec!["none", "optional", "required"])),
    key(
        "client_ca_file",
        "\"\"",
        "PEM certificates of the authorities that clients have theirs from.",
    ),
    key(
        "client_certificate_headers",
        "false",
        "Whether upstreams get x-client-cert-subject and x-client-cert-fingerprint.",
    ),
];

const ONE_KEYS: &[Key] = &[
    key("certificate_file", "\"\"", "As in [server.tls]."),
    key("private_key_file", "\"\"", "As in [server.tls]."),
    key(
        "names",
        "[]",
        "For which names; by default those in the certificate.",
    ),
];

/// What clients are asked for.
#[derive(Clone, Copy)]
enum Wish {
    None,
    Optional,
    Required,
}

/// Reads `[server.tls]`; `None` when it is absent, or something in it is wrong.
pub(super) fn decode(server: &Section<'_>) -> Option<Arc<Incoming>> {
    server.written("tls")?;
    let tls = &server.child("tls", &SCHEMA);
    let identities = identities(tls);
    let versions = [("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)];
    let min_version = tls.choice("min_version", &versions);
    let clients = clients(tls);
    let headers = tls.boolean("client_certificate_headers");
    let http2 = server.boolean("http2");
    let settings = IncomingSettings {
        identities: identities?,
        min_version: min_version?,
        clients: clients?,
        http2: http2?,
        headers: headers?,
    };
    if settings.headers && settings.clients == ClientCertificates::None {
        tls.idle(
            "client_certificate_headers",
            "while \"client_certificate\" is \"none\"",
        );
    }
    Incoming::new(settings)
        .map_err(|error| tls.context.error(tls.span, error.to_string()))
        .ok()
        .map(Arc::new)
}

type Identities = Vec<(Identity, Vec<Box<str>>)>;

fn identities(tls: &Section<'_>) -> Option<Identities> {
    let alone = ["certificate_file", "private_key_file"]
        .into_iter()
        .find(|name| tls.has(name));
    let Some(list) = tls.written("certificates") else {
        if alone.is_none() {
            let message = "[server.tls] has no certificate";
            tls.missing(
                tls.span,
                message,
                "set \"certificate_file\" and \"private_key_file\"",
            );
        }
        let identity = tls_identity::decode(tls, "certificate_file", "private_key_file")?;
        let names = identity.certificate().dns_names.clone();
        return Some(vec![(identity, names)]);
    };
    if let Some(name) = alone {
        let message = format!("\"{name}\" and \"certificates\" cannot both be set");
        tls.context.error(tls.place(name), message);
    }
    let example = "{ certificate_file = \"a.pem\", private_key_file = \"a.key\" }";
    let nodes = tls.nodes("certificates", example);
    if list.is_empty_list() {
        let help = format!("write certificates = [{example}]");
        let message = "\"certificates\" needs at least one";
        tls.context.error_with_help(list.span, message, help);
    }
    let read: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(number, node)| one(&Section::open(tls.context, &ONE, node), number == 0))
        .collect();
    let all: Option<Identities> = read.into_iter().collect();
    all.filter(|all| !all.is_empty() && alone.is_none())
}

fn one(section: &Section<'_>, is_first: bool) -> Option<(Identity, Vec<Box<str>>)> {
    let texts = section.texts("names").unwrap_or_default();
    let named: Vec<_> = texts.iter().map(|text| name(section, *text)).collect();
    let files = ["certificate_file", "private_key_file"];
    if !files.iter().any(|name| section.has(name)) {
        let help = "set \"certificate_file\" and \"private_key_file\"";
        section.missing(section.span, "a certificate has no files", help);
    }
    let identity = tls_identity::decode(section, files[0], files[1])?;
    let named: Option<Vec<_>> = named.into_iter().collect();
    let mut names = named?;
    if names.is_empty() {
        names.clone_from(&identity.certificate().dns_names);
    }
    if names.is_empty() && !is_first {
        let message = "nobody would see this certificate: there is no name in it";
        let help = "set \"names\", or put it first";
        section.context.error_with_help(section.span, message, help);
        return None;
    }
    Some((identity, names))
}

/// A DNS name in ASCII, perhaps with `*.` in front.
fn name(section: &Section<'_>, text: Text<'_>) -> Option<Box<str>> {
    let name = text.text.to_ascii_lowercase();
    let plain = name.strip_prefix("*.").unwrap_or(&name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let is_address = plain.parse::<std::net::Ipv4Addr>().is_ok();
    if plain.len() <= 253 && plain.split('.').all(is_label) && !is_address {
        return Some(name.into());
    }
    let help = "write \"api.example.com\" or \"*.example.com\"; names in other scripts as xn--…";
    section
        .context
        .error_with_help(text.span, "not a name that a client asks for", help);
    None
}

fn clients(tls: &Section<'_>) -> Option<ClientCertificates> {
    let wishes = [
        ("none", Wish::None),
        ("optional", Wish::Optional),
        ("required", Wish::Required),
    ];
    let wish = tls.choice("client_certificate", &wishes);
    let authorities = tls_identity::authorities(tls, "client_ca_file");
    let has_file = tls.has("client_ca_file");
    match (wish?, authorities) {
        (Wish::None, _) => {
            if has_file {
                // Whoever names authorities wants somebody to be asked.
                let message =
                    "\"client_ca_file\" does nothing while \"client_certificate\" is \"none\"";
                let help = "set client_certificate = \"required\", or \"optional\"";
                tls.context
                    .error_with_help(tls.place("client_ca_file"), message, help);
            }
            Some(ClientCertificates::None)
        }
        (Wish::Optional, Some(authorities)) => Some(ClientCertificates::Optional(authorities)),
        (Wish::Required, Some(authorities)) => Some(ClientCertificates::Required(authorities)),
        (Wish::Optional | Wish::Required, None) => {
            if !has_file {
                let help = "set \"client_ca_file\": the authorities that clients have theirs from";
                let message = "a client's certificate cannot be checked without authorities";
                tls.missing(tls.place("client_certificate"), message, help);
            }
            None
        }
    }
}
