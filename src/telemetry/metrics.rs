//! Every metric, in one struct. Labels come from the configuration, never from a request.

use std::sync::{Arc, atomic::AtomicI64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

pub use super::{
    access_log::AccessLogMetrics, closed::ConnectionsClosed, histogram::Durations,
    spans::SpanMetrics, token_service::TokenServiceMetrics,
};

/// The metrics of a gateway. What a served request touches is resolved beforehand and atomic.
#[derive(Debug, Default)]
pub struct Metrics {
    /// `portcullis_requests_total`.
    pub requests: Family<RequestLabels, Counter>,
    /// `portcullis_request_duration_seconds`: from the head of the request to that of the response.
    pub request_duration: Durations,
    /// `portcullis_upstream_duration_seconds`: the part of it that the upstream took.
    pub upstream_duration: Durations,
    /// `portcullis_connections`: clients' connections now.
    pub connections: Gauge<i64, AtomicI64>,
    /// `portcullis_connections_closed_total`.
    pub connections_closed: ConnectionsClosed,
    /// `portcullis_panics_total`.
    pub panics: Counter,
    /// `portcullis_memory_resident_bytes`, `…_ceiling_bytes`, `…_pressure` and `…_sheds_total`.
    pub memory: MemoryMetrics,
    /// `portcullis_tunnels`: connections that have switched to another protocol, now.
    pub tunnels: Gauge<i64, AtomicI64>,
    /// `portcullis_responses_cut_off_total`: responses that broke off after their head.
    pub responses_cut_off: Family<CutOffLabels, Counter>,
    /// `portcullis_token_cache_hits_total`.
    pub token_cache_hits: Counter,
    /// `portcullis_token_cache_misses_total`.
    pub token_cache_misses: Counter,
    /// `portcullis_config_reloads_total`.
    pub config_reloads: Family<ReloadLabels, Counter>,
    /// `portcullis_sessions_total`.
    pub sessions: Family<SessionLabels, Counter>,
    /// `portcullis_authorizer_answers_total`.
    pub authorizers: Family<AuthorizerLabels, Counter>,
    /// `portcullis_store_failures_total`.
    pub store_failures: Family<StoreFailureLabels, Counter>,
    /// `portcullis_tls_handshakes_total`: those with clients.
    pub tls_handshakes: Family<HandshakeLabels, Counter>,
    /// What the token service counts.
    pub token_service: TokenServiceMetrics,
    /// What the access log counts.
    pub access_log: AccessLogMetrics,
    /// What became of the spans of recorded requests.
    pub spans: SpanMetrics,
}

/// The labels of `portcullis_tls_handshakes_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HandshakeLabels {
    /// `full`, `resumed`, `failed`, `timed_out`, `plain` when it was HTTP without TLS, or `left` when
    /// the client went before it said anything.
    pub outcome: &'static str,
    /// `1.2` or `1.3`; `-` when none was agreed on.
    pub version: &'static str,
}

/// What the gateway knows of its own memory.
#[derive(Debug, Default)]
pub struct MemoryMetrics {
    /// What the process holds, when there is a ceiling.
    pub resident: Gauge<i64, AtomicI64>,
    /// What it may hold; 0: there is no ceiling.
    pub ceiling: Gauge<i64, AtomicI64>,
    /// 0: calm, 1: the caches are cut, 2: new connections and requests are refused.
    pub pressure: Gauge<i64, AtomicI64>,
    /// How often the caches were cut.
    pub sheds: Counter,
}

impl MemoryMetrics {
    fn register(&self, registry: &mut Registry) {
        for (name, help, gauge) in [
            (
                "memory_resident_bytes",
                "What the process holds, when there is a ceiling",
                &self.resident,
            ),
            (
                "memory_ceiling_bytes",
                "What it may hold; 0: no ceiling",
                &self.ceiling,
            ),
            (
                "memory_pressure",
                "0: calm, 1: caches are cut, 2: new connections and requests are refused",
                &self.pressure,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "memory_sheds",
            "How often the caches were cut to save memory",
            self.sheds.clone(),
        );
    }
}

/// The labels of `portcullis_sessions_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SessionLabels {
    /// `started`, `ended` by a log-out, `too_large` or `failed` when none could begin.
    pub outcome: &'static str,
}

/// The labels of `portcullis_authorizer_answers_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AuthorizerLabels {
    /// How it was asked: `nginx`, `forward_auth`, `ext_authz_http` or `ext_authz_grpc`.
    pub kind: &'static str,
    /// `allow`, `refuse` or `fail`.
    pub outcome: &'static str,
}

/// The labels of `portcullis_store_failures_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StoreFailureLabels {
    /// `replay`, `revocation`, `sessions`, `token_service` or `rate_limits`.
    pub r#use: &'static str,
    /// `refuse`, or `allow` where the configuration wants that.
    pub decision: &'static str,
}

/// The labels of `portcullis_config_reloads_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReloadLabels {
    /// `applied`, `refused` or `unchanged`.
    pub outcome: &'static str,
}

/// The labels of `portcullis_requests_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's name; `-` when there was none.
    pub route: Arc<str>,
    /// `allow`, `refuse`, or `fail` when the upstream failed.
    pub outcome: &'static str,
    /// The refusal's code; `ok` when it was allowed.
    pub code: &'static str,
}

/// The labels of `portcullis_responses_cut_off_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CutOffLabels {
    /// The route's name.
    pub route: Arc<str>,
    /// The code of a refusal for the same reason.
    pub code: &'static str,
}

/// The outcomes of a reload.
const RELOADS: [&str; 3] = ["applied", "unchanged", "refused"];

impl Metrics {
    /// Puts every metric into `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "requests",
            "Requests by route and outcome",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "From the head of a request to the head of its response",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        registry.register_with_unit(
            "upstream_duration",
            "What the upstream took of it",
            Unit::Seconds,
            self.upstream_duration.clone(),
        );
        registry.register(
            "connections",
            "Connections of clients, now",
            self.connections.clone(),
        );
        registry.register(
            "connections_closed",
            "Connections of clients that ended, by reason",
            self.connections_closed.family.clone(),
        );
        registry.register(
            "panics",
            "Defects of the gateway that ended a request or a task",
            self.panics.clone(),
        );
        self.memory.register(registry);
        registry.register(
            "tunnels",
            "Connections of clients that have switched to another protocol, now",
            self.tunnels.clone(),
        );
        registry.register(
            "responses_cut_off",
            "Responses that broke off after their head by route and reason",
            self.responses_cut_off.clone(),
        );
        registry.register(
            "token_cache_hits",
            "Tokens whose signature was known to be good",
            self.token_cache_hits.clone(),
        );
        registry.register(
            "token_cache_misses",
            "Tokens whose signature had to be checked",
            self.token_cache_misses.clone(),
        );
        registry.register(
            "sessions",
            "Sessions by what became of them",
            self.sessions.clone(),
        );
        registry.register(
            "authorizer_answers",
            "Answers to other proxies that asked, by how they did and what they were told",
            self.authorizers.clone(),
        );
        registry.register(
            "store_failures",
            "Requests that the store gave no answer for, by what was asked and what became of them",
            self.store_failures.clone(),
        );
        registry.register(
            "tls_handshakes",
            "TLS handshakes with clients by outcome and version",
            self.tls_handshakes.clone(),
        );
        self.token_service.register(registry);
        self.access_log.register(registry);
        self.spans.register(registry);
        for outcome in RELOADS {
            // From the start, so that the first refusal is a rise.
            drop(self.config_reloads.get_or_create(&ReloadLabels { outcome }));
        }
        registry.register(
            "config_reloads",
            "Reloads of the configuration by outcome",
            self.config_reloads.clone(),
        );
    }
}
