//! The metrics of the process and of its configuration.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

use super::whole;
use crate::{
    clock::UnixTime,
    reload::{Outcome, Reload},
};

/// Which program it is, since when, and what came of its last reload.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    started: UnixTime,
    generation: u64,
    last: Option<&Reload>,
) -> fmt::Result {
    let mut build = encoder.encode_descriptor(
        "build_info",
        "Which version this is; always 1",
        None,
        MetricType::Gauge,
    )?;
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    ConstGauge::new(1_i64).encode(build.encode_family(&labels)?)?;
    let refused = last.is_some_and(|last| matches!(last.outcome, Outcome::Refused(_)));
    for (name, help, value) in [
        (
            "start_time_seconds",
            "When the process began, in Unix time",
            Some(started.0),
        ),
        (
            "config_generation",
            "Which configuration is in force; each that is applied has a higher number",
            Some(whole(generation)),
        ),
        (
            "config_last_reload_successful",
            "Whether the last reload was not refused: 1 or 0; 1 before the first",
            Some(i64::from(!refused)),
        ),
        (
            "config_last_reload_time_seconds",
            "When the last reload ended, in Unix time",
            last.map(|last| last.at.0),
        ),
    ] {
        if let Some(value) = value {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(gauge)?;
        }
    }
    Ok(())
}
