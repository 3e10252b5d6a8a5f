//! What `/metrics` says of credentials for upstreams. The labels are the configuration's.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::whole;
use crate::{clock::UnixTime, outbound::Credentials};

/// Writes all of them: those of credentials that are fetched.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    credentials: &Credentials,
    now: UnixTime,
) -> fmt::Result {
    let is_fetched = || {
        let all = credentials.iter();
        all.filter(|one| one.settings().kind.endpoint().is_some())
    };
    let mut fetches = encoder.encode_descriptor(
        "credential_fetches",
        "Fetches of credentials for an upstream, by what came of them",
        None,
        MetricType::Counter,
    )?;
    for credential in is_fetched() {
        for (outcome, count) in credential.counts().by_outcome() {
            let labels = [("upstream", &**credential.upstream()), ("outcome", outcome)];
            ConstCounter::new(count).encode(fetches.encode_family(&labels)?)?;
        }
    }
    let mut ages = encoder.encode_descriptor(
        "credential_age_seconds",
        "Since a credential for an upstream was last fetched",
        None,
        MetricType::Gauge,
    )?;
    for credential in is_fetched() {
        if let Some(at) = credential.counts().last_success() {
            let labels = [("upstream", &**credential.upstream())];
            let age = now.since(at).max(0).unsigned_abs();
            ConstGauge::new(whole(age)).encode(ages.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
