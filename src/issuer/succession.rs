//! One registry after another: what is the same stays, and so do its keys.

use std::sync::Arc;

use super::{Issuer, KeySource, Registry, Remote};
use crate::{introspection::Introspection, jose::jwk::JwkSet};

/// A registry that follows another one.
#[derive(Debug)]
pub struct Succession {
    /// The new registry. An issuer whose settings are the same is the very same object in it.
    pub registry: Registry,
    /// What it changes.
    pub change: Change,
}

/// What a registry changes against the one before.
#[derive(Debug, Default)]
pub struct Change {
    /// How many issuers were not there before.
    pub added: usize,
    /// How many have other settings than before.
    pub changed: usize,
    /// How many are not there any more.
    pub removed: usize,
    /// Whose keys a refresher must begin to follow.
    pub(super) come: Vec<Arc<Issuer>>,
    /// Whose keys are followed as before, under other settings.
    pub(super) stay: Vec<Arc<Issuer>>,
    /// Whose keys nobody needs any more.
    pub(super) gone: Vec<Arc<Issuer>>,
    /// Whether an issuer is another one although its settings are the same.
    anew: bool,
}

impl Registry {
    /// This registry in the place of `old`. Settings are compared, not texts: an issuer whose settings
    /// are the same stays the same object, with its keys and whatever was proved by its rules; one
    /// whose source of keys is the same keeps its keys.
    #[must_use]
    pub fn succeed(self, old: &Self) -> Succession {
        self.follow(old, Change::default())
    }

    /// As [`Registry::succeed`], but no issuer stays the same object: what was proved under `old` was
    /// proved with something that has changed.
    #[must_use]
    pub fn succeed_anew(self, old: &Self) -> Succession {
        let change = Change {
            anew: true,
            ..Change::default()
        };
        self.follow(old, change)
    }

    fn follow(self, old: &Self, mut change: Change) -> Succession {
        let issuers: Vec<_> = self
            .into_issuers()
            .map(|issuer| match old.get(&issuer.name) {
                Some(before) => change.follow(issuer, before),
                None => change.add(issuer),
            })
            .collect();
        let registry = Self::new(issuers);
        for before in old.iter() {
            let now = registry.get(&before.name);
            change.removed += usize::from(now.is_none());
            let same = now.is_some_and(|now| Arc::ptr_eq(&now.keys, &before.keys));
            if before.is_refreshed() && !same {
                change.gone.push(Arc::clone(before));
            }
        }
        Succession { registry, change }
    }
}

impl Change {
    /// This change and `other`, which is one of another registry in the same refresher's care.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.added += other.added;
        self.changed += other.changed;
        self.removed += other.removed;
        self.come.extend(other.come);
        self.stay.extend(other.stay);
        self.gone.extend(other.gone);
        self
    }

    /// Whether no issuer is another than before.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added == 0 && self.changed == 0 && self.removed == 0
    }

    fn add(&mut self, issuer: Arc<Issuer>) -> Arc<Issuer> {
        self.added += 1;
        if issuer.is_refreshed() {
            self.come.push(Arc::clone(&issuer));
        }
        issuer
    }

    fn follow(&mut self, mut issuer: Arc<Issuer>, before: &Arc<Issuer>) -> Arc<Issuer> {
        if issuer.is_like(before) && !self.anew {
            return Arc::clone(before);
        }
        self.changed += 1;
        // What an endpoint said does not depend on the rules. Nobody else holds an issuer that was
        // just read; were it otherwise, it asks anew.
        if before.active
            && is_same_endpoint(&issuer, before)
            && let Some(issuer) = Arc::get_mut(&mut issuer)
        {
            issuer.introspection.clone_from(&before.introspection);
        }
        let (source, old) = (issuer.keys.source(), before.keys.source());
        // One that was switched off begins anew: nobody kept its keys fresh.
        let both = issuer.active && before.active;
        if both && source == old {
            // Nobody else holds an issuer that was just read; were it otherwise, it has a ring of its own.
            if let Some(issuer) = Arc::get_mut(&mut issuer) {
                issuer.keys = Arc::clone(&before.keys);
            }
        } else if both && is_same_place(source, old) {
            issuer.keys.inherit(&before.keys);
        }
        if issuer.is_refreshed() {
            let stays = Arc::ptr_eq(&issuer.keys, &before.keys);
            let list = if stays {
                &mut self.stay
            } else {
                &mut self.come
            };
            list.push(Arc::clone(&issuer));
        }
        issuer
    }
}

impl Issuer {
    /// Whether a refresher has something to do for it.
    pub(super) fn is_refreshed(&self) -> bool {
        self.active && !matches!(self.keys.source(), KeySource::Fixed(_))
    }

    /// Whether its settings are those of `other`, down to the source of its keys.
    fn is_like(&self, other: &Self) -> bool {
        // Every field by name: a setting that is forgotten here would outlive its change.
        let Self {
            name,
            active,
            encryption_required,
            headers,
            rules,
            replay,
            identity,
            keys,
            introspection: _,
        } = self;
        *name == other.name
            && *active == other.active
            && *encryption_required == other.encryption_required
            && *headers == other.headers
            && *rules == other.rules
            && *replay == other.replay
            && *identity == other.identity
            && keys.source() == other.keys.source()
            && is_same_endpoint(self, other)
    }
}

impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Remote(one), Self::Remote(other)) => one == other,
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Fixed(one), Self::Fixed(other)) => are_same(one, other),
            (Self::Remote(_) | Self::File(_) | Self::Fixed(_), _) => false,
        }
    }
}

impl Eq for KeySource {}

fn is_same_endpoint(one: &Issuer, other: &Issuer) -> bool {
    one.introspection.as_ref().map(Introspection::settings)
        == other.introspection.as_ref().map(Introspection::settings)
}

fn are_same(one: &JwkSet, other: &JwkSet) -> bool {
    let keys = |set: &JwkSet| {
        let parts = set.keys.iter().map(|key| {
            let certificate = key.certificate().cloned();
            let kid = key.kid().map(str::to_owned);
            (key.thumbprint(), kid, key.algorithms(), certificate)
        });
        parts.collect::<Vec<_>>()
    };
    keys(one) == keys(other) && one.skipped == other.skipped
}

/// Whether only the times of fetching differ. Whatever else does is another source: other credentials,
/// say, or other authorities that vouch for it.
fn is_same_place(one: &KeySource, other: &KeySource) -> bool {
    let (KeySource::Remote(one), KeySource::Remote(other)) = (one, other) else {
        return false;
    };
    let with_its_times = Remote {
        refresh: other.refresh,
        cooldown: other.cooldown,
        stale_for: other.stale_for,
        timeout: other.timeout,
        ..(**one).clone()
    };
    with_its_times == **other
}
