//! What the access log counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// The metrics of the access log.
#[derive(Clone, Debug)]
pub struct AccessLogMetrics {
    /// `portcullis_access_log_lines_total`.
    pub lines: Counter,
    /// `portcullis_access_log_dropped_total{reason="queue_full"}`.
    pub queue_full: Counter,
    /// `portcullis_access_log_dropped_total{reason="write_failed"}`.
    pub write_failed: Counter,
    dropped: Family<DroppedLabels, Counter>,
}

/// The labels of `portcullis_access_log_dropped_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DroppedLabels {
    /// `queue_full` or `write_failed`.
    pub reason: &'static str,
}

impl Default for AccessLogMetrics {
    fn default() -> Self {
        let dropped = Family::<DroppedLabels, Counter>::default();
        // From the start, so that the first lost line is a rise.
        let of = |reason| dropped.get_or_create_owned(&DroppedLabels { reason });
        Self {
            lines: Counter::default(),
            queue_full: of("queue_full"),
            write_failed: of("write_failed"),
            dropped,
        }
    }
}

impl AccessLogMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "access_log_lines",
            "Lines that the access log has written",
            self.lines.clone(),
        );
        registry.register(
            "access_log_dropped",
            "Lines that the access log has lost by reason",
            self.dropped.clone(),
        );
    }
}
