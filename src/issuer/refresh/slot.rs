//! One issuer in the refresher's care.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{Clock, UnixTime},
    issuer::{
        Issuer, KeySource,
        file::Stamp,
        read::{Fresh, Outcome, ReadError},
        schedule,
    },
};

/// One issuer whose keys can change.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) issuer: Arc<Issuer>,
    /// Failures since the last success.
    failures: u32,
    /// What its file looked like when it was last read.
    pub(super) stamp: Option<Stamp>,
}

impl Slot {
    pub(super) fn new(issuer: &Arc<Issuer>) -> Self {
        Self {
            issuer: Arc::clone(issuer),
            failures: 0,
            stamp: None,
        }
    }

    /// Takes over what came of an attempt, and gives the pause until the next.
    pub(super) fn settle(&mut self, outcome: Outcome, clock: &Clock) -> Duration {
        let result = match outcome {
            Outcome::Unchanged => {
                let pause = self.pause();
                self.issuer.keys.land_unchanged(after(clock, pause));
                return pause;
            }
            Outcome::Read(result) => result,
            Outcome::File(stamp, result) => {
                self.stamp = Some(stamp);
                result
            }
        };
        self.count(&result);
        let pause = self.pause();
        self.issuer.keys.land(result, after(clock, pause));
        pause
    }

    /// Counts, and logs what is new: a provider that stays down is one line, not one an attempt.
    fn count(&mut self, result: &Result<Fresh, ReadError>) {
        let issuer = &*self.issuer.name;
        match result {
            Ok(_) if self.failures == 0 => tracing::debug!(issuer, "keys read"),
            Ok(_) => tracing::info!(issuer, "keys read again"),
            Err(error) if self.failures == 0 => tracing::warn!(issuer, %error, "keys not read"),
            Err(error) => tracing::debug!(issuer, %error, "keys not read"),
        }
        self.failures = if result.is_ok() {
            0
        } else {
            self.failures.saturating_add(1)
        };
    }

    fn pause(&self) -> Duration {
        match self.issuer.keys.source() {
            KeySource::Remote(remote) => schedule::pause(remote, self.failures),
            KeySource::File(_) | KeySource::Fixed(_) => schedule::LOOK,
        }
    }
}

/// The time of day after `pause`, for the status.
fn after(clock: &Clock, pause: Duration) -> UnixTime {
    clock
        .now()
        .plus(i64::try_from(pause.as_secs()).unwrap_or(i64::MAX))
}
