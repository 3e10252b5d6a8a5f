//! What the process does on a signal.

use std::{
    io,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::supervisor::Supervisor;
use crate::{
    gateway::Gateway,
    reload::{Cause, Reloads},
    server::Course,
};

/// Obeys signals on a thread of its own: SIGTERM and SIGINT drain, a second one ends at once; SIGHUP
/// reloads if there is something to reload, SIGUSR1 opens the access log again. When this returns, signals are obeyed.
///
/// # Errors
/// The system's.
pub(super) fn obey(
    ending: Ending,
    reloads: Option<Reloads>,
    gateway: Arc<Gateway>,
) -> io::Result<()> {
    let (ready, begun) = mpsc::channel();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || follow(&ending, reloads.as_ref(), gateway, &ready))?;
    begun
        .recv()
        .unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
}

/// How the process ends.
pub(super) struct Ending {
    pub(super) course: watch::Sender<Course>,
    /// From the first signal until no new connection is accepted.
    pub(super) delay: Duration,
    pub(super) supervisor: Supervisor,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
    /// For the access log.
    user: Signal,
    gateway: Arc<Gateway>,
}

fn follow(
    ending: &Ending,
    reloads: Option<&Reloads>,
    gateway: Arc<Gateway>,
    ready: &mpsc::Sender<io::Result<()>>,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let begun = runtime.and_then(|runtime| {
        let entered = runtime.enter();
        let signals = Signals::new(reloads.is_some(), gateway)?;
        drop(entered);
        Ok((runtime, signals))
    });
    match begun {
        Ok((runtime, mut signals)) => {
            let _ = ready.send(Ok(()));
            runtime.block_on(signals.follow(ending, reloads));
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}

impl Signals {
    /// Without something to reload, SIGHUP ends the process as it always did.
    fn new(reloads: bool, gateway: Arc<Gateway>) -> io::Result<Self> {
        let hangup = reloads.then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup,
            user: signal(SignalKind::user_defined1())?,
            gateway,
        })
    }

    async fn follow(&mut self, ending: &Ending, reloads: Option<&Reloads>) {
        self.end(reloads).await;
        ending.supervisor.stops();
        if !ending.delay.is_zero() {
            let delay = ending.delay;
            ending.course.send_replace(Course::Leave);
            tracing::info!(?delay, "not ready any more; another signal ends at once");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.end(reloads) => return stop(ending),
            }
        }
        tracing::info!("draining: no new connections; another signal ends at once");
        ending.course.send_replace(Course::Drain);
        self.end(reloads).await;
        stop(ending);
    }

    /// Returns at the next signal to end.
    async fn end(&mut self, reloads: Option<&Reloads>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.user.recv() => {
                    if let Some(log) = self.gateway.access_log() {
                        log.reopen();
                    }
                    continue;
                }
                () = hung_up(self.hangup.as_mut()) => {}
            }
            if let Some(Err(error)) = reloads.map(|reloads| reloads.order(Cause::Signal)) {
                tracing::warn!(%error, "SIGHUP: no reload");
            }
        }
    }
}

fn stop(ending: &Ending) {
    tracing::info!("ending at once");
    ending.course.send_replace(Course::Stop);
}

async fn hung_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
