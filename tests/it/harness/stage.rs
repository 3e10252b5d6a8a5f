//! Issuer, upstream and gateway, set up to play together.

use std::net::SocketAddr;

use portcullis::{
    clock::{Clock, UnixTime},
    forward::balance::Resolver,
};
use tempfile::TempDir;
use toml::{Table, Value};

use super::{
    AUDIENCE, Gateway, ISSUER, Issuer, NOW, Request, Response, Seen, Signer, Token, Upstream, mint,
    refused,
};

/// The configuration's file, where it has one.
pub(crate) const FILE: &str = "portcullis.toml";

/// Everything that a request meets.
pub(crate) struct Stage {
    /// Dropped first: it drains while the others still answer.
    pub(crate) gateway: Gateway,
    pub(crate) issuer: Issuer,
    pub(crate) upstream: Upstream,
    pub(crate) clock: Clock,
    /// The configuration as it was written last.
    pub(super) config: Table,
    /// Where relative paths of the configuration lead, for as long as somebody may follow them.
    pub(super) directory: TempDir,
}

/// A stage that is being set up. The configuration is one issuer that publishes [`mint::es256`] and
/// [`mint::rsa`], and one upstream; what a test gives is merged into it, key by key.
pub(crate) struct Builder {
    config: Table,
    clock: Clock,
    issuer: Issuer,
    upstream: Upstream,
    directory: TempDir,
    in_a_file: bool,
    resolver: Option<Resolver>,
}

impl Stage {
    pub(crate) fn builder() -> Builder {
        let issuer = Issuer::start(&[mint::es256(), mint::rsa()]);
        let upstream = Upstream::start();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nworkers = 1\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n\
             [upstream]\nurl = \"{}\"\n\
             [issuers.\"{ISSUER}\"]\njwks_uri = \"{}\"\naudiences = [\"{AUDIENCE}\"]\n",
            upstream.url(),
            issuer.jwks_uri(),
        );
        Builder {
            config: config.parse().unwrap(),
            clock: Clock::standing_at(UnixTime(NOW)),
            issuer,
            upstream,
            directory: tempfile::tempdir().unwrap(),
            in_a_file: false,
            resolver: None,
        }
    }

    /// The default configuration.
    pub(crate) fn new() -> Self {
        Self::builder().start()
    }

    /// The default configuration with `text` merged into it.
    pub(crate) fn with(text: &str) -> Self {
        Self::builder().with(text).start()
    }

    /// The default configuration with `keys` merged into its issuer.
    pub(crate) fn with_issuer(keys: &str) -> Self {
        Self::builder().issuer(keys).start()
    }

    /// Where relative paths of the configuration lead.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Drains, and gives the directory, where what the gateway has written is whole.
    pub(crate) fn drained(self) -> TempDir {
        let _ = self.gateway.drain();
        self.directory
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// Sends `request` on a connection of its own.
    pub(crate) fn send(&self, request: &Request) -> Response {
        request.send(self.address())
    }

    /// Sends `request`, which must reach the upstream and be answered with 200; what reached it.
    #[track_caller]
    pub(crate) fn allows(&self, request: &Request) -> Seen {
        let before = self.upstream.count();
        let response = self.send(request);
        assert_eq!(response.status, 200, "{:?}", response.text());
        assert!(response.field("x-request-id").is_some());
        assert_eq!(self.upstream.count(), before + 1, "of {:?}", response.head);
        self.upstream.wait_for(before)
    }

    /// Sends `request`, which must be refused in every respect and not reach the upstream.
    #[track_caller]
    pub(crate) fn refuses(&self, request: &Request, status: u16, code: &str) -> Response {
        let (before, connections) = (self.upstream.count(), self.upstream.connections());
        let response = self.send(request);
        refused(&response, status, code);
        let bytes = request.bytes();
        super::refused::repeats_nothing_of(&response, &String::from_utf8_lossy(&bytes));
        assert_eq!(self.upstream.count(), before, "the upstream saw it");
        assert_eq!(self.upstream.connections(), connections);
        response
    }

    /// A GET of `/` with this token must be allowed.
    #[track_caller]
    pub(crate) fn accepts(&self, token: &Token<'_>) -> Seen {
        self.allows(&super::get("/").bearer(token.sign()))
    }

    /// A GET of `/` with this token must be refused with 401.
    #[track_caller]
    pub(crate) fn rejects(&self, token: &Token<'_>, code: &str) {
        self.rejects_text(&token.sign(), code);
    }

    /// As [`Stage::rejects`], for what nobody would mint.
    #[track_caller]
    pub(crate) fn rejects_text(&self, token: &str, code: &str) {
        let response = self.refuses(&super::get("/").bearer(token), 401, code);
        super::refused::repeats_nothing_of(&response, token);
    }
}

impl Builder {
    /// Merges `text` into the configuration: tables key by key, all else is replaced.
    pub(crate) fn with(mut self, text: &str) -> Self {
        let more = text.parse().unwrap_or_else(|error| panic!("{error}"));
        merge(&mut self.config, more);
        self
    }

    /// Merges `keys` into the issuer's table.
    pub(crate) fn issuer(self, keys: &str) -> Self {
        self.with(&format!("[issuers.\"{ISSUER}\"]\n{keys}"))
    }

    /// Removes a section.
    pub(crate) fn without(mut self, section: &str) -> Self {
        self.config.remove(section).unwrap();
        self
    }

    /// Removes a key of the issuer.
    pub(crate) fn without_issuers(mut self, key: &str) -> Self {
        let issuer = self.config["issuers"][ISSUER].as_table_mut().unwrap();
        issuer.remove(key).unwrap();
        self
    }

    /// Gives the issuer its keys in the configuration itself, and nothing is fetched.
    pub(crate) fn inline_keys(self, jwks: &[serde_json::Value]) -> Self {
        let jwks = serde_json::json!({ "keys": jwks });
        let jwks = Value::try_from(jwks).unwrap();
        let mut this = self.without_issuers("jwks_uri");
        let issuer = this.config["issuers"][ISSUER].as_table_mut().unwrap();
        issuer.insert("jwks".to_owned(), jwks);
        this
    }

    /// Has the configuration in a file, [`FILE`] in the directory, so that it can be read again.
    pub(crate) fn in_a_file(mut self) -> Self {
        self.in_a_file = true;
        self
    }

    /// Has names of upstreams looked up here.
    pub(crate) fn resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Another clock than one that stands at [`NOW`].
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What its issuer publishes instead.
    pub(crate) fn publishing(self, signers: &[&Signer]) -> Self {
        self.issuer.publishes(signers);
        self
    }

    pub(crate) const fn issuer_itself(&self) -> &Issuer {
        &self.issuer
    }

    pub(crate) const fn upstream_itself(&self) -> &Upstream {
        &self.upstream
    }

    /// Where relative paths of the configuration lead.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Starts the gateway, and returns when it has read the keys once, well or not.
    pub(crate) fn start(self) -> Stage {
        let stage = self.start_unread();
        let snapshot = stage.gateway.running().gateway().snapshot();
        for issuer in snapshot.policy.registry.iter() {
            stage.gateway.refresh(&issuer.name);
        }
        stage
    }

    /// Starts the gateway, which may not have its keys yet.
    pub(crate) fn start_unread(self) -> Stage {
        let text = toml::to_string(&self.config).unwrap();
        let directory = self.directory.path();
        let gateway = if self.in_a_file {
            let file = directory.join(FILE);
            std::fs::write(&file, text).unwrap();
            Gateway::start_from(&file, &self.clock, self.resolver)
        } else {
            Gateway::start(&text, directory, &self.clock, self.resolver)
        };
        Stage {
            gateway,
            issuer: self.issuer,
            upstream: self.upstream,
            clock: self.clock,
            config: self.config,
            directory: self.directory,
        }
    }
}

pub(super) fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
