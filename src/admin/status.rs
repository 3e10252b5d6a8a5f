//! `/readyz` and `/status`: what serves, and what is wrong.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::{Answer, answer};
use crate::{
    clock::UnixTime,
    gateway::{Gateway, Snapshot},
    issuer::{Issuer, KeySource, warning},
    server::Course,
};

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Ready<'s> {
    ready: bool,
    draining: bool,
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
    draining: bool,
    configuration: Configuration,
    issuers: Vec<IssuerStatus<'s>>,
    routes: Vec<RouteStatus<'s>>,
    upstreams: Vec<UpstreamStatus<'s>>,
}

#[derive(Serialize)]
struct Configuration {
    generation: u64,
    issuers: usize,
    routes: usize,
    upstreams: usize,
}

#[derive(Serialize)]
struct IssuerStatus<'s> {
    issuer: &'s str,
    active: bool,
    source: String,
    jwks_uri: Option<String>,
    keys: Vec<KeyStatus>,
    skipped: Vec<SkippedKey>,
    restored: bool,
    cache_error: Option<String>,
    age_seconds: Option<i64>,
    read_at: Option<String>,
    tried_at: Option<String>,
    next_at: Option<String>,
    fetches: u64,
    failures: u64,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct KeyStatus {
    kid: Option<String>,
    algorithms: Vec<&'static str>,
    not_before: Option<String>,
    not_after: Option<String>,
    warning: Option<String>,
}

#[derive(Serialize)]
struct SkippedKey {
    position: usize,
    kid: Option<String>,
    reason: String,
}

#[derive(Serialize)]
struct RouteStatus<'s> {
    route: &'s str,
    methods: Option<Vec<&'s str>>,
    access: &'static str,
    upstream: &'s str,
}

#[derive(Serialize)]
struct UpstreamStatus<'s> {
    upstream: &'s str,
    address: String,
}

/// The most issuers that one answer lists.
const MAX_ISSUERS: usize = 1000;

/// 200 when it serves and at least one active issuer has keys.
pub(super) fn ready(gateway: &Gateway, course: Course) -> Answer {
    let snapshot = gateway.snapshot();
    let draining = course != Course::Serve;
    let now = gateway.now();
    let issuers: Vec<_> = sorted(&snapshot)
        .into_iter()
        .map(|issuer| IssuerReady {
            issuer: &issuer.name,
            active: issuer.active,
            keys: usable(issuer, now),
        })
        .collect();
    let has_keys = |issuer: &Issuer| issuer.active && usable(issuer, now) > 0;
    // Without issuers there is nothing to wait for: every route is public.
    let keys = snapshot.policy.registry.is_empty()
        || snapshot
            .policy
            .registry
            .iter()
            .any(|issuer| has_keys(issuer));
    let ready = keys && !draining;
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
            issuers,
        },
    )
}

/// How many keys serve now: those whose certificate is out of its time do not.
fn usable(issuer: &Issuer, now: UnixTime) -> usize {
    let set = issuer.keys.current();
    set.map_or(0, |set| set.in_time(now).count())
}

/// Everything that an operator may want to know.
pub(super) fn status(gateway: &Gateway, uptime: Duration, course: Course) -> Answer {
    let snapshot = gateway.snapshot();
    let policy = &snapshot.policy;
    let now = gateway.now();
    let upstream = |number: usize| policy.upstreams.get(number).map_or("-", |u| &*u.name);
    let routes = policy.routes.all().iter().map(|route| RouteStatus {
        route: &route.name,
        methods: route
            .methods
            .as_ref()
            .map(|m| m.iter().map(http::Method::as_str).collect()),
        access: route.access.name(),
        upstream: upstream(route.upstream),
    });
    let upstreams = policy.upstreams.iter().map(|upstream| UpstreamStatus {
        upstream: &upstream.name,
        address: upstream.address.to_string(),
    });
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: uptime.as_secs(),
        draining: course != Course::Serve,
        configuration: Configuration {
            generation: snapshot.generation,
            issuers: policy.registry.len(),
            routes: policy.routes.all().len(),
            upstreams: policy.upstreams.len(),
        },
        issuers: sorted(&snapshot)
            .into_iter()
            .map(|i| issuer_status(i, now))
            .collect(),
        routes: routes.collect(),
        upstreams: upstreams.collect(),
    };
    json(StatusCode::OK, &status)
}

fn issuer_status(issuer: &Issuer, now: UnixTime) -> IssuerStatus<'_> {
    let status = issuer.keys.status();
    let set = issuer.keys.current();
    let keys = set.iter().flat_map(|set| &set.keys).map(|key| KeyStatus {
        kid: key.kid().map(str::to_owned),
        algorithms: key
            .algorithms()
            .iter()
            .map(crate::jose::Algorithm::name)
            .collect(),
        not_before: key.validity().map(|v| UnixTime(v.not_before).to_string()),
        not_after: key.validity().map(|v| UnixTime(v.not_after).to_string()),
        warning: warning::of(key, now).map(|w| format!("the certificate {w}")),
    });
    let skipped = set
        .iter()
        .flat_map(|set| &set.skipped)
        .map(|skipped| SkippedKey {
            position: skipped.position,
            kid: skipped.kid.as_deref().map(str::to_owned),
            reason: skipped.reason.to_string(),
        });
    let text = |time: Option<UnixTime>| time.map(|time| time.to_string());
    IssuerStatus {
        issuer: &issuer.name,
        active: issuer.active,
        source: match issuer.keys.source() {
            KeySource::Remote(remote) => remote.uri.to_string(),
            KeySource::File(file) => file.path.display().to_string(),
            KeySource::Fixed(_) => "the configuration".to_owned(),
        },
        jwks_uri: status.jwks_uri,
        keys: keys.collect(),
        skipped: skipped.collect(),
        restored: status.restored,
        cache_error: status.cache_error,
        age_seconds: status.read_at.map(|read_at| now.since(read_at)),
        read_at: text(status.read_at),
        tried_at: text(status.tried_at),
        next_at: text(status.next_at),
        fetches: status.successes,
        failures: status.failures,
        last_error: status.error,
    }
}

fn sorted(snapshot: &Snapshot) -> Vec<&Issuer> {
    let mut issuers: Vec<&Issuer> = snapshot.policy.registry.iter().map(AsRef::as_ref).collect();
    issuers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    issuers.truncate(MAX_ISSUERS);
    issuers
}

fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec_pretty(value).unwrap_or_default();
    answer(status, "application/json", body.into())
}
