//! Protected resource metadata (RFC 9728): whom a client asks for a token, and with which scopes.
//!
//! Routes whose paths begin alike are one resource: `/orders` and `/orders/{id}` have one document, at
//! `/.well-known/oauth-protected-resource/orders`. The one without a path is about the whole gateway.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use http::{Method, request::Parts};
use reqwest::Url;
use serde_json::json;

use super::Policy;
use crate::{
    issuer::Registry,
    route::{Access, Route},
    token::Sources,
};

/// Where the documents stand, before the resource's own path.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata documents of a gateway that clients know by its `public_url`.
#[derive(Debug)]
pub struct Metadata {
    /// By their path.
    documents: HashMap<Box<str>, Document>,
    /// The first active issuers, for the documents that name all of them.
    issuers: Vec<Arc<str>>,
    /// The URL of each route's document.
    of_routes: Vec<Arc<str>>,
    /// The URL of the document about the whole gateway.
    of_all: Arc<str>,
}

/// What one document says. It is written when it is asked for: there may be thousands.
#[derive(Debug, Default)]
struct Document {
    url: Arc<str>,
    resource: String,
    /// Whether tokens of every issuer are taken by one of the routes.
    every_issuer: bool,
    issuers: BTreeSet<Arc<str>>,
    scopes: BTreeSet<Box<str>>,
    methods: Methods,
}

/// Where a token may stand, by the names of RFC 9728 §2. A header or a cookie of one's own has none.
#[derive(Clone, Copy, Debug, Default)]
struct Methods {
    header: bool,
    body: bool,
    query: bool,
}

/// The most issuers that a document names, and the most scopes.
const MAX_NAMED: usize = 100;

impl Metadata {
    /// The documents for `policy`; `None` without a `public_url`.
    #[must_use]
    pub fn new(policy: &Policy) -> Option<Self> {
        let public_url = policy.public_url.as_deref()?;
        let url = Url::parse(public_url).ok()?;
        let mut documents = HashMap::new();
        let path = |group: &str| format!("{WELL_KNOWN}{}{group}", url.path().trim_end_matches('/'));
        let mut all = Document::new(&url, &path(""), public_url.to_owned());
        let mut of_routes = Vec::with_capacity(policy.routes.all().len());
        for route in policy.routes.all() {
            let group = group(route, &url);
            if route.access == Access::Public {
                of_routes.push(Arc::clone(&all.url));
                continue;
            }
            all.add(route, &policy.registry);
            if group.is_empty() {
                of_routes.push(Arc::clone(&all.url));
                continue;
            }
            let path = path(group);
            let new = || Document::new(&url, &path, format!("{public_url}{group}"));
            let document = documents.entry(path.as_str().into()).or_insert_with(new);
            document.add(route, &policy.registry);
            of_routes.push(Arc::clone(&document.url));
        }
        // Not only those of routes: it has always named whom the gateway trusts.
        all.every_issuer = true;
        let of_all = Arc::clone(&all.url);
        documents.insert(path("").into(), all);
        Some(Self {
            documents,
            issuers: active(policy),
            of_routes,
            of_all,
        })
    }

    /// The document, if that is what a request asks for.
    #[must_use]
    pub fn at(&self, head: &Parts) -> Option<Bytes> {
        let path = head.uri.path();
        if !path.starts_with(WELL_KNOWN) || !matches!(head.method, Method::GET | Method::HEAD) {
            return None;
        }
        Some(self.documents.get(path)?.render(&self.issuers))
    }

    /// The URL of the document for a request to `route`, if it has found one.
    #[must_use]
    pub(super) fn url(&self, route: Option<&Route>) -> &str {
        let own = route.and_then(|route| self.of_routes.get(route.id));
        own.unwrap_or(&self.of_all)
    }
}

impl Document {
    /// One that stands at `path`, so far without a route.
    fn new(public_url: &Url, path: &str, resource: String) -> Self {
        // RFC 9728 §3.1: the well-known part stands between the host and the path.
        let mut url = public_url.clone();
        url.set_path(path);
        Self {
            url: url.as_str().into(),
            resource,
            ..Self::default()
        }
    }

    fn add(&mut self, route: &Route, registry: &Registry) {
        match &route.issuers {
            None => self.every_issuer = true,
            Some(issuers) => {
                let active = issuers.iter().filter(|name| registry.find(name).is_ok());
                self.issuers.extend(active.cloned());
            }
        }
        let scopes = route.scopes.iter().chain(&route.any_scopes);
        self.scopes.extend(scopes.cloned());
        self.methods.add(&route.token);
    }

    fn render(&self, every: &[Arc<str>]) -> Bytes {
        let issuers: Vec<&str> = if self.every_issuer {
            every.iter().map(|name| &**name).collect()
        } else {
            self.issuers.iter().take(MAX_NAMED).map(|n| &**n).collect()
        };
        let mut document = json!({
            "resource": self.resource,
            "authorization_servers": issuers,
            "bearer_methods_supported": self.methods.names(),
        });
        let scopes: Vec<&str> = self.scopes.iter().take(MAX_NAMED).map(|s| &**s).collect();
        if let (Some(members), false) = (document.as_object_mut(), scopes.is_empty()) {
            members.insert("scopes_supported".to_owned(), scopes.into());
        }
        document.to_string().into()
    }
}

impl Methods {
    fn add(&mut self, sources: &Sources) {
        let standard = sources.header.is_none();
        self.header |= standard;
        self.body |= standard && sources.form_parameter.is_some();
        self.query |= standard && sources.query_parameter.is_some();
    }

    fn names(self) -> Vec<&'static str> {
        let all = [
            ("header", self.header),
            ("body", self.body),
            ("query", self.query),
        ];
        let there = all.into_iter().filter(|(_, there)| *there);
        there.map(|(name, _)| name).collect()
    }
}

/// The first active issuers by name.
fn active(policy: &Policy) -> Vec<Arc<str>> {
    let active = policy.registry.iter().filter(|issuer| issuer.active);
    let mut names: Vec<_> = active.map(|issuer| Arc::clone(&issuer.name)).collect();
    names.sort_unstable();
    names.truncate(MAX_NAMED);
    names
}

/// The part of a route's path that all its requests begin with, in whole segments and without a slash at
/// its end. A route for another host than that of the public URL has no document of its own there.
fn group<'r>(route: &'r Route, public_url: &Url) -> &'r str {
    let is_here = |host: &str| public_url.host_str() == Some(host);
    if !route.host.as_deref().is_none_or(is_here) {
        return "";
    }
    let fixed = match route.path.split_once('{') {
        Some((before, _)) => before.rsplit_once('/').map_or("", |(segments, _)| segments),
        None => &route.path,
    };
    fixed.trim_end_matches('/')
}
