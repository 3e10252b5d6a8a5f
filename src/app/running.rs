//! A gateway at work, from its start to the end of its drain.

use std::{net::SocketAddr, sync::Arc, thread::JoinHandle};

use tokio::sync::watch;

use super::{
    PATIENCE,
    signals::{self, Ending},
    supervisor::Supervisor,
};
use crate::{
    gateway::Gateway,
    reload::Reloads,
    server::{Alarm, Course, Crew, Load, Settings, listener},
};

/// A gateway that serves, on threads of its own.
pub struct Running {
    pub(super) gateway: Arc<Gateway>,
    pub(super) settings: Settings,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) authorizers: Vec<SocketAddr>,
    pub(super) admin_address: Option<SocketAddr>,
    pub(super) crew: Arc<Crew>,
    pub(super) course: watch::Sender<Course>,
    pub(super) workers: Vec<JoinHandle<bool>>,
    pub(super) background: Option<JoinHandle<()>>,
    pub(super) reloads: Option<Reloads>,
    pub(super) supervisor: Supervisor,
    pub(super) alarm: Alarm,
    pub(super) ended: watch::Sender<bool>,
}

impl Running {
    /// The TCP addresses that it serves on, in the order of the configuration, ports filled in.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The TCP addresses of its authorizers, likewise.
    #[must_use]
    pub fn authorizers(&self) -> &[SocketAddr] {
        &self.authorizers
    }

    /// The admin listener's address, if there is one.
    #[must_use]
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// What each worker has to do.
    #[must_use]
    pub fn loads(&self) -> Vec<Load> {
        self.crew.loads().collect()
    }

    /// Where its configuration's reloads are asked for and told of; `None` if it came from no file.
    #[must_use]
    pub const fn reloads(&self) -> Option<&Reloads> {
        self.reloads.as_ref()
    }

    /// The gateway itself.
    #[must_use]
    pub const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// As at the first signal to end: says that others should be asked, and serves on.
    pub fn announce_drain(&self) {
        self.course.send_replace(Course::Leave);
    }

    /// Stops accepting, lets requests finish within the drain time-out, and returns when all is done.
    /// True if every request finished in time.
    pub fn drain(self) -> bool {
        self.course.send_replace(Course::Drain);
        self.wait()
    }

    /// Obeys the process's signals from now on: SIGTERM and SIGINT drain, a second one ends at once;
    /// SIGHUP reloads, if the configuration came from a file, and SIGUSR1 opens the access log again.
    pub fn obey_signals(&self) {
        let ending = Ending {
            course: self.course.clone(),
            delay: self.settings.limits.drain_delay,
            supervisor: self.supervisor.clone(),
        };
        if let Err(error) = signals::obey(ending, self.reloads.clone(), Arc::clone(&self.gateway)) {
            tracing::error!(%error, "cannot wait for signals");
        }
    }

    /// Tells the process's supervisor, if it has one, that it serves.
    pub fn tell_ready(&self) {
        self.supervisor.ready();
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal ends at once.
    /// True if every request finished in time.
    pub fn serve_until_signal(self) -> bool {
        self.obey_signals();
        self.wait()
    }

    /// Serves until it has drained, which somebody else brings about. True if every request finished in
    /// time, and no task that it needs has panicked.
    pub fn wait(mut self) -> bool {
        // Every worker is waited for, also when an earlier one was cut off.
        let mut drained = true;
        for worker in self.workers.drain(..) {
            drained &= worker.join().unwrap_or(false);
        }
        self.ended.send_replace(true);
        if let Some(background) = self.background.take() {
            let _ = background.join();
        }
        // No line is to be lost; but whoever reads them may hang.
        if let Some(log) = self.gateway.access_log()
            && !log.flush(PATIENCE)
        {
            tracing::warn!("the access log was not written to its end");
        }
        listener::clean_up(&self.settings.listen);
        listener::clean_up(&self.settings.authorizers);
        drained && !self.alarm.rang()
    }
}

impl Drop for Running {
    /// Whoever drops it without a drain ends it at once.
    fn drop(&mut self) {
        self.course.send_replace(Course::Stop);
        self.ended.send_replace(true);
    }
}
