//! `/metrics`: every metric in the Prometheus text format.

use std::{fmt, sync::Arc};

use http::{HeaderMap, StatusCode};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::{Answer, answer, status::Counts};
use crate::{
    clock::UnixTime,
    gateway::{Gateway, proof::Size},
    reload::Reloads,
};

mod credentials;
mod expiry;
mod introspection;
mod key_sets;
mod plain;
mod process;
mod store;
mod upstreams;

/// The metrics of a gateway, ready to be asked for.
pub(super) struct Exposition(Registry);

/// What is read at each scrape.
struct Scraped {
    gateway: Arc<Gateway>,
    reloads: Option<Reloads>,
    started: UnixTime,
}

impl Exposition {
    pub(super) fn new(gateway: &Arc<Gateway>, reloads: Option<&Reloads>) -> Self {
        let mut registry = Registry::with_prefix("portcullis");
        gateway.metrics().register(&mut registry);
        registry.register_collector(Box::new(Scraped {
            gateway: Arc::clone(gateway),
            reloads: reloads.cloned(),
            started: gateway.now(),
        }));
        Self(registry)
    }

    /// In the form that the request of these fields asks for.
    pub(super) fn answer(&self, fields: &HeaderMap) -> Answer {
        let mut body = String::new();
        if text::encode(&mut body, &self.0).is_err() {
            return super::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics cannot be written\n",
            );
        }
        let (kind, body) = match plain::wants_open_metrics(fields) {
            true => (plain::OPEN_METRICS, body),
            false => (plain::PLAIN, plain::of_open_metrics(&body)),
        };
        answer(StatusCode::OK, kind, body.into())
    }
}

impl fmt::Debug for Scraped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scraped")
    }
}

impl Collector for Scraped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gateway = &self.gateway;
        let (snapshot, now) = (gateway.snapshot(), gateway.now());
        let last = self.reloads.as_ref().and_then(Reloads::last);
        process::encode(
            &mut encoder,
            self.started,
            snapshot.generation,
            last.as_ref(),
        )?;
        token_cache(&mut encoder, gateway.token_cache())?;
        match gateway.remote_store() {
            Some(remote) => store::encode_remote(&mut encoder, &remote)?,
            None => store::encode(&mut encoder, gateway.store_size().unwrap_or_default())?,
        }
        let buckets = encoder.encode_descriptor(
            "rate_limit_buckets",
            "Buckets of rate limits in memory",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(whole(gateway.buckets() as u64)).encode(buckets)?;
        upstreams::encode(&mut encoder, &snapshot.policy.upstreams, gateway.clock())?;
        introspection::encode(&mut encoder, &snapshot.policy.registry)?;
        credentials::encode(&mut encoder, &snapshot.policy.credentials, now)?;
        let counts = Counts::of(&snapshot.policy.registry);
        gauge(
            &mut encoder,
            "issuers",
            "Issuers by state",
            "state",
            [
                ("ready", counts.ready),
                ("without_keys", counts.without_keys),
                ("inactive", counts.inactive),
            ],
        )?;
        let sets = key_sets::all(&snapshot.policy.registry, now);
        expiry::encode(&mut encoder, snapshot.policy.tls.as_deref(), &sets)?;
        let mut fetches = encoder.encode_descriptor(
            "key_set_fetches",
            "Reads of key sets by issuer and outcome",
            None,
            MetricType::Counter,
        )?;
        for set in sets.iter().filter(|set| set.is_read) {
            for (outcome, count) in [("success", set.successes), ("failure", set.failures)] {
                let labels = [("issuer", set.issuer), ("outcome", outcome)];
                ConstCounter::new(count).encode(fetches.encode_family(&labels)?)?;
            }
        }
        let mut ages = encoder.encode_descriptor(
            "key_set_age_seconds",
            "Since the keys of an issuer were last read",
            None,
            MetricType::Gauge,
        )?;
        for set in sets.iter().filter(|set| set.is_read) {
            if let Some(age) = set.age {
                let labels = [("issuer", set.issuer)];
                ConstGauge::new(age).encode(ages.encode_family(&labels)?)?;
            }
        }
        let mut keys = encoder.encode_descriptor(
            "keys",
            "Keys of an issuer by state",
            None,
            MetricType::Gauge,
        )?;
        for set in &sets {
            let states = [
                ("usable", set.usable),
                ("out_of_time", set.out_of_time),
                ("skipped", set.skipped),
            ];
            for (state, count) in states {
                let labels = [("issuer", set.issuer), ("state", state)];
                ConstGauge::new(whole(count)).encode(keys.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn token_cache(encoder: &mut DescriptorEncoder<'_>, size: Size) -> fmt::Result {
    for (name, help, value) in [
        (
            "token_cache_tokens",
            "Tokens in the cache",
            size.tokens as u64,
        ),
        ("token_cache_bytes", "What they take, roughly", size.bytes),
        (
            "token_cache_capacity_bytes",
            "What they may take",
            size.capacity,
        ),
    ] {
        let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(whole(value)).encode(gauge)?;
    }
    Ok(())
}

fn gauge<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: [(&str, usize); N],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (value, count) in values {
        ConstGauge::new(whole(count)).encode(family.encode_family(&[(label, value)])?)?;
    }
    Ok(())
}

fn whole(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
