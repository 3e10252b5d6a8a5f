//! `[server]`.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use ipnet::IpNet;

use super::{
    limits,
    schema::{Key, Schema, key, section, unset},
    section::{Section, Text},
    server_tls,
    shape::{Shape, TEXTS},
    url,
};
use crate::{
    server::{ListenAddress, ProxyProtocol, Settings},
    tls::Incoming,
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[server]", KEYS));

const KEYS: &[Key] = &[
    key(
        "listen",
        "\"127.0.0.1:8080\"",
        "Where clients connect, or a list: \"address:port\", \"unix:/run/portcullis.sock\", \"systemd\" or \"fd:NAME\" for inherited sockets. Fixed until a restart.",
    ).is(Shape::Either(&[Shape::SomeText, TEXTS])),
    unset(
        "public_url",
        "\"https://api.example.com\"",
        "What clients call: for the audience rule and for challenges.",
    ),
    unset(
        "refusal_docs",
        "\"https://docs.example.com/refusals\"",
        "A page of yours that clients may read, with a section for each code. A refusal links to it: URL#code.",
    ),
    key(
        "workers",
        "0",
        "Worker threads. 0: one for each core. Fixed until a restart.",
    ).is(Shape::Number(0, 1024)),
    key(
        "trusted_proxies",
        "[]",
        "Addresses or networks whose X-Forwarded-* count.",
    ),
    key(
        "http2",
        "true",
        "Whether clients may choose HTTP/2 in a TLS handshake. Fixed until a restart.",
    ),
    key(
        "http2_cleartext",
        "false",
        "Whether clients without TLS may begin with HTTP/2 at once (h2c, by prior knowledge). Fixed until a restart.",
    ),
    section("tls", "TLS with clients. Absent: plain HTTP.").is(Shape::Section(|| &server_tls::SCHEMA)),
    key(
        "proxy_protocol",
        "\"off\"",
        "A PROXY header (v1 or v2) before all else: \"trusted\" from trusted_proxies, \"required\" from all, which must be trusted_proxies. Fixed until a restart.",
    ).is(Shape::Choice(|| vec!["off", "trusted", "required"])),
    section(
        "limits",
        "What one connection and one request may cost. Fixed until a restart.",
    ).is(Shape::Section(|| &limits::SCHEMA)),
];

/// What `[server]` says; all but the first goes to the policy.
pub(super) struct Server {
    pub(super) settings: Settings,
    pub(super) public_url: Option<Box<str>>,
    pub(super) refusal_docs: Option<Box<str>>,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) tls: Option<Arc<Incoming>>,
}

/// Reads `[server]`; at `authorizers` it is asked besides.
pub(super) fn decode(server: &Section<'_>, authorizers: Vec<ListenAddress>) -> Server {
    let listen = addresses(server, !authorizers.is_empty());
    let twice = authorizers
        .iter()
        .find(|address| address.is_fixed() && listen.contains(address));
    if let Some(twice) = twice {
        let message = format!("{twice} is the address of an authorizer too");
        server.context.error(server.place("listen"), message);
    }
    let trusted = server.texts("trusted_proxies").unwrap_or_default();
    Server {
        settings: Settings {
            proxy_protocol: proxy_protocol(server, &listen, trusted.is_empty()),
            workers: server.number("workers", 0..=1024).unwrap_or_default(),
            http2: server.boolean("http2").unwrap_or_default(),
            http2_cleartext: server.boolean("http2_cleartext").unwrap_or_default(),
            limits: limits::decode(&server.child("limits", &limits::SCHEMA)),
            listen,
            authorizers,
        },
        public_url: server
            .some_text("public_url")
            .and_then(|t| public_url(server, t)),
        refusal_docs: server
            .some_text("refusal_docs")
            .and_then(|t| refusal_docs(server, t)),
        trusted_proxies: trusted
            .into_iter()
            .filter_map(|t| network(server, t))
            .collect(),
        tls: server_tls::decode(server),
    }
}

fn proxy_protocol(
    server: &Section<'_>,
    listen: &[ListenAddress],
    nobody_is_trusted: bool,
) -> ProxyProtocol {
    let choices = [
        ("off", ProxyProtocol::Off),
        ("trusted", ProxyProtocol::Trusted),
        ("required", ProxyProtocol::Required),
    ];
    let chosen = server
        .choice("proxy_protocol", &choices)
        .unwrap_or_default();
    let by_address = listen
        .iter()
        .any(|listen| !matches!(listen, ListenAddress::Unix(_)));
    if chosen != ProxyProtocol::Off && nobody_is_trusted && by_address {
        server.context.error_with_help(
            server.place("proxy_protocol"),
            "nobody may send a PROXY header",
            "name the balancer's address in \"trusted_proxies\"",
        );
    }
    chosen
}

fn addresses(server: &Section<'_>, may_be_none: bool) -> Vec<ListenAddress> {
    let Some(texts) = server.one_or_more("listen") else {
        return Vec::new();
    };
    if !may_be_none
        && texts.is_empty()
        && matches!(server.node("listen"), Some(n) if n.is_empty_list())
    {
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

/// `"systemd"` or `"fd:NAME"`: sockets that come with the process. The inner `None`: it has no name.
pub(super) fn inherited(section: &Section<'_>, text: Text<'_>) -> Option<Option<ListenAddress>> {
    if text.text == "systemd" {
        return Some(Some(ListenAddress::Inherited(None)));
    }
    let name = text.text.strip_prefix("fd:")?;
    // What systemd.socket(5) allows in FileDescriptorName.
    let is_name = !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if !is_name {
        let help = "write \"fd:\" and the FileDescriptorName of the socket unit";
        section
            .context
            .error_with_help(text.span, "not the name of a socket", help);
    }
    Some(is_name.then(|| ListenAddress::Inherited(Some(name.into()))))
}

pub(super) fn address(server: &Section<'_>, text: Text<'_>) -> Option<ListenAddress> {
    if let Some(inherited) = inherited(server, text) {
        return inherited;
    }
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

/// It stands between quotes in a challenge. `Url` has encoded those of its own.
fn refusal_docs(server: &Section<'_>, text: Text<'_>) -> Option<Box<str>> {
    let url = url::parse(server.context, text, &["http", "https"])?;
    Some(url.as_str().into())
}

pub(super) fn network(server: &Section<'_>, text: Text<'_>) -> Option<IpNet> {
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
