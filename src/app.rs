//! The composition root: a configuration becomes a running gateway, and ends in a clean drain.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::LocalSet,
};

use crate::{
    admin,
    clock::Clock,
    config::Config,
    gateway::Gateway,
    issuer::{KeyCache, Refresher},
    server::{Course, Crew, ListenError, Listener, Load, Settings, Worker, listener},
    telemetry::Metrics,
};

/// A gateway whose sockets are bound and which serves nobody yet.
pub struct App {
    gateway: Arc<Gateway>,
    settings: Settings,
    /// One list of listeners for each worker.
    listeners: Vec<Vec<Listener>>,
    addresses: Vec<SocketAddr>,
    admin: Option<admin::Bound>,
    key_cache: Option<KeyCache>,
    clock: Clock,
}

/// A gateway that serves, on threads of its own.
pub struct Running {
    gateway: Arc<Gateway>,
    settings: Settings,
    addresses: Vec<SocketAddr>,
    admin_address: Option<SocketAddr>,
    crew: Arc<Crew>,
    course: watch::Sender<Course>,
    workers: Vec<JoinHandle<bool>>,
    background: Option<JoinHandle<()>>,
    ended: watch::Sender<bool>,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A socket cannot be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A thread or its runtime cannot be made.
    #[error("cannot start a worker: {0}")]
    Thread(io::Error),
}

impl App {
    /// Binds every socket of `config`.
    ///
    /// # Errors
    /// [`AppError`] when one cannot be bound.
    pub fn bind(config: Config, clock: Clock) -> Result<Self, AppError> {
        let Config {
            server: settings,
            admin,
            policy,
            key_cache,
            ..
        } = config;
        let workers = match settings.workers {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            workers => workers,
        };
        let mut listeners: Vec<Vec<Listener>> = Vec::new();
        listeners.resize_with(workers, Vec::new);
        let mut addresses = Vec::new();
        for address in &settings.listen {
            let bound = Listener::bind(address, workers)?;
            addresses.extend(bound.first().and_then(Listener::tcp_address));
            for (own, listener) in listeners.iter_mut().zip(bound) {
                own.push(listener);
            }
        }
        let metrics = Arc::new(Metrics::default());
        let limits = settings.limits.clone();
        let gateway = Arc::new(Gateway::new(policy, limits, clock.clone(), metrics));
        let admin = admin
            .map(|settings| admin::Bound::bind(settings, Arc::clone(&gateway)))
            .transpose()?;
        Ok(Self {
            gateway,
            settings,
            listeners,
            addresses,
            admin,
            key_cache,
            clock,
        })
    }

    /// Starts the workers, the background work and the admin listener.
    ///
    /// # Errors
    /// [`AppError`] when a thread cannot be started.
    pub fn start(self) -> Result<Running, AppError> {
        let Self {
            gateway,
            settings,
            listeners,
            addresses,
            admin,
            key_cache,
            clock,
        } = self;
        let (course, watched) = watch::channel(Course::Serve);
        let (ended, background_ends) = watch::channel(false);
        let admin_address = admin.as_ref().map(admin::Bound::address);
        // The refresher takes the rings over before anyone can ask them for a key.
        let mut refresher = Refresher::new(&gateway.snapshot().policy.registry, clock);
        if let Some(cache) = key_cache {
            refresher = refresher.keeping(cache);
        }
        let background = start_background(refresher, admin, background_ends, watched.clone())?;
        let mut workers = Vec::with_capacity(listeners.len());
        let (crew, members) = Crew::of(listeners.len());
        for (number, (listeners, member)) in listeners.into_iter().zip(members).enumerate() {
            let worker = Worker {
                listeners,
                gateway: Arc::clone(&gateway),
                member,
                course: watched.clone(),
            };
            workers.push(start_worker(number, worker)?);
        }
        let background = Some(background);
        Ok(Running {
            gateway,
            settings,
            addresses,
            admin_address,
            crew,
            course,
            workers,
            background,
            ended,
        })
    }
}

impl Running {
    /// The TCP addresses that it serves on, in the order of the configuration, ports filled in.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
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

    /// The gateway itself.
    #[must_use]
    pub const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Stops accepting, lets requests finish within the drain time-out, and returns when all is done.
    /// True if every request finished in time.
    pub fn drain(self) -> bool {
        self.course.send_replace(Course::Drain);
        self.finish()
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal ends at once.
    /// True if every request finished in time.
    pub fn serve_until_signal(self) -> bool {
        let course = self.course.clone();
        let waiting = thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || block_on(follow_signals(course)));
        if let Err(error) = waiting {
            tracing::error!(%error, "cannot wait for signals");
        }
        self.finish()
    }

    fn finish(mut self) -> bool {
        // Every worker is waited for, also when an earlier one was cut off.
        let mut drained = true;
        for worker in self.workers.drain(..) {
            drained &= worker.join().unwrap_or(false);
        }
        self.ended.send_replace(true);
        if let Some(background) = self.background.take() {
            let _ = background.join();
        }
        listener::clean_up(&self.settings.listen);
        drained
    }
}

impl Drop for Running {
    /// Whoever drops it without a drain ends it at once.
    fn drop(&mut self) {
        self.course.send_replace(Course::Stop);
        self.ended.send_replace(true);
    }
}

async fn follow_signals(course: watch::Sender<Course>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    for (next, message) in [
        (
            Course::Drain,
            "draining: no new connections; another signal ends at once",
        ),
        (Course::Stop, "ending at once"),
    ] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("{message}");
        course.send_replace(next);
    }
    Ok(())
}

fn block_on<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

fn start_worker(number: usize, worker: Worker) -> Result<JoinHandle<bool>, AppError> {
    let runtime = new_runtime()?;
    thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || LocalSet::new().block_on(&runtime, worker.run()))
        .map_err(AppError::Thread)
}

fn start_background(
    refresher: Refresher,
    admin: Option<admin::Bound>,
    mut ended: watch::Receiver<bool>,
    course: watch::Receiver<Course>,
) -> Result<JoinHandle<()>, AppError> {
    let runtime = new_runtime()?;
    let work = async move {
        tokio::task::spawn_local(refresher.run());
        if let Some(admin) = admin {
            tokio::task::spawn_local(admin.serve(course));
        }
        let _ = ended.wait_for(|ended| *ended).await;
    };
    thread::Builder::new()
        .name("background".to_owned())
        .spawn(move || LocalSet::new().block_on(&runtime, work))
        .map_err(AppError::Thread)
}

fn new_runtime() -> Result<runtime::Runtime, AppError> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AppError::Thread)
}
