//! What `/metrics` says of upstreams: read from them at each scrape. The labels are the configuration's.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::whole;
use crate::{
    clock::Clock,
    forward::{
        Upstream,
        balance::{Outcome, State},
    },
};

/// Writes all of them.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    upstreams: &[Upstream],
    clock: &Clock,
) -> fmt::Result {
    requests(encoder, upstreams)?;
    addresses(encoder, upstreams, clock)?;
    let mut ejections = encoder.encode_descriptor(
        "upstream_ejections",
        "How often an address was left alone because it failed",
        None,
        MetricType::Counter,
    )?;
    for upstream in upstreams {
        for server in upstream.group.servers() {
            let labels = [("upstream", &*upstream.name), ("endpoint", &*server.label)];
            let count = ConstCounter::new(server.ejections());
            count.encode(ejections.encode_family(&labels)?)?;
        }
    }
    let mut retries = encoder.encode_descriptor(
        "upstream_retries",
        "Requests that were tried once more, and those that were not because too many were",
        None,
        MetricType::Counter,
    )?;
    for upstream in upstreams {
        let own = upstream.group.retries();
        for (outcome, count) in [("tried", own.begun()), ("denied", own.denied())] {
            let labels = [("upstream", &*upstream.name), ("outcome", outcome)];
            ConstCounter::new(count).encode(retries.encode_family(&labels)?)?;
        }
    }
    let mut waiting = encoder.encode_descriptor(
        "upstream_waiting",
        "Requests that wait for their turn, now",
        None,
        MetricType::Gauge,
    )?;
    for upstream in upstreams {
        let labels = [("upstream", &*upstream.name)];
        let count = ConstGauge::new(whole(upstream.group.waiting()));
        count.encode(waiting.encode_family(&labels)?)?;
    }
    Ok(())
}

fn requests(encoder: &mut DescriptorEncoder<'_>, upstreams: &[Upstream]) -> fmt::Result {
    let mut requests = encoder.encode_descriptor(
        "upstream_requests",
        "Attempts to send a request, by what came of them",
        None,
        MetricType::Counter,
    )?;
    for upstream in upstreams {
        for server in upstream.group.servers() {
            let counts = server.counts().outcomes;
            for (outcome, count) in Outcome::ALL.into_iter().zip(counts) {
                let labels = [
                    ("upstream", &*upstream.name),
                    ("endpoint", &*server.label),
                    ("outcome", outcome.name()),
                ];
                ConstCounter::new(count).encode(requests.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn addresses(
    encoder: &mut DescriptorEncoder<'_>,
    upstreams: &[Upstream],
    clock: &Clock,
) -> fmt::Result {
    let mut healthy = encoder.encode_descriptor(
        "upstream_healthy",
        "Addresses that get requests, now",
        None,
        MetricType::Gauge,
    )?;
    for upstream in upstreams {
        let endpoints = upstream.group.endpoints();
        for server in upstream.group.servers() {
            let up = endpoints.iter().filter(|endpoint| {
                std::sync::Arc::ptr_eq(&endpoint.server, server)
                    && endpoint.state(clock) == State::Healthy
            });
            let labels = [("upstream", &*upstream.name), ("endpoint", &*server.label)];
            let count = ConstGauge::new(whole(up.count()));
            count.encode(healthy.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
