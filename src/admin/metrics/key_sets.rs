//! The key sets that have metrics: those of so many issuers, and of all others together.

use crate::{
    admin::status::listing,
    clock::UnixTime,
    issuer::{Issuer, KeySource, Registry},
};

/// What stands for the issuers that have no metrics of their own.
pub(super) const OTHERS: &str = "(others)";

/// The keys of one issuer, or of all that have no metrics of their own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KeySet<'s> {
    pub(super) issuer: &'s str,
    /// Whether it is read again: keys that stand in the configuration are not.
    pub(super) is_read: bool,
    pub(super) successes: u64,
    pub(super) failures: u64,
    /// In seconds; of many the oldest.
    pub(super) age: Option<i64>,
    pub(super) usable: usize,
    pub(super) out_of_time: usize,
    pub(super) skipped: usize,
    /// When the first certificate of its usable keys ends, in Unix time.
    pub(super) expiry: Option<i64>,
}

/// Every active issuer's: of the first thousand by name, those whose keys are read again before the others,
/// and of the rest together.
pub(super) fn all(registry: &Registry, now: UnixTime) -> Vec<KeySet<'_>> {
    let active = registry.iter().map(AsRef::as_ref).filter(|i| i.active);
    let (read, fixed): (Vec<&Issuer>, Vec<&Issuer>) = active.partition(|i| is_read(i));
    let (mut own, mut others) = listing::first(read, |i| &*i.name);
    let (fixed, more) = listing::first(fixed, |i| &*i.name);
    let room = listing::MAX_ISSUERS
        .saturating_sub(own.len())
        .min(fixed.len());
    let (first, last) = fixed.split_at(room);
    own.extend_from_slice(first);
    others.extend(last.iter().copied().chain(more));
    let mut sets: Vec<KeySet<'_>> = own.into_iter().map(|i| KeySet::of(i, now)).collect();
    let others = others.into_iter().map(|issuer| KeySet::of(issuer, now));
    sets.extend(others.reduce(KeySet::with).map(|others| KeySet {
        issuer: OTHERS,
        ..others
    }));
    sets
}

impl<'s> KeySet<'s> {
    fn of(issuer: &'s Issuer, now: UnixTime) -> Self {
        let status = issuer.keys.status();
        let set = issuer.keys.current();
        let usable = set.as_ref().map_or(0, |set| set.in_time(now).count());
        Self {
            issuer: &issuer.name,
            is_read: is_read(issuer),
            successes: status.successes,
            failures: status.failures,
            age: status.read_at.map(|read_at| now.since(read_at)),
            expiry: set.as_ref().and_then(|set| {
                let valid = set.in_time(now).filter_map(|key| key.validity());
                valid.map(|validity| validity.not_after).min()
            }),
            usable,
            out_of_time: set.as_ref().map_or(0, |set| set.keys.len() - usable),
            skipped: set.as_ref().map_or(0, |set| set.skipped.len()),
        }
    }

    /// This one and `other`. The age of keys that stay as they are says nothing.
    fn with(self, other: Self) -> Self {
        let age = |set: &Self| set.age.filter(|_| set.is_read);
        Self {
            issuer: self.issuer,
            is_read: self.is_read || other.is_read,
            successes: self.successes.saturating_add(other.successes),
            failures: self.failures.saturating_add(other.failures),
            age: age(&self).max(age(&other)),
            usable: self.usable.saturating_add(other.usable),
            out_of_time: self.out_of_time.saturating_add(other.out_of_time),
            skipped: self.skipped.saturating_add(other.skipped),
            expiry: self.expiry.into_iter().chain(other.expiry).min(),
        }
    }
}

fn is_read(issuer: &Issuer) -> bool {
    !matches!(issuer.keys.source(), KeySource::Fixed(_))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::Clock,
        issuer::tests::{issuer, jwk, set_of, unreachable},
        jose::jwk::{Symmetric, parse_set},
    };

    #[test]
    fn so_many_issuers_have_their_own_and_the_others_one_together() {
        let clock = Clock::system();
        let document = set_of(&[&jwk("a"), "{}"]);
        let set = Arc::new(parse_set(document.as_bytes(), Symmetric::Allowed).unwrap());
        let fixed = |name: String| issuer(&name, KeySource::Fixed(Arc::clone(&set)), &clock);
        let moving = |name: String| issuer(&name, unreachable(), &clock);
        let off = Issuer {
            active: false,
            ..fixed("off".to_owned())
        };
        let registry = |count: usize| {
            let issuers = (0..count).map(|n| fixed(format!("a{n:05}")));
            Registry::new(issuers.chain([moving("z".to_owned())]))
        };
        let few = registry(listing::MAX_ISSUERS - 1);
        assert!(
            all(&few, clock.now())
                .iter()
                .all(|set| set.issuer != OTHERS)
        );
        let many = registry(listing::MAX_ISSUERS + 2);
        let sets = all(&many, clock.now());
        assert_eq!(sets.len(), listing::MAX_ISSUERS + 1);
        assert_eq!((sets[0].issuer, sets[0].is_read), ("z", true));
        assert_eq!(
            (sets[1].issuer, sets[1].usable, sets[1].skipped),
            ("a00000", 1, 1)
        );
        let others = sets.last().unwrap();
        assert_eq!((others.issuer, others.is_read), (OTHERS, false));
        assert_eq!((others.usable, others.skipped), (3, 3));
        assert!(all(&Registry::new([off]), clock.now()).is_empty());
    }
}
