//! The metrics of what is remembered.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::whole;
use crate::store::{Remote, Size};

/// How full the store is; of one on disk also what it takes and what became of it.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, size: Size) -> fmt::Result {
    let gauges = [
        (
            "store_entries",
            "Used tokens and ended sessions that are remembered",
            size.entries as u64,
        ),
        (
            "store_capacity",
            "How many may be remembered",
            size.capacity as u64,
        ),
        (
            "store_records",
            "Records with a value that are kept beside them",
            size.records as u64,
        ),
    ];
    for (name, help, value) in gauges {
        gauge(encoder, name, help, value)?;
    }
    let Some(disk) = size.disk else {
        return Ok(());
    };
    let gauges = [
        ("store_bytes", "What its file takes on the disk", disk.bytes),
        ("store_capacity_bytes", "What it may take", disk.capacity),
        (
            "store_open",
            "Whether its file can be used: 1 or 0",
            u64::from(disk.is_open),
        ),
    ];
    for (name, help, value) in gauges {
        gauge(encoder, name, help, value)?;
    }
    for (name, help, value) in [
        (
            "store_commits",
            "How often changes were made durable",
            disk.commits,
        ),
        (
            "store_errors",
            "How often its file could not be read or written",
            disk.errors,
        ),
        (
            "store_refused",
            "Changes and questions for which too many waited, or that were not answered in time",
            disk.refused,
        ),
    ] {
        counter(encoder, name, help, value)?;
    }
    Ok(())
}

/// How a store elsewhere is doing, which does not say how full it is.
pub(super) fn encode_remote(encoder: &mut DescriptorEncoder<'_>, remote: &Remote) -> fmt::Result {
    let gauges = [
        (
            "store_open",
            "Whether its server can be asked: 1 or 0",
            remote.is_open,
        ),
        (
            "store_evicts",
            "Whether its server throws keys away when it is full: 1 or 0",
            remote.evicts,
        ),
    ];
    for (name, help, value) in gauges {
        gauge(encoder, name, help, u64::from(value))?;
    }
    for (name, help, value) in [
        ("store_commands", "Commands that were done", remote.commands),
        (
            "store_connects",
            "Connections to its server that proved to be of use",
            remote.connects,
        ),
        (
            "store_errors",
            "Connections that failed, and commands that its server refused",
            remote.errors,
        ),
        (
            "store_refused",
            "Changes and questions for which too many waited, or that were not answered in time",
            remote.refused,
        ),
    ] {
        counter(encoder, name, help, value)?;
    }
    Ok(())
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(counter)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(whole(value)).encode(gauge)
}
