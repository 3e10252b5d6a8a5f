//! `[user_registry]`: users and their groups, in a file or in a directory.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::{
    directory, fetch,
    schema::{Key, Schema, key, unset},
    section::Section,
    shape::{CENTI, DAY, MINUTE, Rule, Shape},
    user_file,
    value::Node,
};
use crate::users::{Directory, UserRegistry};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new("[user_registry]", KEYS).with(&[
        Rule::OneOrNone(&["file", "url"]),
        Rule::OneOrNone(&["group_attribute", "group_filter"]),
    ])
});

const KEYS: &[Key] = &[
    key(
        "file",
        "\"\"",
        "A TOML file: [users.NAME] with groups = [\"…\"], and unique_name and realm if need be.",
    ),
    key(
        "url",
        "\"\"",
        "Or a directory: ldaps://host, or ldap://host with start_tls (plain LDAP only to this machine).",
    ),
    key(
        "start_tls",
        "false",
        "Whether an ldap:// connection goes on with TLS.",
    ),
    fetch::CA_FILE,
    key(
        "bind_dn",
        "\"\"",
        "As whom the directory is asked. \"\": as nobody.",
    ),
    key("bind_password_file", "\"\"", "Its password."),
    unset(
        "bind_password",
        "\"${LDAP_PASSWORD}\"",
        "The same, as a value.",
    ),
    key("base_dn", "\"\"", "The entry below which the users are."),
    key(
        "user_filter",
        "\"(uid={user})\"",
        "Which entry is the user's (RFC 4515); {user} is the subject, and nothing in it is part of the filter.",
    ),
    key(
        "user_attribute",
        "\"\"",
        "The attribute that becomes the user's name. \"\": the name that was asked for.",
    ),
    key(
        "unique_name_attribute",
        "\"\"",
        "The attribute that becomes x-auth-unique-name.",
    ),
    key(
        "group_attribute",
        "\"\"",
        "The attribute of the user's entry with the groups, such as \"memberOf\".",
    ),
    key(
        "group_attribute_holds",
        "\"dn\"",
        "\"dn\": a group is the first value of a distinguished name; \"name\": it is the value itself.",
    ).is(Shape::Choice(|| vec!["dn", "name"])),
    key(
        "group_filter",
        "\"\"",
        "Or a search for the groups: \"(member={dn})\"; {dn} is the user's entry, {user} the subject.",
    ),
    key(
        "group_base_dn",
        "\"\"",
        "The entry below which the groups are. \"\": base_dn.",
    ),
    key(
        "group_name_attribute",
        "\"cn\"",
        "The attribute with the name of a group that was found.",
    ),
    key(
        "timeout",
        "\"2s\"",
        "The most time that one question may take, connecting included.",
    ).is(Shape::Duration(CENTI, MINUTE)),
    key("pool_size", "4", "The most connections.").is(Shape::Number(1, 64)),
    key(
        "cache",
        "\"30s\"",
        "How long an answer of a directory counts.",
    ).is(Shape::Duration(Duration::ZERO, DAY)),
];

/// What only a directory has.
const OF_A_DIRECTORY: [&str; 17] = [
    "start_tls",
    "ca_file",
    "bind_dn",
    "bind_password_file",
    "bind_password",
    "base_dn",
    "user_filter",
    "user_attribute",
    "unique_name_attribute",
    "group_attribute",
    "group_attribute_holds",
    "group_filter",
    "group_base_dn",
    "group_name_attribute",
    "timeout",
    "pool_size",
    "cache",
];

/// Reads `[user_registry]`; `None` when there is none, or it is wrong.
pub(super) fn decode(root: &Section<'_>) -> Option<Arc<UserRegistry>> {
    let written = root.written("user_registry")?;
    let registry = root.child("user_registry", &SCHEMA);
    if registry.written("file").is_none() && registry.written("url").is_none() {
        let help = "set \"file\" or \"url\", or leave [user_registry] out";
        registry.missing(written.span, "where are the users?", help);
        return None;
    }
    let file = registry.path("file");
    if file.is_some() && registry.has("url") {
        let message = "\"file\" and \"url\" cannot both be set";
        registry.context.error(registry.place("url"), message);
        return None;
    }
    if let Some((path, span)) = file {
        for name in OF_A_DIRECTORY {
            registry.idle(name, "with a file of users");
        }
        let file = user_file::read(registry.context, path, span)?;
        return Some(Arc::new(UserRegistry::File(file)));
    }
    if let Some(url) = registry.some_text("url") {
        let settings = directory::decode(&registry, url)?;
        return Some(Arc::new(UserRegistry::Ldap(Directory::new(settings))));
    }
    // Both are written, and empty: it is off. What is set beside them was meant to be in use.
    let is_set = |name: &&str| {
        let value = |node: &Node| node.value.to_json();
        let written = registry.written(name).map(value);
        written.is_some() && written != SCHEMA.default(name).map(value)
    };
    if let Some(name) = OF_A_DIRECTORY.into_iter().find(is_set) {
        let message = format!("\"{name}\" is set, and neither \"file\" nor \"url\" is");
        registry.context.error(registry.place(name), message);
    }
    None
}

/// The range of `timeout`.
pub(super) fn timeouts() -> std::ops::RangeInclusive<Duration> {
    Duration::from_millis(10)..=Duration::from_secs(60)
}
