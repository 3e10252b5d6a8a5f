//! `[server]` and `[server.limits]`.

use std::{net::SocketAddr, sync::LazyLock, time::Duration};

use ipnet::IpNet;

use super::{
    schema::{Key, Schema, key, section, unset},
    section::{Section, Text},
    url,
};
use crate::server::{Limits, ListenAddress, Settings};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[server]", KEYS));
pub(super) static LIMITS: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[server.limits]", LIMIT_KEYS));

const KEYS: &[Key] = &[
    key(
        "listen",
        "\"127.0.0.1:8080\"",
        "Where clients connect, or a list: \"address:port\", \"unix:/run/portcullis.sock\".",
    ),
    unset(
        "public_url",
        "\"https://api.example.com\"",
        "What clients call: for the audience rule and for challenges.",
    ),
    key("workers", "0", "Worker threads. 0: one for each core."),
    key(
        "trusted_proxies",
        "[]",
        "Addresses or networks whose X-Forwarded-* count.",
    ),
    section("limits", "What one connection and one request may cost."),
];

const LIMIT_KEYS: &[Key] = &[
    key(
        "header_bytes",
        "\"16KiB\"",
        "The header fields of a request.",
    ),
    key(
        "header_fields",
        "100",
        "How many header fields; each cookie crumb counts.",
    ),
    key(
        "request_line_bytes",
        "\"8KiB\"",
        "Method, target and version.",
    ),
    key(
        "header_timeout",
        "\"10s\"",
        "From the first byte of a request to the end of its header.",
    ),
    key(
        "idle_timeout",
        "\"60s\"",
        "Between two requests, and for each stall in the middle of one.",
    ),
    key(
        "requests_per_connection",
        "1000",
        "Then the connection is closed.",
    ),
    key(
        "connection_age",
        "\"1h\"",
        "Then the connection is closed after the request at hand.",
    ),
    key(
        "body_bytes",
        "\"\"",
        "The body of a request. \"\": no limit, it is streamed.",
    ),
    key(
        "form_bytes",
        "\"8KiB\"",
        "A form body that is read for its token.",
    ),
    key("connections", "10000", "Of all clients together."),
    key(
        "drain_timeout",
        "\"30s\"",
        "How long requests may go on after the signal to end.",
    ),
];

/// What `[server]` says; the last two go to the policy.
pub(super) struct Server {
    pub(super) settings: Settings,
    pub(super) public_url: Option<Box<str>>,
    pub(super) trusted_proxies: Vec<IpNet>,
}

/// Reads `[server]`.
pub(super) fn decode(server: &Section<'_>) -> Server {
    let listen = addresses(server);
    let trusted = server.texts("trusted_proxies").unwrap_or_default();
    Server {
        settings: Settings {
            listen,
            workers: server.number("workers", 0..=1024).unwrap_or_default(),
            limits: limits(&server.child("limits", &LIMITS)),
        },
        public_url: server
            .some_text("public_url")
            .and_then(|t| public_url(server, t)),
        trusted_proxies: trusted
            .into_iter()
            .filter_map(|t| network(server, t))
            .collect(),
    }
}

fn addresses(server: &Section<'_>) -> Vec<ListenAddress> {
    let Some(texts) = server.one_or_more("listen") else {
        return Vec::new();
    };
    if texts.is_empty() && matches!(server.node("listen"), Some(n) if n.is_empty_list()) {
        server.context.error(
            server.place("listen"),
            "\"listen\" needs at least one address",
        );
    }
    let mut addresses = Vec::new();
    for text in texts {
        let Some(address) = address(server, text) else {
            continue;
        };
        if addresses.contains(&address) {
            server.context.error(text.span, "this address stands twice");
        }
        addresses.push(address);
    }
    addresses
}

fn address(server: &Section<'_>, text: Text<'_>) -> Option<ListenAddress> {
    match text.text.strip_prefix("unix:") {
        Some("") => {
            server
                .context
                .error(text.span, "\"unix:\" must be followed by a path");
            None
        }
        Some(path) => Some(ListenAddress::Unix(server.context.resolve(path))),
        None => socket_address(server, text).map(ListenAddress::Tcp),
    }
}

/// An IP address and a port. A name would need a resolver, and may mean several addresses.
pub(super) fn socket_address(section: &Section<'_>, text: Text<'_>) -> Option<SocketAddr> {
    let parsed = match text.text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse(),
        None => text.text.parse(),
    };
    parsed.ok().or_else(|| {
        let help = match text.text.strip_prefix(':') {
            Some(port) => format!("write \"0.0.0.0:{port}\" for every interface"),
            None => "write an IP address and a port: \"127.0.0.1:8080\", \"[::1]:8080\"".to_owned(),
        };
        section
            .context
            .error_with_help(text.span, "not an address to listen on", help);
        None
    })
}

fn public_url(server: &Section<'_>, text: Text<'_>) -> Option<Box<str>> {
    let url = url::parse(server.context, text, &["http", "https"])?;
    Some(url.as_str().trim_end_matches('/').into())
}

fn network(server: &Section<'_>, text: Text<'_>) -> Option<IpNet> {
    let network = text.text.parse::<IpNet>().ok();
    let address = || text.text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    network.or_else(address).or_else(|| {
        let help = "write \"10.0.0.0/8\" or \"192.0.2.1\"";
        server
            .context
            .error_with_help(text.span, "not an address or a network", help);
        None
    })
}

fn limits(limits: &Section<'_>) -> Limits {
    let milli = Duration::from_millis(1);
    let hour = Duration::from_secs(3600);
    let day = hour * 24;
    Limits {
        header_bytes: limits
            .size("header_bytes", 1 << 10..=1 << 20)
            .unwrap_or_default(),
        header_fields: limits
            .number("header_fields", 1..=10_000)
            .unwrap_or_default(),
        request_line_bytes: limits
            .size("request_line_bytes", 64..=1 << 20)
            .unwrap_or_default(),
        header_timeout: limits
            .some_duration("header_timeout", milli..=hour)
            .unwrap_or_default(),
        idle_timeout: limits
            .some_duration("idle_timeout", milli..=day)
            .unwrap_or_default(),
        requests_per_connection: limits
            .number("requests_per_connection", 1..=u32::MAX)
            .unwrap_or_default(),
        connection_age: limits
            .some_duration("connection_age", Duration::from_secs(1)..=day * 30)
            .unwrap_or_default(),
        body_bytes: limits.size("body_bytes", 0..=u64::MAX),
        form_bytes: limits.size("form_bytes", 64..=1 << 20).unwrap_or_default(),
        connections: limits
            .number("connections", 1..=1_000_000)
            .unwrap_or_default(),
        drain_timeout: limits
            .some_duration("drain_timeout", Duration::ZERO..=hour)
            .unwrap_or_default(),
    }
}
