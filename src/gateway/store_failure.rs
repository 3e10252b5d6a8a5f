//! When the store cannot say what it is asked: the request is refused, or goes on where the configuration wants that.

use super::Gateway;
use crate::{
    store::{OnFailure, StoreError, Use},
    telemetry::metrics::StoreFailureLabels,
};

impl Gateway {
    /// The same gateway with another rule for what becomes of requests when the store cannot say.
    #[must_use]
    pub fn with_store_failures(self, on_store_failure: OnFailure) -> Self {
        Self {
            on_store_failure,
            ..self
        }
    }

    /// Decides, counts and logs what becomes of a request that `error` leaves without an answer for `what`.
    ///
    /// # Errors
    /// The same error, when the request is to be refused.
    pub(super) fn despite(&self, what: Use, error: StoreError) -> Result<(), StoreError> {
        let is_allowed = self.on_store_failure.allows(what);
        self.count_store_failure(what, is_allowed);
        if !is_allowed {
            // The refusal has a line of its own.
            return Err(error);
        }
        tracing::warn!(
            r#use = what.name(),
            %error,
            "allowed without an answer of the store"
        );
        Ok(())
    }

    /// Counts a request that the store gave no answer for.
    pub(super) fn count_store_failure(&self, what: Use, is_allowed: bool) {
        let labels = StoreFailureLabels {
            r#use: what.name(),
            decision: if is_allowed { "allow" } else { "refuse" },
        };
        self.metrics.store_failures.get_or_create(&labels).inc();
    }
}
