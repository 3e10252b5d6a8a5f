//! The composition root: a configuration becomes a running gateway, and ends in a clean drain.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{runtime, sync::watch, task::LocalSet};

use crate::{
    access_log::{AccessLog, AccessLogError},
    admin,
    call::ClientError,
    clock::Clock,
    config::Config,
    forward::balance::{Keeper, Resolver},
    gateway::{Door, Gateway},
    issuer::{KeyCache, Refresher},
    reload::{Inbox, Reloads},
    server::{Alarm, Course, Crew, ListenAddress, ListenError, Listener, Settings, Worker},
    spans::{self, Tracing},
    store::{self, DiskError},
    telemetry::Metrics,
};

mod fixed;
mod memory;
mod reloader;
mod running;
mod signals;
mod supervisor;
mod surroundings;
mod watched;

use fixed::Fixed;
use memory::Memory;
use reloader::Reloader;
pub use running::Running;
use supervisor::Supervisor;
pub use surroundings::Surroundings;
use watched::Watched;

/// A gateway whose sockets are bound and which serves nobody yet.
pub struct App {
    gateway: Arc<Gateway>,
    settings: Settings,
    /// One list of listeners for each worker.
    listeners: Vec<Vec<(Door, Listener)>>,
    addresses: Vec<SocketAddr>,
    authorizers: Vec<SocketAddr>,
    admin: Option<admin::Bound>,
    exporter: Option<spans::Exporter>,
    key_cache: Option<KeyCache>,
    source: Option<Source>,
    supervisor: Supervisor,
    clock: Clock,
    resolver: Resolver,
}

/// Where the configuration can be read again.
struct Source {
    file: PathBuf,
    watched: Watched,
    fixed: Fixed,
    reloads: Reloads,
    inbox: Inbox,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A socket cannot be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A socket that came with the process cannot be used.
    #[error("cannot use a socket that came with the process: {0}")]
    Inherited(io::Error),
    /// The store on disk cannot be opened.
    #[error("cannot open the store: {0}")]
    Store(#[from] DiskError),
    /// The access log cannot be opened.
    #[error("[access_log]: {0}")]
    AccessLog(#[from] AccessLogError),
    /// Spans cannot be sent to the collector.
    #[error("cannot call the collector of [tracing]: {0}")]
    Collector(#[from] ClientError),
    /// A thread or its runtime cannot be made.
    #[error("cannot start a worker: {0}")]
    Thread(io::Error),
}

/// What is done beside the requests.
struct Background {
    refresher: Refresher,
    keeper: Keeper,
    reloader: Option<Reloader>,
    admin: Option<admin::Bound>,
    exporter: Option<spans::Exporter>,
    memory: Option<Memory>,
    supervisor: Supervisor,
    crew: Arc<Crew>,
    course: watch::Receiver<Course>,
    alarm: Alarm,
}

/// How long the end of the program waits for files that are being read or written.
const PATIENCE: Duration = Duration::from_secs(1);

impl App {
    /// Binds every socket of `config`.
    ///
    /// # Errors
    /// [`AppError`] when one cannot be bound, or the store or the access log cannot be opened.
    pub fn bind(config: Config, clock: Clock) -> Result<Self, AppError> {
        Self::bind_in(Surroundings::default(), config, clock)
    }

    /// As [`App::bind`], with what the process was given.
    ///
    /// # Errors
    /// [`AppError`] when a socket cannot be bound, or is not there, or the store or the access log cannot be
    /// opened.
    pub fn bind_in(
        surroundings: Surroundings,
        config: Config,
        clock: Clock,
    ) -> Result<Self, AppError> {
        let Surroundings {
            mut opening,
            supervisor,
        } = surroundings;
        let source = Source::of(&config);
        let Config {
            server: settings,
            admin,
            policy,
            key_cache,
            store,
            access_log,
            tracing,
            ..
        } = config;
        // Nobody is kept waiting by a socket while the file is read.
        let on_store_failure = store.on_failure;
        let store = store::open(&store, clock.clone())?;
        let workers = match settings.workers {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            workers => workers,
        };
        let mut listeners: Vec<Vec<(Door, Listener)>> = Vec::new();
        listeners.resize_with(workers, Vec::new);
        let mut addresses = Vec::new();
        // Those with a name first: the others take what is left.
        let unnamed = |address: &&ListenAddress| **address == ListenAddress::Inherited(None);
        let admin_listener = admin
            .as_ref()
            .map(|admin| admin::open(&admin.listen, &mut opening))
            .transpose()?;
        let listen = settings.listen.iter();
        let rest = listen.clone().filter(unnamed);
        for address in listen.filter(|address| !unnamed(address)).chain(rest) {
            for bound in Listener::open(address, workers, &mut opening)? {
                addresses.extend(bound.first().and_then(Listener::tcp_address));
                for (own, listener) in listeners.iter_mut().zip(bound) {
                    own.push((Door::Public, listener));
                }
            }
        }
        let mut authorizers = Vec::new();
        for (number, address) in (0..).zip(&settings.authorizers) {
            for bound in Listener::open(address, workers, &mut opening)? {
                authorizers.extend(bound.first().and_then(Listener::tcp_address));
                for (own, listener) in listeners.iter_mut().zip(bound) {
                    own.push((Door::Authorizer(number), listener));
                }
            }
        }
        for name in opening.inherited.names() {
            tracing::warn!(
                name,
                "an inherited socket is not used: no \"listen\" names it"
            );
        }
        let metrics = Arc::new(Metrics::default());
        let access_log = access_log
            .map(|log| AccessLog::open(&log, &metrics.access_log, clock.clone()))
            .transpose()?;
        let limits = settings.limits.clone();
        let (tracing, exporter) = Tracing::open(&tracing, &clock, &metrics)?;
        let gateway = Gateway::new(policy, limits, clock.clone(), metrics)
            .with_tracing(tracing)
            .with_store(store.once)
            .with_records(store.records)
            .with_store_failures(on_store_failure)
            .with_buckets(store.buckets)
            .with_access_log(access_log);
        let gateway = Arc::new(gateway);
        let admin = admin.zip(admin_listener);
        let admin = admin
            .map(|(settings, listener)| {
                let reloads = source.as_ref().map(|source| source.reloads.clone());
                admin::Bound::new(settings, listener, Arc::clone(&gateway), reloads)
            })
            .transpose()?;
        Ok(Self {
            gateway,
            settings,
            listeners,
            addresses,
            authorizers,
            admin,
            exporter,
            key_cache,
            source,
            supervisor,
            clock,
            resolver: Resolver::system(),
        })
    }

    /// Has `resolver` look up the names of upstreams, instead of the system's.
    #[must_use]
    pub fn resolving_with(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
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
            authorizers,
            admin,
            exporter,
            key_cache,
            source,
            supervisor,
            clock,
            resolver,
        } = self;
        let (course, watched) = watch::channel(Course::Serve);
        let alarm = Alarm::new(course.clone(), Arc::clone(gateway.metrics()));
        let (ended, background_ends) = watch::channel(false);
        let admin_address = admin.as_ref().map(admin::Bound::address);
        // The refresher takes the rings over before anyone can ask them for a key.
        let mut refresher = Refresher::of(gateway.snapshot().policy.registries(), clock.clone());
        if let Some(cache) = key_cache {
            refresher = refresher.keeping(cache);
        }
        let upstreams = gateway.snapshot().policy.upstreams.clone();
        let (keeper, upstreams) = Keeper::new(upstreams, resolver, clock.clone());
        let reloads = source.as_ref().map(|source| source.reloads.clone());
        let reloader = source.map(|source| Reloader {
            file: source.file,
            watched: source.watched,
            fixed: source.fixed,
            gateway: Arc::clone(&gateway),
            roster: refresher.roster(),
            upstreams,
            admin_token: admin.as_ref().map(admin::Bound::token).unwrap_or_default(),
            inbox: source.inbox,
            supervisor: supervisor.clone(),
            clock,
            retired: Vec::new(),
        });
        let (crew, members) = Crew::of(listeners.len());
        let work = Background {
            refresher,
            keeper,
            reloader,
            admin,
            exporter,
            memory: Memory::new(Arc::clone(&gateway)),
            supervisor: supervisor.clone(),
            crew: Arc::clone(&crew),
            course: watched.clone(),
            alarm: alarm.clone(),
        };
        let background = start_background(work, background_ends)?;
        let mut workers = Vec::with_capacity(listeners.len());
        let http2_cleartext = settings.http2_cleartext;
        for (number, (listeners, member)) in listeners.into_iter().zip(members).enumerate() {
            let worker = Worker {
                listeners,
                proxy_protocol: settings.proxy_protocol,
                gateway: Arc::clone(&gateway),
                http2_cleartext,
                member,
                course: watched.clone(),
                alarm: alarm.clone(),
            };
            workers.push(start_worker(number, worker)?);
        }
        let background = Some(background);
        Ok(Running {
            gateway,
            settings,
            addresses,
            authorizers,
            admin_address,
            crew,
            course,
            workers,
            background,
            reloads,
            supervisor,
            alarm,
            ended,
        })
    }
}

impl Source {
    fn of(config: &Config) -> Option<Self> {
        let (reloads, inbox) = Reloads::new();
        Some(Self {
            file: config.file.clone()?,
            watched: Watched::new(config.files.clone()),
            fixed: Fixed::of(config),
            reloads,
            inbox,
        })
    }
}

fn start_worker(number: usize, worker: Worker) -> Result<JoinHandle<bool>, AppError> {
    let runtime = new_runtime()?;
    thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || LocalSet::new().block_on(&runtime, worker.run()))
        .map_err(AppError::Thread)
}

fn start_background(
    work: Background,
    mut ended: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, AppError> {
    let runtime = new_runtime()?;
    let work = async move {
        let alarm = work.alarm;
        tokio::task::spawn_local(alarm.clone().over("refresher", work.refresher.run()));
        tokio::task::spawn_local(alarm.clone().over("upstreams", work.keeper.run()));
        if let Some(reloader) = work.reloader {
            tokio::task::spawn_local(alarm.clone().over("reloader", reloader.run()));
        }
        if let Some(admin) = work.admin {
            tokio::task::spawn_local(alarm.clone().over("admin", admin.serve(work.course)));
        }
        if let Some(memory) = work.memory {
            tokio::task::spawn_local(alarm.clone().over("memory", memory.run()));
        }
        // Not under the alarm: nobody's request needs it.
        let exporter = work.exporter.map(|exporter| exporter.run(ended.clone()));
        let exporter = exporter.map(tokio::task::spawn_local);
        let watching = work.supervisor.watch(work.crew);
        tokio::task::spawn_local(alarm.over("watchdog", watching));
        let _ = ended.wait_for(|ended| *ended).await;
        if let Some(exporter) = exporter {
            // It ends by itself, within a bound, when it has sent what is left.
            let _ = exporter.await;
        }
    };
    thread::Builder::new()
        .name("background".to_owned())
        .spawn(move || {
            LocalSet::new().block_on(&runtime, work);
            // A file system that hangs does not keep the program from its end.
            runtime.shutdown_timeout(PATIENCE);
        })
        .map_err(AppError::Thread)
}

fn new_runtime() -> Result<runtime::Runtime, AppError> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AppError::Thread)
}
