//! The URL of an upstream.

use std::path::PathBuf;

use http::{HeaderValue, uri::Authority};

use super::{
    section::{Section, Text},
    url,
};
use crate::{
    forward::{UpstreamAddress, balance::Server},
    tls::Outgoing,
};

/// What a URL says.
pub(super) struct Parsed {
    pub(super) server: Server,
    /// What goes in front of every target.
    pub(super) base_path: Box<str>,
    pub(super) is_unix: bool,
}

/// Reads `http://host:port/path`, the same with `https` and `tls`, or `unix:/path`.
pub(super) fn parse(
    section: &Section<'_>,
    text: Text<'_>,
    tls: Option<Outgoing>,
) -> Option<Parsed> {
    if let Some(path) = text.text.strip_prefix("unix:") {
        return unix(section, text, path);
    }
    // The URL standard has no rules for a scheme that it does not know.
    let plain = without_h2c(text.text).map(|rest| format!("http{rest}"));
    let text = Text {
        text: plain.as_deref().unwrap_or(text.text),
        span: text.span,
    };
    let url = url::parse(section.context, text, &["http", "https", "h2c"])?;
    let host = url.host_str()?;
    let port = url.port_or_known_default().unwrap_or(80);
    let base_path = base_path(section, text, &url)?;
    let shown = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    // A URL's host is a legal authority; were it not, the URL would be refused here.
    let parts = format!("{host}:{port}")
        .parse::<Authority>()
        .ok()
        .zip(shown.parse().ok());
    let Some((authority, host)) = parts.filter(|_| port != 0) else {
        section
            .context
            .error(text.span, "not an address to connect to");
        return None;
    };
    Some(Parsed {
        server: Server::new(UpstreamAddress::Http(authority), host, tls),
        base_path,
        is_unix: false,
    })
}

/// What follows the scheme of HTTP/2 without TLS; `None` for every other scheme.
pub(super) fn without_h2c(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_at_checked(3)?;
    (scheme.eq_ignore_ascii_case("h2c") && rest.starts_with("://")).then_some(rest)
}

fn unix(section: &Section<'_>, text: Text<'_>, path: &str) -> Option<Parsed> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        section
            .context
            .error(text.span, "\"unix:\" must be followed by a path");
        return None;
    }
    let path: PathBuf = section.context.resolve(path);
    let host = HeaderValue::from_static("localhost");
    Some(Parsed {
        server: Server::new(UpstreamAddress::Unix(path), host, None),
        base_path: "".into(),
        is_unix: true,
    })
}

/// The path as it is written: were it rewritten here, what is forwarded would surprise.
fn base_path(section: &Section<'_>, text: Text<'_>, url: &reqwest::Url) -> Option<Box<str>> {
    let (_, rest) = text.text.split_once("://").unwrap_or_default();
    let written = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let path = url.path();
    if written != path || path.contains("//") || path.contains(['%', ';']) {
        let message = "the path must be plain: no \".\", \"..\", \"//\", \";\" or \"%\" in it";
        section.context.error(text.span, message);
        return None;
    }
    Some(path.trim_end_matches('/').into())
}
