//! `/readyz` and `/status`: what serves, and what is wrong.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::{Answer, answer};
use crate::{gateway::Gateway, issuer::Registry, reload::Reload, server::Course};

mod credential;
mod issuer;
pub(super) mod listing;
mod route;
mod store;
mod token_service;
mod upstream;

use credential::CredentialStatus;
use issuer::IssuerStatus;
use listing::Listing;
use route::RouteStatus;
use store::StoreStatus;
use token_service::TokenServiceStatus;
use upstream::UpstreamStatus;

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Ready<'s> {
    ready: bool,
    draining: bool,
    /// Whether the server of the store can be asked, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    issuers: Vec<IssuerReady<'s>>,
}

#[derive(Serialize)]
struct IssuerReady<'s> {
    issuer: &'s str,
    active: bool,
    keys: usize,
}

/// The answer of `/status`.
#[derive(Serialize)]
struct Status<'s> {
    version: &'static str,
    uptime_seconds: u64,
    /// As `/readyz` says it.
    ready: bool,
    draining: bool,
    configuration: Configuration,
    token_cache: TokenCache,
    store: Option<StoreStatus>,
    issuer_counts: Counts,
    issuers: Vec<IssuerStatus<'s>>,
    /// Where the issuers are that this answer does not list.
    next: Option<String>,
    routes: Vec<RouteStatus<'s>>,
    upstreams: Vec<UpstreamStatus<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_service: Option<TokenServiceStatus<'s>>,
    /// What upstreams are shown.
    credentials: Vec<CredentialStatus<'s>>,
}

#[derive(Serialize)]
struct Configuration {
    generation: u64,
    issuers: usize,
    routes: usize,
    upstreams: usize,
    last_reload: Option<LastReload>,
}

#[derive(Serialize)]
struct LastReload {
    at: String,
    cause: &'static str,
    outcome: &'static str,
    error: Option<String>,
}

#[derive(Serialize)]
struct TokenCache {
    tokens: usize,
    bytes: u64,
    capacity_bytes: u64,
}

/// How many issuers there are, whatever is listed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Active, with keys that serve.
    pub(super) ready: usize,
    /// Active, without.
    pub(super) without_keys: usize,
    /// Switched off.
    pub(super) inactive: usize,
}

impl Counts {
    pub(super) fn of(registry: &Registry) -> Self {
        let mut counts = Self::default();
        for issuer in registry.iter() {
            let count = match (issuer.active, issuer.is_ready()) {
                (false, _) => &mut counts.inactive,
                (true, true) => &mut counts.ready,
                (true, false) => &mut counts.without_keys,
            };
            *count += 1;
        }
        counts
    }
}

/// 200 when it serves, at least one active issuer has keys, and the store has been reached. A store that is
/// lost later takes no gateway out of service: all have the same one, and much may need none.
pub(super) fn ready(gateway: &Gateway, course: Course) -> Answer {
    let snapshot = gateway.snapshot();
    let draining = course != Course::Serve;
    let registry = &snapshot.policy.registry;
    let issuers = Listing::default().page(registry).issuers;
    let issuers = issuers.into_iter().map(|issuer| IssuerReady {
        issuer: &issuer.name,
        active: issuer.active,
        keys: issuer.keys.usable(),
    });
    let store = gateway.remote_store();
    let reached = store.as_ref().is_none_or(|store| store.was_open);
    let ready = has_keys(registry) && !draining && reached;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(
        status,
        &Ready {
            ready,
            draining,
            store: store.map(|store| store.is_open),
            issuers: issuers.collect(),
        },
    )
}

/// Without issuers there is nothing to wait for: every route is public.
fn has_keys(registry: &Registry) -> bool {
    let mut issuers = registry.iter();
    registry.is_empty() || issuers.any(|issuer| issuer.active && issuer.is_ready())
}

/// Everything that an operator may want to know.
pub(super) fn status(
    gateway: &Gateway,
    uptime: Duration,
    course: Course,
    listing: &Listing,
    last: Option<&Reload>,
) -> Answer {
    let snapshot = gateway.snapshot();
    let policy = &snapshot.policy;
    let now = gateway.now();
    let upstream = |number: usize| policy.upstreams.get(number).map_or("-", |u| &*u.name);
    let routes = policy.routes.all().iter();
    let routes = routes.map(|route| RouteStatus::of(route, upstream(route.upstream)));
    let upstreams = policy
        .upstreams
        .iter()
        .map(|upstream| UpstreamStatus::of(upstream, gateway.clock()));
    let credentials = policy.credentials.iter();
    let page = listing.page(&policy.registry);
    let issuers = page.issuers.iter().map(|i| IssuerStatus::of(i, now));
    let cache = gateway.token_cache();
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: uptime.as_secs(),
        ready: has_keys(&policy.registry) && course == Course::Serve,
        draining: course != Course::Serve,
        configuration: Configuration {
            generation: snapshot.generation,
            issuers: policy.registry.len(),
            routes: policy.routes.all().len(),
            upstreams: policy.upstreams.len(),
            last_reload: last.map(|reload| LastReload {
                at: reload.at.to_string(),
                cause: reload.cause.name(),
                outcome: reload.outcome.name(),
                error: reload.outcome.errors().map(str::to_owned),
            }),
        },
        token_cache: TokenCache {
            tokens: cache.tokens,
            bytes: cache.bytes,
            capacity_bytes: cache.capacity,
        },
        store: StoreStatus::of(gateway),
        issuer_counts: Counts::of(&policy.registry),
        issuers: issuers.collect(),
        next: page.next,
        routes: routes.collect(),
        upstreams: upstreams.collect(),
        token_service: policy
            .token_service
            .as_deref()
            .map(|service| TokenServiceStatus::of(service, now)),
        credentials: credentials.map(|one| CredentialStatus::of(one)).collect(),
    };
    json(StatusCode::OK, &status)
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec_pretty(value).unwrap_or_default();
    answer(status, "application/json", body.into())
}
