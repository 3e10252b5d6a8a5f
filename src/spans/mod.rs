//! Traces: who continues whose (W3C Trace Context), and the spans of the requests that are recorded.
//!
//! A request that nobody records goes on with the `traceparent` that it came with, so that its trace has no
//! hole; one that came with none begins a trace. A request that is recorded has a span of its own and one for
//! its upstream, and the upstream is told the second. What is recorded waits in a bounded queue, never on a
//! request's time; an [`Exporter`] sends it to a collector.

use std::sync::Arc;

use crate::{call::ClientError, clock::Clock, telemetry::Metrics};

mod budget;
pub mod context;
#[cfg(feature = "otlp")]
mod encode;
#[cfg(feature = "otlp")]
mod exporter;
#[cfg(feature = "otlp")]
mod messages;
pub mod record;
#[cfg(feature = "otlp")]
mod send;
pub mod settings;
pub mod state;
mod tracer;
mod wait;
#[cfg(not(feature = "otlp"))]
mod without;

pub use context::Context;
#[cfg(feature = "otlp")]
pub use exporter::Exporter;
pub use record::{Asked, Ended, Finished, Matched, Record};
pub use settings::{Export, Settings, Trust};
pub use tracer::Tracer;
pub use wait::{Wait, waiting};
#[cfg(not(feature = "otlp"))]
pub use without::Exporter;

/// What a gateway makes of traces.
#[derive(Clone, Default)]
pub struct Tracing {
    /// Whose `traceparent` is continued.
    pub trust: Trust,
    /// Who records requests; `None`: nobody does.
    pub tracer: Option<Arc<Tracer>>,
}

/// What is known of one request's trace.
#[derive(Default)]
pub struct Traced {
    /// What it came with, if that counts.
    pub arrived: Option<Context>,
    /// Its spans, where it is recorded.
    pub record: Option<Box<Record>>,
}

impl Tracing {
    /// What `settings` ask for, and who sends what is recorded.
    ///
    /// # Errors
    /// [`ClientError`] when the collector cannot be called.
    pub fn open(
        settings: &Settings,
        clock: &Clock,
        metrics: &Arc<Metrics>,
    ) -> Result<(Self, Option<Exporter>), ClientError> {
        let trust = settings.trust;
        let Some(export) = &settings.export else {
            let tracer = None;
            return Ok((Self { trust, tracer }, None));
        };
        let (tracer, queue) = Tracer::new(export, clock.clone(), Arc::clone(metrics));
        let exporter = Exporter::new(export, queue, Arc::clone(metrics))?;
        let tracer = Some(Arc::new(tracer));
        Ok((Self { trust, tracer }, Some(exporter)))
    }
}

impl Traced {
    /// What the upstream is told: our own span where there is one, else what came, else a trace that begins
    /// there and that nobody has decided to record.
    #[must_use]
    pub fn outgoing(&self) -> Context {
        match (&self.record, self.arrived) {
            (Some(record), _) => record.outgoing(),
            (None, Some(arrived)) => arrived,
            (None, None) => Context::new(false),
        }
    }

    /// The trace, where somebody may know of it.
    #[must_use]
    pub fn context(&self) -> Option<Context> {
        match &self.record {
            Some(record) => Some(record.outgoing()),
            None => self.arrived,
        }
    }
}
