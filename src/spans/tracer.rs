//! Which requests are recorded, and where they wait until they are sent.

use std::{fmt, sync::Arc};

use tokio::sync::mpsc;

use super::{Asked, Context, Export, Finished, Record, budget::Budget};
use crate::{clock::Clock, telemetry::Metrics};

/// Records requests. Shared by all workers.
pub struct Tracer {
    queue: mpsc::Sender<Box<Finished>>,
    sample: u64,
    budget: Budget,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}

impl Tracer {
    /// A tracer, and what it hands over.
    #[must_use]
    pub fn new(
        export: &Export,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> (Self, mpsc::Receiver<Box<Finished>>) {
        let (queue, taken) = mpsc::channel(export.queue.max(1));
        let tracer = Self {
            queue,
            sample: export.sample,
            budget: Budget::new(export.per_second),
            clock,
            metrics,
        };
        (tracer, taken)
    }

    /// The record of a request, if it gets one: whoever asks decides for its trace, and a trace that begins
    /// here is recorded as often as is configured. Neither more often than there is room for in a second.
    /// A `stranger` is no trusted proxy.
    pub fn begin(
        self: &Arc<Self>,
        arrived: Option<Context>,
        stranger: bool,
        asked: impl FnOnce() -> Asked,
    ) -> Option<Box<Record>> {
        let wanted = match arrived {
            Some(arrived) => arrived.is_sampled(),
            None => u64::from(fastrand::u32(..)) < self.sample,
        };
        if !wanted {
            return None;
        }
        let now = self.clock.since_epoch();
        let stranger = stranger && arrived.is_some();
        if !self.budget.spend(now.as_secs(), stranger) {
            self.metrics.spans.over_limit.inc();
            return None;
        }
        let own = arrived.map_or_else(|| Context::new(true), |arrived| arrived.sibling());
        let parent = arrived.map(|arrived| arrived.span());
        let record = Record::new(Arc::clone(self), own, parent, now, asked());
        Some(Box::new(record))
    }

    /// Keeps what is to be sent, if there is room; else it is lost, and counted.
    pub(super) fn take(&self, finished: Box<Finished>) {
        if let Err(error) = self.queue.try_send(finished) {
            let lost = error.into_inner().spans();
            self.metrics.spans.dropped.inc_by(lost);
        }
    }
}
