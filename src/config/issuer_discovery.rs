//! Where an issuer that names no source of keys has its metadata (OpenID Connect Discovery 1.0 §4).

use super::{section::Section, value::Span};
use crate::issuer::discovery::WELL_KNOWN;

/// Whether the issuer's name is a URL at which metadata can be.
pub(super) fn is_url(name: &str) -> bool {
    let scheme = name.split_once("://").map_or("", |(scheme, _)| scheme);
    ["https", "http"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s))
}

/// The URL of the metadata of the issuer `name`, which stands at `span`.
pub(super) fn place(issuer: &Section<'_>, name: &str, span: Span) -> Option<String> {
    if issuer.is_misread() {
        // A misspelt source is said already, and this one was not meant.
        return None;
    }
    if name.contains(['?', '#']) {
        let message = "an issuer with a query or a fragment has no place for its metadata";
        let help = "name it in \"discovery_url\", or name another source of keys";
        issuer.context.error_with_help(span, message, help);
        return None;
    }
    if authority(name).is_empty() {
        // The URL standard would take the first part of the path for the host.
        let message = "the issuer's name is a URL without a host";
        issuer.context.error(span, message);
        return None;
    }
    let base = name.strip_suffix('/').unwrap_or(name);
    Some(format!("{base}{WELL_KNOWN}"))
}

fn authority(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    rest.split('/').next().unwrap_or_default()
}
