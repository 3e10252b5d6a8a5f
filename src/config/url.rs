//! URLs in a configuration: no userinfo, no query, no fragment.

use reqwest::Url;

use super::{context::Context, section::Text};
use crate::issuer::discovery;

/// What a URL may not have here. A password would end up in logs; a query or a fragment would be lost.
pub(super) fn parse(context: &Context<'_>, text: Text<'_>, schemes: &[&str]) -> Option<Url> {
    let url = absolute(context, text, schemes)?;
    let errors = context.errors();
    if url.query().is_some() {
        context.error(text.span, "the URL cannot have a query");
    }
    (context.errors() == errors).then_some(url)
}

/// As [`parse`], where a query is allowed.
pub(super) fn absolute(context: &Context<'_>, text: Text<'_>, schemes: &[&str]) -> Option<Url> {
    let choices = || {
        format!(
            "write a URL that begins with {}://",
            schemes.join(":// or ")
        )
    };
    let url = match Url::parse(text.text) {
        Ok(url) => url,
        Err(error) => {
            context.error_with_help(text.span, format!("not a URL: {error}"), choices());
            return None;
        }
    };
    let errors = context.errors();
    if !schemes.contains(&url.scheme()) || !url.has_host() {
        context.error_with_help(text.span, "not a URL that can be used here", choices());
    } else if has_userinfo(text.text) {
        context.error(text.span, "the URL cannot hold a user name or a password");
    }
    if url.fragment().is_some() {
        context.error(text.span, "the URL cannot have a fragment");
    }
    if text
        .text
        .contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
    {
        // The URL standard skips or replaces these; whoever wrote them meant something else.
        context.error(
            text.span,
            "the URL holds a space, a backslash or a control character",
        );
    }
    (context.errors() == errors).then_some(url)
}

/// Where the gateway sends what is secret: an https URL, or an http one of this machine. Of another machine
/// only if `allow_http` says so, and then it is warned of. Messages call the endpoint `what`, and what is sent
/// there `secrets`.
pub(super) fn endpoint(
    context: &Context<'_>,
    text: Text<'_>,
    allow_http: bool,
    what: &str,
    secrets: &str,
) -> Option<Url> {
    let endpoint = absolute(context, text, &["https", "http"])?;
    if endpoint.scheme() == "https" || discovery::is_loopback(&endpoint) {
        return Some(endpoint);
    }
    if !allow_http {
        let help = "use https, or set allow_http = true beside it if the network is trusted";
        context.error_with_help(text.span, format!("{what} must be https"), help);
        return None;
    }
    let host = endpoint.host_str().unwrap_or_default();
    context.warn(format!(
        "allow_http: {secrets} travel unprotected to {host}"
    ));
    Some(endpoint)
}

/// Also an empty one, which a parsed URL no longer shows.
fn has_userinfo(text: &str) -> bool {
    let (_, rest) = text.split_once("://").unwrap_or(("", text));
    rest.split(['/', '?', '#'])
        .next()
        .is_some_and(|authority| authority.contains('@'))
}
