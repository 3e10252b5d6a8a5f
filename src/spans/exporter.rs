//! Sends recorded requests to a collector, many together, on the background thread. It never keeps a request
//! waiting: what does not get through in time is lost, and counted.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Export, Finished,
    encode::encode,
    send::{Collector, SendError},
};
use crate::{call::ClientError, telemetry::Metrics};

/// How often one batch is sent at most.
const ATTEMPTS: u32 = 6;
/// How long the second attempt waits; each next one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long the end of the program waits for what is still to be sent.
const LAST: Duration = Duration::from_secs(3);

/// Sends what a [`Tracer`](super::Tracer) has recorded.
pub struct Exporter {
    collector: Collector,
    queue: mpsc::Receiver<Box<Finished>>,
    metrics: Arc<Metrics>,
    service_name: Box<str>,
    size: usize,
    interval: Duration,
    /// Whether the last batch did not get through, so that the log says so once.
    failing: bool,
}

impl Exporter {
    /// One that sends what comes out of `queue`.
    ///
    /// # Errors
    /// [`ClientError`] when the collector cannot be called.
    pub fn new(
        export: &Export,
        queue: mpsc::Receiver<Box<Finished>>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            collector: Collector::new(export)?,
            queue,
            metrics,
            service_name: export.service_name.clone(),
            size: export.batch.max(1),
            interval: export.interval,
            failing: false,
        })
    }

    /// Sends until `ended`, and then what is left, within a bound.
    pub async fn run(mut self, mut ended: watch::Receiver<bool>) {
        let mut batch = Vec::new();
        loop {
            let over = async {
                let _ = ended.wait_for(|ended| *ended).await;
            };
            tokio::select! {
                biased;
                () = over => break,
                more = self.gather(&mut batch) => if !more { break },
            }
            self.deliver(&mut batch, &mut ended).await;
        }
        let mut left = batch;
        while let Ok(finished) = self.queue.try_recv() {
            left.push(*finished);
        }
        self.flush(left).await;
    }

    /// Fills `batch`; false when there will be no more.
    async fn gather(&mut self, batch: &mut Vec<Finished>) -> bool {
        match self.queue.recv().await {
            Some(first) => batch.push(*first),
            None => return false,
        }
        let end = Instant::now() + self.interval;
        while batch.len() < self.size {
            tokio::select! {
                biased;
                more = self.queue.recv() => match more {
                    Some(more) => batch.push(*more),
                    None => break,
                },
                () = sleep_until(end) => break,
            }
        }
        true
    }

    /// Sends `batch`, again if that may help, and empties it. At the end of the program it is sent once more
    /// at most.
    async fn deliver(&mut self, batch: &mut Vec<Finished>, ended: &mut watch::Receiver<bool>) {
        let (body, count) = self.pack(batch);
        let mut pause = FIRST_PAUSE;
        let mut left = ATTEMPTS;
        loop {
            left = left.saturating_sub(1);
            let error = match self.collector.send(body.clone()).await {
                Ok(rejected) => return self.delivered(count, rejected),
                Err(error) => error,
            };
            match error {
                SendError::Later { after, .. } if left > 0 => {
                    tokio::select! {
                        biased;
                        _ = ended.wait_for(|ended| *ended) => left = left.min(1),
                        () = sleep(after.unwrap_or(pause)) => pause *= 2,
                    }
                    if left == 1 && *ended.borrow() {
                        let last = timeout(LAST, self.collector.send(body)).await;
                        return match last {
                            Ok(Ok(rejected)) => self.delivered(count, rejected),
                            Ok(Err(error)) => self.lost(count, &error.to_string()),
                            Err(_) => self.lost(count, "the program ends"),
                        };
                    }
                }
                error => return self.lost(count, &error.to_string()),
            }
        }
    }

    /// Sends what is left at the end, each batch once.
    async fn flush(&mut self, mut left: Vec<Finished>) {
        let end = Instant::now() + LAST;
        while !left.is_empty() {
            let mut batch = left.split_off(left.len().saturating_sub(self.size));
            let (body, count) = self.pack(&mut batch);
            let sent = tokio::time::timeout_at(end, self.collector.send(body)).await;
            match sent {
                Ok(Ok(rejected)) => self.delivered(count, rejected),
                Ok(Err(error)) => self.lost(count, &error.to_string()),
                Err(_) => self.lost(count, "the program ends"),
            }
        }
    }

    fn pack(&self, batch: &mut Vec<Finished>) -> (Bytes, u64) {
        let count = batch.iter().map(Finished::spans).sum();
        let body = encode(batch, &self.service_name);
        batch.clear();
        (body.into(), count)
    }

    fn delivered(&mut self, count: u64, rejected: u64) {
        let rejected = rejected.min(count);
        self.metrics.spans.exported.inc_by(count - rejected);
        self.metrics.spans.failed.inc_by(rejected);
        if std::mem::take(&mut self.failing) {
            tracing::info!("the collector takes spans again");
        }
    }

    fn lost(&mut self, count: u64, cause: &str) {
        self.metrics.spans.failed.inc_by(count);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(cause, spans = count, "the collector took no spans");
        }
    }
}
