//! `/metrics`: every metric in the Prometheus text format.

use std::{fmt, sync::Arc};

use http::StatusCode;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::{Answer, answer};
use crate::{
    gateway::Gateway,
    issuer::{Issuer, KeySource},
};

/// The metrics of a gateway, ready to be asked for.
pub(super) struct Exposition(Registry);

/// What is read from the issuers at each scrape.
struct KeySets(Arc<Gateway>);

impl Exposition {
    pub(super) fn new(gateway: &Arc<Gateway>) -> Self {
        let mut registry = Registry::with_prefix("portcullis");
        gateway.metrics().register(&mut registry);
        registry.register_collector(Box::new(KeySets(Arc::clone(gateway))));
        Self(registry)
    }

    pub(super) fn answer(&self) -> Answer {
        let mut body = String::new();
        if text::encode(&mut body, &self.0).is_err() {
            return super::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics cannot be written\n",
            );
        }
        answer(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            body.into(),
        )
    }
}

impl fmt::Debug for KeySets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySets")
    }
}

impl Collector for KeySets {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let snapshot = self.0.snapshot();
        let now = self.0.now();
        // A registry may hold a hundred thousand issuers with fixed keys; those have nothing to tell.
        let moving: Vec<&Arc<Issuer>> = snapshot
            .policy
            .registry
            .iter()
            .filter(|i| i.active && !matches!(i.keys.source(), KeySource::Fixed(_)))
            .collect();
        let mut fetches = encoder.encode_descriptor(
            "key_set_fetches",
            "Reads of key sets by issuer and outcome",
            None,
            MetricType::Counter,
        )?;
        for issuer in &moving {
            let status = issuer.keys.status();
            for (outcome, count) in [("success", status.successes), ("failure", status.failures)] {
                let labels = [("issuer", &*issuer.name), ("outcome", outcome)];
                ConstCounter::new(count).encode(fetches.encode_family(&labels)?)?;
            }
        }
        let mut ages = encoder.encode_descriptor(
            "key_set_age_seconds",
            "Since the keys of an issuer were last read",
            None,
            MetricType::Gauge,
        )?;
        for issuer in &moving {
            if let Some(read_at) = issuer.keys.status().read_at {
                let labels = [("issuer", &*issuer.name)];
                ConstGauge::new(now.since(read_at)).encode(ages.encode_family(&labels)?)?;
            }
        }
        let mut keys = encoder.encode_descriptor(
            "keys",
            "Keys of an issuer by state",
            None,
            MetricType::Gauge,
        )?;
        for issuer in &moving {
            let set = issuer.keys.current();
            let held = set.as_ref().map_or(0, |set| set.keys.len());
            let usable = set.as_ref().map_or(0, |set| set.in_time(now).count());
            let skipped = set.as_ref().map_or(0, |set| set.skipped.len());
            let states = [
                ("usable", usable),
                ("out_of_time", held - usable),
                ("skipped", skipped),
            ];
            for (state, count) in states {
                let labels = [("issuer", &*issuer.name), ("state", state)];
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                ConstGauge::new(count).encode(keys.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
