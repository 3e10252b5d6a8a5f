//! The background work that keeps every issuer's keys fresh.

use super::*;

/// Keeps the keys of a registry fresh, on the runtime that runs it.
pub struct Refresher {}

impl Refresher {
    /// A refresher for every active issuer of `registry`.
    #[must_use]
    pub fn new(_registry: &Registry, _clock: Clock) -> Self {
        Self {}
    }

    /// Runs until it is dropped.
    pub async fn run(self) {
        todo!()
    }
}
