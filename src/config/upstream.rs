//! `[upstream]` and `[upstreams.NAME]`.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::{HeaderValue, uri::Authority};

use super::{
    schema::{Key, Schema, key, needed},
    section::{Section, Text},
    url,
    value::{Entry, Span},
};
use crate::forward::{Protocol, Upstream, UpstreamAddress};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[upstream]", KEYS));

const KEYS: &[Key] = &[
    needed(
        "url",
        "\"http://127.0.0.1:9000\"",
        "Where it is: http://host:port, with a path that goes in front of every target, h2c://host:port for HTTP/2, or unix:/path.",
    ),
    key(
        "preserve_host",
        "false",
        "Whether it gets the client's Host instead of its own.",
    ),
    key("connect_timeout", "\"2s\"", "For a new connection."),
    key(
        "response_timeout",
        "\"30s\"",
        "From the end of the request to the header of the response.",
    ),
    key(
        "idle_timeout",
        "\"60s\"",
        "How long an unused connection is kept.",
    ),
    key(
        "protocol",
        "\"auto\"",
        "Which HTTP it is spoken to in: \"http1\", \"http2\", or \"auto\": HTTP/2 to h2c://, else HTTP/1.1.",
    ),
];

/// The name that `[upstream]` is short for, and that a route means when it names none.
pub(super) const DEFAULT: &str = "default";

/// Every upstream, and where each is configured.
#[derive(Default)]
pub(super) struct Upstreams {
    pub(super) all: Vec<Upstream>,
    /// The names in the order of their numbers, also those of upstreams that are wrong.
    pub(super) names: Vec<(Arc<str>, Span)>,
}

/// Reads `[upstream]` and all of `[upstreams]`.
pub(super) fn decode(root: &Section<'_>) -> Upstreams {
    let mut upstreams = Upstreams::default();
    let named = root.entries("upstreams");
    if let Some(node) = root.written("upstream") {
        if let Some(entry) = named.iter().find(|e| e.key == DEFAULT) {
            let message = "[upstream] is short for [upstreams.default], which is here too";
            root.context.error(entry.key_span, message);
        }
        let section = Section::open(root.context, &SCHEMA, node);
        upstreams.add(
            DEFAULT,
            root.key_span("upstream").unwrap_or(node.span),
            &section,
        );
    }
    for Entry {
        key,
        key_span,
        node,
    } in named
    {
        if key.is_empty() {
            root.context
                .error(*key_span, "an upstream's name cannot be empty");
        }
        upstreams.add(key, *key_span, &Section::open(root.context, &SCHEMA, node));
    }
    upstreams
}

impl Upstreams {
    fn add(&mut self, name: &str, span: Span, section: &Section<'_>) {
        let name: Arc<str> = name.into();
        self.names.push((Arc::clone(&name), span));
        self.all.extend(upstream(name, span, section));
    }
}

/// A wrong one is still an upstream with a number, so that routes to it are not wrong as well.
fn upstream(name: Arc<str>, span: Span, section: &Section<'_>) -> Option<Upstream> {
    let milli = Duration::from_millis(1);
    let hour = Duration::from_secs(3600);
    let preserve_host = section.boolean("preserve_host").unwrap_or_default();
    let time = |name| {
        section
            .some_duration(name, milli..=hour)
            .unwrap_or_default()
    };
    let (connect, response) = (time("connect_timeout"), time("response_timeout"));
    let idle = time("idle_timeout");
    let Some(text) = section.some_text("url") else {
        let message = format!("the upstream \"{name}\" has no \"url\"");
        section.missing(span, message, "write url = \"http://127.0.0.1:9000\"");
        return None;
    };
    let protocol = protocol(section, text);
    let (address, host, base_path) = address(section, text)?;
    Some(Upstream {
        name,
        address,
        host,
        base_path,
        preserve_host,
        connect_timeout: connect,
        response_timeout: response,
        idle_timeout: idle,
        protocol: protocol?,
    })
}

/// What follows the scheme of HTTP/2 without TLS; `None` for every other scheme.
fn without_h2c(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_at_checked(3)?;
    (scheme.eq_ignore_ascii_case("h2c") && rest.starts_with("://")).then_some(rest)
}

/// What the key says, and what the URL says.
fn protocol(section: &Section<'_>, url: Text<'_>) -> Option<Protocol> {
    let is_h2c = without_h2c(url.text).is_some();
    let chosen = section.choice(
        "protocol",
        &[
            ("auto", Protocol::Auto),
            ("http1", Protocol::Http1),
            ("http2", Protocol::Http2),
        ],
    )?;
    match (chosen, is_h2c) {
        (Protocol::Http1, true) => {
            let span = section.place("protocol");
            let help = "write http:// for HTTP/1.1, or leave \"protocol\" out";
            let message = "h2c:// is HTTP/2, and \"protocol\" says \"http1\"";
            section.context.error_with_help(span, message, help);
            None
        }
        (_, true) => Some(Protocol::Http2),
        (chosen, false) => Some(chosen),
    }
}

type Address = (UpstreamAddress, HeaderValue, Box<str>);

fn address(section: &Section<'_>, text: Text<'_>) -> Option<Address> {
    if let Some(path) = text.text.strip_prefix("unix:") {
        return unix(section, text, path);
    }
    if text.text.starts_with("https:") {
        let help = "put a TLS proxy on loopback in front of it, or use http";
        section.context.error_with_help(
            text.span,
            "https to an upstream is not supported yet",
            help,
        );
        return None;
    }
    // The URL standard has no rules for a scheme that it does not know.
    let plain = without_h2c(text.text).map(|rest| format!("http{rest}"));
    let text = Text {
        text: plain.as_deref().unwrap_or(text.text),
        span: text.span,
    };
    let url = url::parse(section.context, text, &["http", "h2c"])?;
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
    Some((UpstreamAddress::Http(authority), host, base_path))
}

fn unix(section: &Section<'_>, text: Text<'_>, path: &str) -> Option<Address> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        section
            .context
            .error(text.span, "\"unix:\" must be followed by a path");
        return None;
    }
    let path: PathBuf = section.context.resolve(path);
    Some((
        UpstreamAddress::Unix(path),
        HeaderValue::from_static("localhost"),
        "".into(),
    ))
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
