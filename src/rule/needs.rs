//! Which parts of its variables a rule looks at: no other is made for it.

use std::collections::BTreeSet;

/// What one rule looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) claims: Fields,
    pub(super) request: Fields,
    pub(super) identity: Fields,
}

/// Fields of one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    /// All of them, because the rule takes the variable as a whole.
    All,
    /// These; the variable is not there at all when there are none.
    Some(BTreeSet<Box<str>>),
}

impl Default for Fields {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Fields {
    /// One more field; `None` is the whole.
    pub(super) fn add(&mut self, field: Option<&str>) {
        match (&mut *self, field) {
            (Self::All, _) => {}
            (Self::Some(fields), Some(field)) => {
                fields.insert(field.into());
            }
            (Self::Some(_), None) => *self = Self::All,
        }
    }

    pub(super) fn has(&self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(fields) => fields.contains(field),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Some(fields) if fields.is_empty())
    }
}
