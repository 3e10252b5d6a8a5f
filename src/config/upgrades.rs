//! `upgrades` of a route: to which protocols its requests may switch.

use super::section::{Section, Text};
use crate::route::Access;

/// What a route allows that says nothing, unless it is public.
const USUAL: &str = "websocket";

/// Reads `upgrades`.
pub(super) fn decode(section: &Section<'_>, access: Access) -> Vec<Box<str>> {
    if section.written("upgrades").is_none() {
        return match access {
            Access::Required | Access::Optional => vec![USUAL.into()],
            // Whoever holds a tunnel open should be known, or somebody should have said otherwise.
            Access::Public => Vec::new(),
        };
    }
    let texts = section.texts("upgrades").unwrap_or_default();
    texts
        .into_iter()
        .filter_map(|text| one(section, text))
        .collect()
}

fn one(section: &Section<'_>, text: Text<'_>) -> Option<Box<str>> {
    let lower = text.text.to_ascii_lowercase();
    let name = lower.split('/').next().unwrap_or_default();
    if matches!(name, "h2c" | "h2" | "http" | "tls") {
        // Behind such a switch would be requests that nobody has looked at.
        let message = "requests inside of a tunnel are not looked at, so this is never forwarded";
        let help = "leave it out; HTTP and TLS are spoken with the gateway itself";
        section.context.error_with_help(text.span, message, help);
        return None;
    }
    let is_token = |part: &str| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !part.is_empty() && part.bytes().all(legal)
    };
    if lower.split('/').count() > 2 || !lower.split('/').all(is_token) {
        let help = "write the name as it stands in the field Upgrade: \"websocket\"";
        section
            .context
            .error_with_help(text.span, "not the name of a protocol", help);
        return None;
    }
    Some(text.text.into())
}
