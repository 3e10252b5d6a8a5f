//! A program without an export of spans: the configuration cannot ask for one.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::{Export, Finished};
use crate::{call::ClientError, telemetry::Metrics};

/// An exporter that takes everything, and sends nothing.
pub struct Exporter(mpsc::Receiver<Box<Finished>>);

impl Exporter {
    /// The one that there is.
    ///
    /// # Errors
    /// None.
    pub fn new(
        _export: &Export,
        queue: mpsc::Receiver<Box<Finished>>,
        _metrics: Arc<Metrics>,
    ) -> Result<Self, ClientError> {
        Ok(Self(queue))
    }

    /// Waits for the end.
    pub async fn run(self, mut ended: watch::Receiver<bool>) {
        let _ = ended.wait_for(|ended| *ended).await;
        drop(self.0);
    }
}
