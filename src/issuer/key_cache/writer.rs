//! The thread that writes kept keys: a disk that hangs stops nothing else.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use serde_json::value::RawValue;

use super::{KeyCache, KeyCacheError, Record};
use crate::{clock::UnixTime, issuer::Issuer};

/// How many key sets may wait for the disk.
const MAX_WAITING: usize = 64;

/// How long the end of the program waits for what is not written yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// A key set that is to be kept.
pub(in crate::issuer) struct Job {
    pub(in crate::issuer) issuer: Arc<Issuer>,
    /// The configured URL.
    pub(in crate::issuer) source: String,
    pub(in crate::issuer) read_at: UnixTime,
    /// The JWKS document.
    pub(in crate::issuer) document: Vec<u8>,
}

/// Writes on a thread of its own, in the order in which it is told to. Dropping it waits for that,
/// within bounds.
#[derive(Debug)]
pub(in crate::issuer) struct Writer {
    jobs: Option<SyncSender<Job>>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Writer {
    /// One that writes to `cache`.
    ///
    /// # Errors
    /// The system's, when there can be no thread.
    pub(in crate::issuer) fn start(cache: KeyCache) -> io::Result<Self> {
        let (jobs, work) = mpsc::sync_channel::<Job>(MAX_WAITING);
        let (alive, ended) = mpsc::channel();
        thread::Builder::new()
            .name("key-cache".to_owned())
            .spawn(move || {
                let _alive: mpsc::Sender<()> = alive;
                for job in work {
                    job.done(job.write(&cache));
                }
            })?;
        Ok(Self {
            jobs: Some(jobs),
            ended,
        })
    }

    /// Hands a job over; false if too many are waiting.
    pub(in crate::issuer) fn write(&self, job: Job) -> bool {
        self.jobs
            .as_ref()
            .is_some_and(|jobs| jobs.try_send(job).is_ok())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

impl Job {
    /// Notes the result, and logs what is new: a disk that stays full is one line, not one a write.
    fn done(&self, result: Result<(), KeyCacheError>) {
        let (issuer, keys) = (&*self.issuer.name, &self.issuer.keys);
        if let Err(error) = &result
            && keys.status().cache_error.is_none()
        {
            tracing::warn!(issuer, %error, "keys not kept");
        }
        keys.note_kept(result);
    }

    fn write(&self, cache: &KeyCache) -> Result<(), KeyCacheError> {
        let jwks: &RawValue =
            serde_json::from_slice(&self.document).map_err(|_| KeyCacheError::Damaged)?;
        cache.write(&Record {
            issuer: self.issuer.name.to_string(),
            source: self.source.clone(),
            read_at: self.read_at.0,
            jwks,
        })
    }
}
