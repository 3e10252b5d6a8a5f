//! What `/status` says of an upstream.

use serde::Serialize;

use crate::{
    clock::Clock,
    forward::{
        Upstream,
        balance::{Endpoint, State},
    },
};

/// One upstream.
#[derive(Serialize)]
pub(super) struct UpstreamStatus<'s> {
    upstream: &'s str,
    /// Requests that wait for their turn.
    waiting: usize,
    retries: u64,
    /// Retries that there were not, because there were too many.
    retries_denied: u64,
    servers: Vec<ServerStatus<'s>>,
}

/// One URL of it.
#[derive(Serialize)]
struct ServerStatus<'s> {
    url: &'s str,
    requests_under_way: u64,
    ejections: u64,
    /// Why its name could not be looked up the last time.
    lookup_error: Option<String>,
    addresses: Vec<AddressStatus>,
}

/// One address of it.
#[derive(Serialize)]
struct AddressStatus {
    address: String,
    state: &'static str,
    ejected_until: Option<String>,
    requests_under_way: usize,
    last_error: Option<String>,
    last_error_at: Option<String>,
}

impl<'s> UpstreamStatus<'s> {
    pub(super) fn of(upstream: &'s Upstream, clock: &Clock) -> Self {
        let group = &upstream.group;
        let endpoints = group.endpoints();
        let servers = group.servers().iter().map(|server| {
            let counts = server.counts();
            let own = endpoints
                .iter()
                .filter(|endpoint| std::sync::Arc::ptr_eq(&endpoint.server, server));
            let only = group.only().map(|_| counts.under_way);
            ServerStatus {
                url: &server.label,
                requests_under_way: counts.under_way,
                ejections: server.ejections(),
                lookup_error: server.lookup_error().map(|error| (*error).to_owned()),
                addresses: own
                    .map(|endpoint| AddressStatus::of(endpoint, only, clock))
                    .collect(),
            }
        });
        Self {
            upstream: &upstream.name,
            waiting: group.waiting(),
            retries: group.retries().begun(),
            retries_denied: group.retries().denied(),
            servers: servers.collect(),
        }
    }
}

impl AddressStatus {
    /// `only` is how many requests are under way at the only address, where they are not counted by address.
    fn of(endpoint: &Endpoint, only: Option<u64>, clock: &Clock) -> Self {
        let (state, until) = match endpoint.state(clock) {
            State::Healthy => ("healthy", None),
            State::Unhealthy => ("unhealthy", None),
            State::Ejected(until) => ("ejected", Some(until)),
        };
        let last = endpoint.last_fault();
        Self {
            address: endpoint.place.to_string(),
            state,
            ejected_until: until.map(|until| until.to_string()),
            requests_under_way: only.map_or_else(
                || endpoint.load(),
                |only| usize::try_from(only).unwrap_or(usize::MAX),
            ),
            last_error: last.as_ref().map(|last| (*last.error).to_owned()),
            last_error_at: last.map(|last| last.at.to_string()),
        }
    }
}
