//! One issuer in the refresher's care.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{Digest, SHA256, digest};

use crate::{
    clock::{Clock, UnixTime},
    issuer::{
        Issuer, KeyCache, KeySource,
        file::Stamp,
        key_cache::{Job, Writer},
        read::{Fresh, Outcome, ReadError},
        remote::Known,
        schedule,
    },
};

/// After so many seconds the same keys are written again: the file says when they were last read.
const KEEP_AGAIN: i64 = 3600;

/// One issuer whose keys can change.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) issuer: Arc<Issuer>,
    /// Its keys are needed no more; the attempt under way is the last.
    pub(super) is_leaving: bool,
    /// Failures since the last success.
    failures: u32,
    /// What its file looked like when it was last read.
    pub(super) stamp: Option<Stamp>,
    /// What was kept for the next run, by its digest, and when.
    kept: Option<(Digest, UnixTime)>,
    /// What to ask with whether the keys that are held are still those of the issuer.
    known: Known,
    /// How long the server of the keys wants them to be used.
    max_age: Option<Duration>,
}

impl Slot {
    pub(super) fn new(issuer: &Arc<Issuer>) -> Self {
        Self {
            issuer: Arc::clone(issuer),
            is_leaving: false,
            failures: 0,
            stamp: None,
            kept: None,
            known: Known::default(),
            max_age: None,
        }
    }

    /// Takes over what came of an attempt, and gives the pause until the next.
    pub(super) fn settle(
        &mut self,
        outcome: Outcome,
        clock: &Clock,
        writer: Option<&Writer>,
    ) -> Duration {
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
        match &result {
            Ok(fresh) => {
                self.max_age = fresh.max_age;
                self.known = fresh.known.clone();
            }
            // Metadata that led nowhere are read anew, whatever their tag says.
            Err(_) => self.known.led = None,
        }
        if let (Some(writer), Ok(fresh)) = (writer, &result) {
            self.keep(fresh, clock.now(), writer);
        }
        let pause = self.pause();
        self.issuer.keys.land(result, after(clock, pause));
        pause
    }

    /// Takes over the keys that `cache` has of an earlier run.
    pub(super) fn restore(&self, cache: &KeyCache, now: UnixTime) {
        let (issuer, keys) = (&*self.issuer.name, &self.issuer.keys);
        match cache.read(&self.issuer, now) {
            Ok(Some((set, read_at))) => {
                tracing::info!(issuer, %read_at, "keys of an earlier run taken over");
                keys.restore(set, read_at);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(issuer, %error, "keys of an earlier run not used");
                keys.note_kept(Err(error));
            }
        }
    }

    /// What to ask with whether anything changed. Not for keys that are to be written: for that the
    /// document itself is needed.
    pub(super) fn known(&self, keeps: bool, now: UnixTime) -> Known {
        let mut known = self.known.clone();
        if keeps && !self.is_kept(None, now) {
            known.keys = None;
        }
        known
    }

    /// Whether the document of this digest, or any, was written not long ago.
    fn is_kept(&self, digest: Option<&Digest>, now: UnixTime) -> bool {
        let recent = self.kept.as_ref().is_some_and(|(kept, at)| {
            digest.is_none_or(|digest| digest.as_ref() == kept.as_ref())
                && now.since(*at).saturating_abs() < KEEP_AGAIN
        });
        recent && self.issuer.keys.status().cache_error.is_none()
    }

    /// Has the keys written, if they are others than those that are kept, or their time is old.
    fn keep(&mut self, fresh: &Fresh, now: UnixTime, writer: &Writer) {
        let (KeySource::Remote(remote), Some(document)) =
            (self.issuer.keys.source(), &fresh.document)
        else {
            return;
        };
        let digest = digest(&SHA256, document);
        if self.is_kept(Some(&digest), now) {
            return;
        }
        let job = Job {
            issuer: Arc::clone(&self.issuer),
            source: remote.uri.to_string(),
            read_at: now,
            document: document.clone(),
        };
        self.kept = writer.write(job).then_some((digest, now));
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
            KeySource::Remote(remote) => schedule::pause(remote, self.failures, self.max_age),
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
