//! When certificates end: the gateway's own, and those that issuers' keys come with.

use std::{collections::BTreeMap, fmt, iter};

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

use super::key_sets::KeySet;
use crate::tls::Incoming;

/// The names of one certificate that have a series each: one may have hundreds.
const NAMES: usize = 10;

/// In Unix time, so that nobody has to know when it was asked.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    tls: Option<&Incoming>,
    sets: &[KeySet<'_>],
) -> fmt::Result {
    let mut certificates = encoder.encode_descriptor(
        "certificate_expiry_seconds",
        "When the gateway's certificate for a name ends, in Unix time",
        None,
        MetricType::Gauge,
    )?;
    // Of two certificates for one name, the one that ends first.
    let mut ends = BTreeMap::new();
    for certificate in tls.into_iter().flat_map(Incoming::certificates) {
        let names = certificate.dns_names.iter().map(|name| &**name);
        let nameless = iter::once("-").filter(|_| certificate.dns_names.is_empty());
        for name in names.take(NAMES).chain(nameless) {
            let end = ends.entry(name).or_insert(certificate.not_after);
            *end = (*end).min(certificate.not_after);
        }
    }
    for (name, end) in ends {
        let labels = [("name", name)];
        ConstGauge::new(end).encode(certificates.encode_family(&labels)?)?;
    }
    let mut keys = encoder.encode_descriptor(
        "key_expiry_seconds",
        "When the first certificate of an issuer's usable keys ends, in Unix time",
        None,
        MetricType::Gauge,
    )?;
    for set in sets {
        if let Some(end) = set.expiry {
            let labels = [("issuer", set.issuer)];
            ConstGauge::new(end).encode(keys.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
