//! What issuers have in common, kept once: in a large registry nearly all of them say the same.

use std::{cell::RefCell, collections::HashSet, hash::Hash, sync::Arc};

use super::issuer_identity::Subjects;
use crate::{claims::ClaimPath, identity::IdentityClaims, jose::policy::HeaderPolicy};

/// Equal values become one. It lives as long as the decoder.
pub(super) struct Same<T: ?Sized>(RefCell<HashSet<Arc<T>>>);

/// The parts of issuers that may be equal.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) headers: Same<HeaderPolicy>,
    pub(super) identity: Same<IdentityClaims>,
    pub(super) claims: Same<[ClaimPath]>,
    pub(super) allowed: Same<[(ClaimPath, Vec<serde_json::Value>)]>,
    pub(super) audiences: Same<[Box<str>]>,
    pub(super) subjects: Subjects,
}

impl<T: ?Sized + Eq + Hash> Same<T> {
    /// The value that equals `value` and was here first.
    pub(super) fn as_before(&self, value: impl Into<Arc<T>>) -> Arc<T> {
        let value = value.into();
        let mut known = self.0.borrow_mut();
        if let Some(first) = known.get(&value) {
            return Arc::clone(first);
        }
        known.insert(Arc::clone(&value));
        value
    }
}

impl<T: ?Sized> Default for Same<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_become_one_and_others_stay_apart() {
        let same = Same::<[Box<str>]>::default();
        let first = same.as_before(vec!["a".into(), "b".into()]);
        assert!(Arc::ptr_eq(
            &first,
            &same.as_before(vec!["a".into(), "b".into()])
        ));
        for other in [vec!["b".into(), "a".into()], vec!["a".into()], vec![]] {
            assert!(!Arc::ptr_eq(&first, &same.as_before(other)));
        }
    }
}
