//! `[store]` with a `url`: a server that several gateways share.

use std::time::Duration;

use super::{
    fetch,
    schema::{Key, key, unset},
    section::{Section, Text},
    shape::{MILLI, Shape, TEXTS},
    tls_identity, url,
};
use crate::{
    issuer::discovery::is_loopback,
    store::{Address, RedisSettings},
    tls::Outgoing,
};

pub(super) const KEYS: &[Key] = &[
    key(
        "url",
        "[]",
        "Or a server that several gateways share: \"redis://host:6379/0\", \"rediss://\" for TLS (Redis 6 or Valkey); with \"master\", its sentinels. Fixed until a restart, as is all below.",
    ).is(Shape::Either(&[Shape::SomeText, TEXTS])),
    key(
        "master",
        "\"\"",
        "What the sentinels call the server. \"\": \"url\" is the server itself.",
    ),
    key(
        "username",
        "\"\"",
        "As whom the server is asked (ACL). \"\": the user default.",
    ),
    key("password_file", "\"\"", "The password."),
    unset("password", "\"${REDIS_PASSWORD}\"", "The same, as a value."),
    key(
        "prefix",
        "\"portcullis:\"",
        "What all keys begin with. Gateways with the same one share what they remember.",
    ),
    key(
        "timeout",
        "\"100ms\"",
        "How long the server may take for an answer.",
    ).is(Shape::Duration(MILLI, Duration::from_secs(2))),
    fetch::CA_FILE,
    key(
        "server_name",
        "\"\"",
        "The name that the server must have; by default the host of \"url\".",
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

/// What one URL says.
struct Place {
    address: Address,
    database: u32,
    is_tls: bool,
    is_near: bool,
}

/// Reads what stands beside `url`; `None` when there is none, or something is wrong.
pub(super) fn decode(store: &Section<'_>) -> Option<RedisSettings> {
    if store.written("url").is_none_or(is_empty) {
        for key in KEYS.iter().filter(|key| key.name != "url") {
            store.idle(key.name, "without a \"url\"");
        }
        return None;
    }
    for name in ["path", "max_entries", "max_size"] {
        if store.has(name) && name == "path" {
            let help = "leave one of them out";
            let message = "\"path\" and \"url\" cannot both be set";
            store
                .context
                .error_with_help(store.place(name), message, help);
        }
        store.idle(name, "with a \"url\": the server has its own bounds");
    }
    let errors = store.context.errors();
    let texts = store.one_or_more("url")?;
    let places: Vec<_> = texts
        .iter()
        .filter_map(|text| place(store, *text))
        .collect();
    let master = store.some_text("master");
    let tls = tls(store, &places, master.is_some());
    let timeout = Duration::from_millis(1)..=Duration::from_secs(2);
    let timeout = store.some_duration("timeout", timeout);
    let username = store.some_text("username");
    let password = store.secret("password", "password_file");
    if let (Some(name), None) = (username, &password) {
        let help = "set \"password_file\"";
        let message = "a \"username\" needs a \"password_file\"";
        store.missing(name.span, message, help);
    }
    check(store, &texts, &places, master.is_some());
    let prefix = prefix(store);
    if store.context.errors() > errors {
        return None;
    }
    let database = places.first()?.database;
    Some(RedisSettings {
        addresses: places.into_iter().map(|place| place.address).collect(),
        master: master.map(|name| name.text.into()),
        username: username.map(|name| name.text.into()),
        password: password.map(|(password, _)| password),
        database,
        tls: tls?,
        prefix: prefix?,
        timeout: timeout?,
    })
}

fn is_empty(node: &super::value::Node) -> bool {
    matches!(&node.value, super::value::Value::List(list) if list.is_empty())
}

/// What the URLs must have in common, and what would surprise.
fn check(store: &Section<'_>, texts: &[Text<'_>], places: &[Place], has_master: bool) {
    let (Some(first), Some(text)) = (places.first(), texts.get(1)) else {
        warn(store, places);
        return;
    };
    if !has_master {
        let help = "name one server; or set \"master\", where these are its sentinels";
        let message = "several URLs need a \"master\"";
        store.context.error_with_help(text.span, message, help);
    } else if places
        .iter()
        .any(|place| (place.is_tls, place.database) != (first.is_tls, first.database))
    {
        let message = "the URLs must have one scheme and one database";
        store.context.error(text.span, message);
    }
    warn(store, places);
}

fn warn(store: &Section<'_>, places: &[Place]) {
    if places.iter().any(|place| !place.is_tls && !place.is_near) {
        store.context.warn(
            "[store]: redis:// to another machine: whoever sits on the way sees the password, and says what was used \
             up and revoked. Write rediss://",
        );
    }
}

fn place(store: &Section<'_>, text: Text<'_>) -> Option<Place> {
    let url = url::parse(store.context, text, &["redis", "rediss"])?;
    let host = url.host_str()?;
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    if host.is_empty() || !host.chars().all(plain) || url.port() == Some(0) {
        store
            .context
            .error(text.span, "not the address of a server");
        return None;
    }
    let database = url.path().trim_start_matches('/');
    let Ok(database) = (if database.is_empty() { "0" } else { database }).parse() else {
        let message = "behind the \"/\" stands the number of a database";
        store.context.error(text.span, message);
        return None;
    };
    Some(Place {
        is_tls: url.scheme() == "rediss",
        is_near: is_loopback(&url),
        address: Address {
            host: host.trim_start_matches('[').trim_end_matches(']').into(),
            port: url.port().unwrap_or(6379),
        },
        database,
    })
}

/// TLS with the server, where the URLs want it; `None` when something is wrong.
fn tls(store: &Section<'_>, places: &[Place], has_master: bool) -> Option<Option<Outgoing>> {
    let errors = store.context.errors();
    let authorities = tls_identity::authorities(store, "ca_file");
    let identity =
        tls_identity::decode(store, "client_certificate_file", "client_private_key_file");
    let name = store.some_text("server_name");
    if store.context.errors() > errors {
        return None;
    }
    let first = places.first()?;
    if !first.is_tls {
        for name in ["ca_file", "server_name", "client_certificate_file"] {
            if store.has(name) {
                let help = "write rediss:// in \"url\", or leave it out";
                let message = format!("\"{name}\" is for a connection with TLS");
                store
                    .context
                    .error_with_help(store.place(name), message, help);
            }
        }
        return Some(None);
    }
    if has_master && name.is_none() {
        let help = "set \"server_name\" to the name in the certificates of the servers and their sentinels";
        let message = "sentinels tell addresses, not names: TLS needs a \"server_name\"";
        store.missing(store.place("url"), message, help);
        return None;
    }
    let (name, span) = match name {
        Some(name) => (name.text, name.span),
        None => (&*first.address.host, store.place("url")),
    };
    Outgoing::new(name, authorities, identity, false)
        .map_err(|error| store.context.error(span, error.to_string()))
        .ok()
        .map(|tls| Some(tls.without_protocol()))
}

/// What all keys begin with. Braces would be a cluster's business, and spaces nobody's.
fn prefix(store: &Section<'_>) -> Option<Box<str>> {
    let text = store.text("prefix")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '/');
    if text.text.len() > 64 || !text.text.chars().all(is_plain) {
        let message = "a \"prefix\" is at most 64 letters, digits and : - _ . /";
        store.context.error(text.span, message);
        return None;
    }
    Some(text.text.into())
}
