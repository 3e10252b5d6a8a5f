//! `[user_registry]` with a `url`: a directory.

use std::time::Duration;

use reqwest::Url;

use super::{
    fetch,
    section::{Section, Text},
    url, user_registry,
};
use crate::{
    issuer::discovery::is_loopback,
    users::ldap::{Filter, Groups, Security, Settings},
};

/// Reads the settings of the directory at `text`.
pub(super) fn decode(registry: &Section<'_>, text: Text<'_>) -> Option<Settings> {
    let errors = registry.context.errors();
    let url = url::parse(registry.context, text, &["ldaps", "ldap"]);
    let security = url.as_ref().and_then(|url| security(registry, text, url));
    let groups = groups(registry);
    let user_filter = filter(registry, "user_filter");
    if let Some((filter, text)) = &user_filter
        && (!filter.has_user() || filter.has_dn())
    {
        let help = "write {user} where the subject belongs: \"(uid={user})\"";
        let message = "the filter must hold {user}, and not {dn}";
        registry.context.error_with_help(text.span, message, help);
    }
    let base_dn = registry.some_text("base_dn");
    if base_dn.is_none() {
        let help = "set \"base_dn\", such as \"ou=people,dc=example,dc=com\"";
        registry.missing(text.span, "a directory needs a \"base_dn\"", help);
    }
    let bind = bind(registry);
    let day = Duration::from_secs(86_400);
    let times = (
        registry.some_duration("timeout", user_registry::timeouts()),
        registry.some_duration("cache", Duration::ZERO..=day),
    );
    let pool_size = registry.number("pool_size", 1..=64_u64);
    let authorities = fetch::authorities(registry);
    let (user_attribute, unique_name_attribute) = (
        attribute(registry, "user_attribute"),
        attribute(registry, "unique_name_attribute"),
    );
    if registry.context.errors() > errors {
        return None;
    }
    let (url, security) = (url?, security?);
    Some(Settings {
        url: url.as_str().into(),
        host: url.host_str()?.into(),
        port: url.port().unwrap_or(match security {
            Security::Tls => 636,
            Security::Plain | Security::StartTls => 389,
        }),
        security,
        authorities,
        bind,
        base_dn: base_dn?.text.into(),
        user_filter: user_filter?.0,
        user_attribute,
        unique_name_attribute,
        groups: groups?,
        timeout: times.0?,
        pool_size: usize::try_from(pool_size?).ok()?,
        ttl: times.1?,
    })
}

fn security(registry: &Section<'_>, text: Text<'_>, url: &Url) -> Option<Security> {
    let start_tls = registry.boolean("start_tls")?;
    if !matches!(url.path(), "" | "/") {
        let message = "the URL of a directory ends with its host and port";
        let help = "set \"base_dn\" instead of a path";
        registry.context.error_with_help(text.span, message, help);
    }
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    if !url.host_str()?.chars().all(plain) {
        registry.context.error(text.span, "not the name of a host");
        return None;
    }
    match (url.scheme(), start_tls) {
        ("ldaps", false) => Some(Security::Tls),
        ("ldaps", true) => {
            let message = "an ldaps:// connection is under TLS already";
            let help = "leave \"start_tls\" out, or write ldap://";
            let place = registry.place("start_tls");
            registry.context.error_with_help(place, message, help);
            None
        }
        (_, true) => Some(Security::StartTls),
        _ if is_loopback(url) => Some(Security::Plain),
        _ => {
            let message = "plain LDAP: whoever sits on the way would say who is in which group";
            let help = "write ldaps://, or set start_tls = true";
            registry.context.error_with_help(text.span, message, help);
            None
        }
    }
}

fn bind(registry: &Section<'_>) -> Option<(Box<str>, crate::secret::Secret)> {
    let dn = registry.some_text("bind_dn");
    let set = ["bind_password", "bind_password_file"]
        .into_iter()
        .find(|name| registry.has(name));
    let password = registry.secret("bind_password", "bind_password_file");
    match (dn, set) {
        (Some(dn), None) => {
            // Servers take a bind without a password for one as nobody, and call it a success.
            let message = "a \"bind_dn\" needs a \"bind_password_file\"";
            registry.context.error(dn.span, message);
        }
        (None, Some(set)) => {
            let place = registry.place(set);
            registry.missing(place, "a password needs a \"bind_dn\"", "set \"bind_dn\"");
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let (password, _) = password?;
    Some((dn?.text.into(), password))
}

fn groups(registry: &Section<'_>) -> Option<Groups> {
    let own = attribute(registry, "group_attribute");
    let distinguished = registry.choice("group_attribute_holds", &[("dn", true), ("name", false)]);
    let searched = filter(registry, "group_filter");
    let name = attribute(registry, "group_name_attribute");
    match (own, searched) {
        (Some(_), Some((_, text))) => {
            let message = "\"group_attribute\" and \"group_filter\" cannot both be set";
            registry.context.error(text.span, message);
            None
        }
        (Some(name), None) => Some(Groups::Attribute {
            name,
            distinguished: distinguished?,
        }),
        (None, Some((filter, text))) => {
            if !filter.has_dn() && !filter.has_user() {
                let help = "write {dn} where the user's entry belongs: \"(member={dn})\"";
                let message = "the filter must hold {dn} or {user}";
                registry.context.error_with_help(text.span, message, help);
            }
            let base_dn = registry
                .some_text("group_base_dn")
                .or_else(|| registry.some_text("base_dn"))?;
            let Some(name) = name else {
                let place = registry.place("group_name_attribute");
                let message = "a search for groups needs a \"group_name_attribute\"";
                registry.context.error(place, message);
                return None;
            };
            Some(Groups::Search {
                base_dn: base_dn.text.into(),
                filter,
                name,
            })
        }
        (None, None) => {
            if !registry.has("group_filter") {
                registry.context.warn(
                    "[user_registry]: without group_attribute or group_filter no user has groups",
                );
            }
            Some(Groups::None)
        }
    }
}

fn filter<'c>(registry: &Section<'c>, name: &str) -> Option<(Filter, Text<'c>)> {
    let text = registry.some_text(name)?;
    match Filter::parse(text.text) {
        Ok(filter) => Some((filter, text)),
        Err(error) => {
            registry.context.error(text.span, error.to_string());
            None
        }
    }
}

fn attribute(registry: &Section<'_>, name: &str) -> Option<Box<str>> {
    let text = registry.some_text(name)?;
    let is_in = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';');
    if !text.text.chars().all(is_in) {
        let message = "not the name of an attribute";
        registry.context.error(text.span, message);
        return None;
    }
    Some(text.text.into())
}
