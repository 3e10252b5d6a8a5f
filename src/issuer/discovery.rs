//! The issuer's own metadata (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): where its keys are.

use std::net::IpAddr;

use reqwest::Url;
use serde_json::Value;

use super::Metadata;
use crate::jose::json::{self, JsonError};

/// What follows the issuer's name, without its final slash (OpenID Connect Discovery 1.0 §4).
pub const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The most characters of another issuer's name that are shown.
const MAX_SHOWN: usize = 100;

/// Why metadata do not lead to keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The document is no JSON object.
    #[error("the issuer's metadata cannot be read: {0}")]
    Json(#[from] JsonError),
    /// It does not say whose it is.
    #[error("the issuer's metadata have no \"issuer\"")]
    NoIssuer,
    /// It is somebody else's (RFC 8414 §3.3). The name is cut and escaped.
    #[error(
        "the metadata are those of another issuer, \"{0}\": the name must be equal, byte for byte"
    )]
    OtherIssuer(String),
    /// It names no keys.
    #[error("the issuer's metadata have no \"jwks_uri\"")]
    NoKeys,
    /// `jwks_uri` is no URL that keys are fetched from.
    #[error("the metadata's \"jwks_uri\" is no plain https URL")]
    Url,
    /// `jwks_uri` is http: whoever sits on the way would choose the keys.
    #[error("the metadata's \"jwks_uri\" is http, and key URLs must be https")]
    PlainHttp,
}

/// The URL of the keys that `document` names. It was fetched from `from`, as `metadata` says.
///
/// # Errors
/// [`DiscoveryError`] when it is not this issuer's, or names no keys that may be fetched.
pub(super) fn jwks_uri(
    document: &[u8],
    metadata: &Metadata,
    from: &Url,
) -> Result<Url, DiscoveryError> {
    let document = json::parse_object(document)?;
    match document.get("issuer").and_then(Value::as_str) {
        None => return Err(DiscoveryError::NoIssuer),
        Some(issuer) if issuer == &*metadata.issuer => {}
        Some(other) => return Err(DiscoveryError::OtherIssuer(shown(other))),
    }
    let text = document.get("jwks_uri").and_then(Value::as_str);
    let text = text.ok_or(DiscoveryError::NoKeys)?;
    let uri = Url::parse(text).map_err(|_| DiscoveryError::Url)?;
    if !is_plain(&uri, text) {
        return Err(DiscoveryError::Url);
    }
    // A provider elsewhere has no business with this machine's own ports.
    let is_near = is_loopback(&uri) && is_loopback(from);
    if uri.scheme() == "http" && !is_near && !metadata.allow_http {
        return Err(DiscoveryError::PlainHttp);
    }
    Ok(uri)
}

/// Whether the URL's host is this machine: 127.0.0.0/8, `::1` or localhost.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether it is http or https with a host, and without what would be sent as credentials or lost.
/// The URL standard skips or replaces spaces and backslashes; whoever sent them meant something else.
fn is_plain(uri: &Url, text: &str) -> bool {
    let authority = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    matches!(uri.scheme(), "https" | "http")
        && !authority.is_empty()
        && uri.has_host()
        && !authority.contains('@')
        && uri.fragment().is_none()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
}

/// A stranger's text for an operator: short, printable, on one line.
fn shown(text: &str) -> String {
    let escaped = text.chars().take(MAX_SHOWN).flat_map(char::escape_default);
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: &str = "http://127.0.0.1:8081/.well-known/openid-configuration";
    const FAR: &str = "https://idp.example/.well-known/openid-configuration";

    fn ask(document: &str, from: &str, allow_http: bool) -> Result<String, DiscoveryError> {
        let metadata = Metadata {
            issuer: "https://idp.example".into(),
            allow_http,
        };
        jwks_uri(document.as_bytes(), &metadata, &from.parse().unwrap()).map(String::from)
    }

    fn naming(uri: &str) -> String {
        format!(r#"{{"issuer":"https://idp.example","jwks_uri":"{uri}","x":[1]}}"#)
    }

    #[test]
    fn the_issuers_own_document_leads_to_its_keys() {
        let document = naming("https://keys.example/a?b=c");
        let found = ask(&document, FAR, false);
        assert_eq!(found.as_deref(), Ok("https://keys.example/a?b=c"));
    }

    #[test]
    fn another_issuers_document_does_not() {
        for other in [
            "https://idp.example/",
            "https://IDP.example",
            "https://idp.example:443",
            "http://idp.example",
            "",
        ] {
            let document = format!(r#"{{"issuer":"{other}","jwks_uri":"https://x/"}}"#);
            let expected = DiscoveryError::OtherIssuer(other.to_owned());
            assert_eq!(ask(&document, FAR, true), Err(expected), "{other}");
        }
        let long = format!(r#"{{"issuer":"\u001b{}"}}"#, "x".repeat(1000));
        let error = ask(&long, FAR, true).unwrap_err().to_string();
        assert!(error.len() < 250 && error.contains("\\u{1b}xx"), "{error}");
    }

    #[test]
    fn a_document_that_is_none_does_not() {
        for (document, error) in [
            (r#"{"jwks_uri":"https://x/"}"#, DiscoveryError::NoIssuer),
            (
                r#"{"issuer":["https://idp.example"],"jwks_uri":"https://x/"}"#,
                DiscoveryError::NoIssuer,
            ),
            (
                r#"{"issuer":"https://idp.example"}"#,
                DiscoveryError::NoKeys,
            ),
            (
                r#"{"issuer":"https://idp.example","jwks_uri":{}}"#,
                DiscoveryError::NoKeys,
            ),
        ] {
            assert_eq!(ask(document, FAR, true), Err(error), "{document}");
        }
        for document in [
            "",
            "[]",
            "<!doctype html>",
            r#"{"issuer":"https://evil.example","issuer":"https://idp.example","jwks_uri":"https://x/"}"#,
            r#"{"issuer":"https://idp.example","jwks_uri":"https://x/","jwks_uri":"https://y/"}"#,
        ] {
            let found = ask(document, FAR, true);
            assert!(matches!(found, Err(DiscoveryError::Json(_))), "{document}");
        }
    }

    #[test]
    fn keys_are_fetched_from_plain_urls_only() {
        for uri in [
            "",
            "/jwks",
            "ftp://idp.example/jwks",
            "file:///etc/passwd",
            "https://",
            "https:///idp.example/jwks",
            "https://me:pw@idp.example/jwks",
            "https://@idp.example/jwks",
            "https://idp.example/jwks#a",
            "https://idp.example/ jwks",
            "https:\\\\\\\\idp.example\\\\jwks",
            "https://idp.example/\\njwks",
        ] {
            assert_eq!(
                ask(&naming(uri), FAR, true),
                Err(DiscoveryError::Url),
                "{uri}"
            );
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let near = naming("http://127.0.0.1:8081/jwks");
        assert!(ask(&near, NEAR, false).is_ok());
        assert_eq!(ask(&near, FAR, false), Err(DiscoveryError::PlainHttp));
        let far = naming("http://idp.example/jwks");
        assert_eq!(ask(&far, NEAR, false), Err(DiscoveryError::PlainHttp));
        assert_eq!(ask(&far, FAR, false), Err(DiscoveryError::PlainHttp));
        assert!(ask(&far, FAR, true).is_ok());
        let name = naming("http://127.0.0.1.example/jwks");
        assert_eq!(ask(&name, NEAR, false), Err(DiscoveryError::PlainHttp));
    }
}
