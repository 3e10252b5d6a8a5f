//! What became of the spans of recorded requests.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Spans, counted.
#[derive(Debug, Default)]
pub struct SpanMetrics {
    /// `portcullis_spans_exported_total`: the collector has taken them.
    pub exported: Counter,
    /// `portcullis_spans_dropped_total`: there was no room for them to wait.
    pub dropped: Counter,
    /// `portcullis_spans_failed_total`: the collector did not take them, or was not there.
    pub failed: Counter,
    /// `portcullis_traces_over_limit_total`: requests that were to be recorded, and were too many.
    pub over_limit: Counter,
}

impl SpanMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            (
                "spans_exported",
                "Spans that the collector has taken",
                &self.exported,
            ),
            (
                "spans_dropped",
                "Spans for which there was no room to wait",
                &self.dropped,
            ),
            (
                "spans_failed",
                "Spans that the collector did not take in time",
                &self.failed,
            ),
            (
                "traces_over_limit",
                "Requests that were to be recorded, and were too many for their second",
                &self.over_limit,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}
