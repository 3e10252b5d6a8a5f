//! What came of asking issuers about tokens.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

use super::key_sets::OTHERS;
use crate::{
    admin::status::listing,
    issuer::{Issuer, Registry},
};

/// Of the first thousand by name, and of the rest together.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, registry: &Registry) -> fmt::Result {
    let mut calls = encoder.encode_descriptor(
        "introspection_calls",
        "Calls of introspection endpoints by issuer and outcome",
        None,
        MetricType::Counter,
    )?;
    let asked = registry.iter().map(AsRef::as_ref);
    let asked: Vec<&Issuer> = asked.filter(|i| i.introspection.is_some()).collect();
    let (own, others) = listing::first(asked, |i| &*i.name);
    let mut write = |issuer: &str, counts: [(&str, u64); 3]| {
        counts.into_iter().try_for_each(|(outcome, count)| {
            let labels = [("issuer", issuer), ("outcome", outcome)];
            ConstCounter::new(count).encode(calls.encode_family(&labels)?)
        })
    };
    let counts = |issuer: &Issuer| issuer.introspection.as_ref().map(|i| i.counts());
    for issuer in own {
        if let Some(counts) = counts(issuer) {
            write(&issuer.name, counts)?;
        }
    }
    let sum = others.into_iter().filter_map(counts).reduce(|one, other| {
        let mut both = one;
        for ((_, sum), (_, more)) in both.iter_mut().zip(other) {
            *sum = sum.saturating_add(more);
        }
        both
    });
    sum.map_or(Ok(()), |sum| write(OTHERS, sum))
}
