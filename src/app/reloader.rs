//! Reads the configuration again, and puts it in force as a whole or not at all.

use std::{path::PathBuf, sync::Arc};

use super::{fixed::Fixed, supervisor::Supervisor, watched::Watched};
use crate::{
    admin,
    clock::Clock,
    config::{self, Config, Files, Report},
    forward::balance,
    gateway::{Gateway, Policy, Snapshot},
    issuer::{Change, Registry, Roster, Succession},
    reload::{Cause, Inbox, Order, Outcome, Reload},
    secret::Secret,
    telemetry::metrics::ReloadLabels,
};

/// The one that reloads a gateway.
pub(super) struct Reloader {
    pub(super) file: PathBuf,
    pub(super) watched: Watched,
    pub(super) fixed: Fixed,
    pub(super) gateway: Arc<Gateway>,
    pub(super) roster: Roster,
    pub(super) upstreams: balance::Roster,
    pub(super) admin_token: admin::Token,
    pub(super) inbox: Inbox,
    pub(super) supervisor: Supervisor,
    pub(super) clock: Clock,
    /// Snapshots that are no longer in force, as long as a request may need them.
    pub(super) retired: Vec<Arc<Snapshot>>,
}

/// A configuration that was read again.
struct Fresh {
    files: Files,
    /// `Err`: why it cannot be used. `None`: it says what it said.
    result: Result<Option<Next>, Arc<str>>,
}

/// What is to be put in force.
struct Next {
    policy: Policy,
    change: Change,
    admin_token: Option<Secret>,
    warnings: Vec<String>,
}

/// The most errors of one reload that are told.
const MAX_ERRORS: usize = 50;

impl Reloader {
    /// Reloads when somebody asks for it or a file changes, until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            self.release().await;
            let orders = tokio::select! {
                Some(orders) = self.inbox.orders() => orders,
                () = tokio::time::sleep(self.watched.pause()) => {
                    if !self.look().await {
                        continue;
                    }
                    Vec::new()
                }
            };
            self.reload(orders).await;
        }
    }

    async fn look(&mut self) -> bool {
        let mut watched = std::mem::replace(&mut self.watched, Watched::new(Files::new()));
        // A file system may hang; admin and the keys must not hang with it.
        let looked = tokio::task::spawn_blocking(move || {
            let changed = watched.look();
            (watched, changed)
        });
        match looked.await {
            Ok((watched, changed)) => {
                self.watched = watched;
                changed
            }
            Err(_) => false,
        }
    }

    async fn reload(&mut self, orders: Vec<Order>) {
        let cause = orders.first().map_or(Cause::File, |order| order.cause);
        self.supervisor.reloads();
        let outcome = self.read_and_apply().await;
        self.supervisor.ready();
        let labels = ReloadLabels {
            outcome: outcome.name(),
        };
        // Whatever came of it: who has moved the file away may have asked for no more than that.
        if let Some(log) = self.gateway.access_log() {
            log.reopen();
        }
        let metrics = self.gateway.metrics();
        metrics.config_reloads.get_or_create(&labels).inc();
        let reload = Reload {
            at: self.clock.now(),
            cause,
            outcome,
        };
        self.inbox.ended(&reload, orders);
    }

    async fn read_and_apply(&mut self) -> Outcome {
        let (file, fixed, clock) = (self.file.clone(), self.fixed.clone(), self.clock.clone());
        let (old, token) = (self.gateway.snapshot(), self.admin_token.load_full());
        let reading =
            tokio::task::spawn_blocking(move || Fresh::read(&file, &fixed, &old, token, &clock));
        let Ok(Fresh { files, result }) = reading.await else {
            // The old configuration is in force, and a defect of ours ends nothing.
            return refused("the reload ended unexpectedly\n".into());
        };
        self.watched = Watched::new(files);
        match result {
            Err(errors) => refused(errors),
            Ok(None) => {
                tracing::info!("configuration read again: nothing changed");
                Outcome::Unchanged(self.gateway.snapshot().generation)
            }
            Ok(Some(next)) => Outcome::Applied(self.apply(next).await),
        }
    }

    async fn apply(&mut self, next: Next) -> u64 {
        let Next {
            policy,
            change,
            admin_token,
            warnings,
        } = next;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let (added, changed, removed) = (change.added, change.changed, change.removed);
        // First a place for the new rings: a request that finds one must be able to wait for its keys.
        self.roster.prepare(&change);
        self.retired.push(self.gateway.snapshot());
        let generation = self.gateway.replace(policy);
        self.admin_token.store(admin_token.map(Arc::new));
        let upstreams = &self.gateway.snapshot().policy.upstreams;
        self.upstreams.tell(upstreams.clone());
        self.roster.tell(change).await;
        tracing::info!(generation, added, changed, removed, "configuration applied");
        generation
    }

    /// Frees snapshots that no request needs any more, beside the requests: a large one takes a while.
    async fn release(&mut self) {
        let (free, needed): (Vec<_>, Vec<_>) = std::mem::take(&mut self.retired)
            .into_iter()
            .partition(|snapshot| Arc::strong_count(snapshot) == 1);
        self.retired = needed;
        if !free.is_empty() {
            let _ = tokio::task::spawn_blocking(move || drop(free)).await;
        }
    }
}

impl Fresh {
    /// Reads the configuration, and compares it with `old`. Blocks.
    fn read(
        file: &std::path::Path,
        fixed: &Fixed,
        old: &Snapshot,
        old_token: Option<Arc<Secret>>,
        clock: &Clock,
    ) -> Self {
        let config = match config::load(file, clock) {
            Ok(config) => config,
            Err(report) => return Self::refused(report.files().clone(), &report),
        };
        if let Err(report) = fixed.check(&config) {
            return Self::refused(config.files, &report);
        }
        let Config {
            mut policy,
            admin,
            warnings,
            files,
            ..
        } = config;
        let registry = std::mem::take(&mut policy.registry);
        let before = &old.policy.registry;
        // What was decrypted with a key that is gone now must not be remembered.
        let Succession { registry, change } = if policy.keychain == old.policy.keychain {
            registry.succeed(before)
        } else {
            registry.succeed_anew(before)
        };
        policy.registry = registry;
        let change = change.and(clients_succeed(&mut policy, &old.policy));
        let admin_token = admin.and_then(|admin| admin.token);
        let same = change.is_empty()
            && policy.is_like_but_for_issuers(&old.policy)
            && admin_token.as_ref() == old_token.as_deref();
        let next = (!same).then_some(Next {
            policy,
            change,
            admin_token,
            warnings,
        });
        Self {
            files,
            result: Ok(next),
        }
    }

    fn refused(files: Files, report: &Report) -> Self {
        Self {
            files,
            result: Err(report.render_first(MAX_ERRORS, false).into()),
        }
    }
}

/// The keys of the token service's clients follow those of `old`, as those of issuers do.
fn clients_succeed(policy: &mut Policy, old: &Policy) -> Change {
    let none = Registry::default();
    let before = old.token_service.as_ref();
    let before = before.map_or(&none, |service| &service.keys);
    let Some(service) = &mut policy.token_service else {
        return Registry::default().succeed(before).change;
    };
    let Succession { registry, change } = std::mem::take(&mut service.keys).succeed(before);
    service.keys = registry;
    change
}

fn refused(errors: Arc<str>) -> Outcome {
    tracing::error!(%errors, "configuration refused; the old one stays in force");
    Outcome::Refused(errors)
}
