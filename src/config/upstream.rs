//! `[upstream]` and `[upstreams.NAME]`.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::HeaderValue;

use super::{
    schema::{Key, Schema, key, needed, section, unset},
    section::{Section, Text},
    shape::{DAY, HOUR, MILLI, Rule, SOME_TEXTS, Shape},
    upstream_balance, upstream_credential, upstream_tls,
    upstream_url::{self, Parsed},
    value::{Entry, Span},
};
use crate::{
    forward::{
        Protocol, Upstream,
        balance::{Group, Server},
    },
    outbound::Credential,
    signing::Signer,
};

pub(super) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[upstream]", KEYS).with(&[Rule::One(&["url", "urls"])]));

const KEYS: &[Key] = &[
    needed(
        "url",
        "\"http://127.0.0.1:9000\"",
        "Where it is: http://host:port, https://host:port, or h2c://host:port for HTTP/2, with a path that goes in front of every target; or unix:/path.",
    ),
    unset(
        "urls",
        "[\"http://10.0.0.1:9000\", \"http://10.0.0.2:9000\"]",
        "Instead of url: several of them, with one path; each request goes to one.",
    ).is(SOME_TEXTS),
    key(
        "preserve_host",
        "false",
        "Whether it gets the client's Host instead of its own.",
    ),
    unset(
        "host",
        "\"api.internal\"",
        "The Host that it gets instead of that of its URL.",
    ),
    key("connect_timeout", "\"2s\"", "For a new connection.").is(Shape::Duration(MILLI, HOUR)),
    key(
        "response_timeout",
        "\"30s\"",
        "From the end of the request to the header of the response.",
    ).is(Shape::Duration(MILLI, HOUR)),
    key(
        "stall_timeout",
        "\"5m\"",
        "Between two pieces of a response's body; then it is broken off. Raise it for silent streams.",
    ).is(Shape::Duration(MILLI, DAY)),
    key(
        "idle_timeout",
        "\"60s\"",
        "How long an unused connection is kept.",
    ).is(Shape::Duration(MILLI, HOUR)),
    key(
        "protocol",
        "\"auto\"",
        "Which HTTP it is spoken to in: \"http1\", \"http2\", or \"auto\": HTTP/2 to h2c://, else HTTP/1.1.",
    ).is(Shape::Choice(|| vec!["auto", "http1", "http2"])),
    section("tls", "For an upstream with https.").is(Shape::Section(|| &upstream_tls::SCHEMA)),
    key(
        "dns_refresh",
        "\"30s\"",
        "How often names are looked up; all of a name's addresses are used.",
    ).is(Shape::Duration(MILLI, HOUR)),
    section("ejection", "Who fails too often is left alone for a while.").is(Shape::Section(|| &upstream_balance::EJECTION)),
    section("health", "What is asked to know whether an address serves.").is(Shape::Section(|| &upstream_balance::HEALTH)),
    section("retry", "What is tried once more.").is(Shape::Section(|| &upstream_balance::RETRY)),
    section("limits", "How much one address gets at a time.").is(Shape::Section(|| &upstream_balance::LIMITS)),
    section("credential", "What the gateway shows it to be let in.").is(Shape::Section(|| &upstream_credential::SCHEMA)),
];

/// The most URLs of one upstream.
const MOST: usize = 64;

/// The name that `[upstream]` is short for, and that a route means when it names none.
pub(super) const DEFAULT: &str = "default";

/// Every upstream, and where each is configured.
#[derive(Default)]
pub(super) struct Upstreams {
    pub(super) all: Vec<Upstream>,
    /// What each is shown, by its number.
    pub(super) credentials: Vec<Option<Arc<Credential>>>,
    /// The names in the order of their numbers, also those of upstreams that are wrong.
    pub(super) names: Vec<(Arc<str>, Span)>,
}

/// Reads `[upstream]` and all of `[upstreams]`; `signer` are the gateway's own keys.
pub(super) fn decode(root: &Section<'_>, signer: Option<&Arc<Signer>>) -> Upstreams {
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
            signer,
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
        let section = Section::open(root.context, &SCHEMA, node);
        upstreams.add(key, *key_span, &section, signer);
    }
    upstreams
}

impl Upstreams {
    fn add(&mut self, name: &str, span: Span, section: &Section<'_>, signer: Option<&Arc<Signer>>) {
        let name: Arc<str> = name.into();
        let credential = upstream_credential::decode(section, &name, signer);
        self.credentials.push(credential);
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
    let stall = section.some_duration("stall_timeout", milli..=hour * 24);
    let every = time("dns_refresh");
    let settings = upstream_balance::decode(section, every);
    let host = host(section, preserve_host);
    let (servers, base_path, protocol) = servers(&name, span, section)?;
    Some(Upstream {
        group: Arc::new(Group::new(Arc::clone(&name), servers, settings?)),
        name,
        host: host?,
        base_path,
        preserve_host,
        connect_timeout: connect,
        response_timeout: response,
        stall_timeout: stall.unwrap_or_default(),
        idle_timeout: idle,
        protocol,
    })
}

/// `host`, if there is one.
fn host(section: &Section<'_>, preserve_host: bool) -> Option<Option<HeaderValue>> {
    let Some(text) = section.some_text("host") else {
        return Some(None);
    };
    if preserve_host {
        let message = "the upstream gets the client's Host, so that it cannot get this one";
        let help = "leave one of \"host\" and \"preserve_host\" out";
        let context = section.context;
        context.error_with_help(text.span, message, help);
        return None;
    }
    let authority = text.text.parse::<http::uri::Authority>().ok();
    let authority = authority.filter(|authority| !authority.as_str().contains('@'));
    let Some(host) = authority.and_then(|authority| authority.as_str().parse().ok()) else {
        let help = "write a name, with a port if need be: \"api.internal\", \"api.internal:8080\"";
        section
            .context
            .error_with_help(text.span, "not a host", help);
        return None;
    };
    Some(Some(host))
}

/// What the key says, and what the URLs say.
fn protocol(section: &Section<'_>, is_h2c: bool) -> Option<Protocol> {
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

/// The servers, the path in front of every target, and the protocol that they speak.
type Found = (Vec<Server>, Box<str>, Protocol);

/// What `url` or `urls` say.
fn servers(name: &str, span: Span, section: &Section<'_>) -> Option<Found> {
    let texts = urls(name, span, section)?;
    let errors = section.context.errors();
    let is_h2c = |text: &Text<'_>| upstream_url::without_h2c(text.text).is_some();
    let protocol = protocol(section, texts.iter().any(is_h2c));
    let tls = upstream_tls::decode(section, &texts, protocol.unwrap_or_default());
    let tls = tls.unwrap_or_else(|| vec![None; texts.len()]);
    let mut servers: Vec<Server> = Vec::new();
    let mut first: Option<(bool, bool, bool, Box<str>)> = None;
    for (text, tls) in texts.into_iter().zip(tls) {
        let (is_secure, is_h2c) = (tls.is_some(), is_h2c(&text));
        let Some(parsed) = upstream_url::parse(section, text, tls) else {
            continue;
        };
        let Parsed {
            server, base_path, ..
        } = parsed;
        if servers.iter().any(|other| other.address == server.address) {
            section.context.error(text.span, "this URL stands twice");
        }
        let kind = (parsed.is_unix, is_secure, is_h2c, base_path);
        if first.as_ref().is_some_and(|first| *first != kind) {
            let message = "all URLs of an upstream must have the same scheme and the same path";
            let help = "write [upstreams.NAME] for each, and routes to them";
            section.context.error_with_help(text.span, message, help);
        }
        first.get_or_insert(kind);
        servers.push(server);
    }
    let (_, _, _, base_path) = first?;
    let protocol = protocol?;
    (section.context.errors() == errors).then_some((servers, base_path, protocol))
}

/// The one URL, or those of the list.
fn urls<'c>(name: &str, span: Span, section: &Section<'c>) -> Option<Vec<Text<'c>>> {
    let one = section.some_text("url");
    let place = section.place("urls");
    if section.written("urls").is_none() {
        if one.is_none() {
            let message = format!("the upstream \"{name}\" has no \"url\"");
            section.missing(span, message, "write url = \"http://127.0.0.1:9000\"");
        }
        return one.map(|one| vec![one]);
    }
    if one.is_some() {
        let message = "\"url\" and \"urls\" cannot both be there";
        let help = "put all of them into \"urls\"";
        section.context.error_with_help(place, message, help);
        return None;
    }
    let texts = section.texts("urls")?;
    if texts.is_empty() || texts.len() > MOST {
        let message = format!("\"urls\" needs at least one URL, and takes {MOST} at most");
        section.context.error(place, message);
        return None;
    }
    Some(texts)
}
