//! What the process does on a signal.

use std::{io, sync::mpsc, thread};

use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::{
    reload::{Cause, Reloads},
    server::Course,
};

/// Obeys signals on a thread of its own: SIGTERM and SIGINT drain, a second one ends at once; SIGHUP
/// reloads if there is something to reload. When this returns, signals are obeyed.
///
/// # Errors
/// The system's.
pub(super) fn obey(course: watch::Sender<Course>, reloads: Option<Reloads>) -> io::Result<()> {
    let (ready, begun) = mpsc::channel();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || follow(course, reloads, &ready))?;
    begun
        .recv()
        .unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

fn follow(
    course: watch::Sender<Course>,
    reloads: Option<Reloads>,
    ready: &mpsc::Sender<io::Result<()>>,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let begun = runtime.and_then(|runtime| {
        let entered = runtime.enter();
        let signals = Signals::new(reloads.is_some())?;
        drop(entered);
        Ok((runtime, signals))
    });
    match begun {
        Ok((runtime, mut signals)) => {
            let _ = ready.send(Ok(()));
            runtime.block_on(signals.follow(&course, reloads.as_ref()));
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}

impl Signals {
    /// Without something to reload, SIGHUP ends the process as it always did.
    fn new(reloads: bool) -> io::Result<Self> {
        let hangup = reloads.then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup,
        })
    }

    async fn follow(&mut self, course: &watch::Sender<Course>, reloads: Option<&Reloads>) {
        for (next, message) in [
            (
                Course::Drain,
                "draining: no new connections; another signal ends at once",
            ),
            (Course::Stop, "ending at once"),
        ] {
            self.end(reloads).await;
            tracing::info!("{message}");
            course.send_replace(next);
        }
    }

    /// Returns at the next signal to end.
    async fn end(&mut self, reloads: Option<&Reloads>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                () = hung_up(self.hangup.as_mut()) => {}
            }
            if let Some(Err(error)) = reloads.map(|reloads| reloads.order(Cause::Signal)) {
                tracing::warn!(%error, "SIGHUP: no reload");
            }
        }
    }
}

async fn hung_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
