//! The credentials of all upstreams.

use std::{fmt, sync::Arc};

use super::Credential;

/// By the number of the upstream. Where no upstream has one, there is nothing at all.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials(Vec<Option<Arc<Credential>>>);

impl Credentials {
    /// Those of the upstreams in their order.
    #[must_use]
    pub fn new(all: Vec<Option<Arc<Credential>>>) -> Self {
        if all.iter().all(Option::is_none) {
            return Self::default();
        }
        Self(all)
    }

    /// That of the upstream with this number.
    #[must_use]
    pub fn of(&self, upstream: usize) -> Option<&Arc<Credential>> {
        self.0.get(upstream)?.as_ref()
    }

    /// All that there are.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.0.iter().flatten()
    }

    /// The same, with the very credentials of `before` where the settings are the same: what was fetched
    /// stays.
    #[must_use]
    pub fn succeed(self, before: &Self) -> Self {
        let kept = |new: Arc<Credential>| {
            let old = before.iter().find(|old| **old == new);
            old.map_or(new, Arc::clone)
        };
        let all = self.0.into_iter().map(|new| new.map(kept));
        Self(all.collect())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
