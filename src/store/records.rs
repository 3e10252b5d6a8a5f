//! What is remembered with a value: the tokens that were issued, whom they stand for, who was refused.

use super::{Answer, Key};
use crate::clock::UnixTime;

/// The longest value of one record, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;

/// The most changes of one [`Records::apply`].
pub const MAX_CHANGES: usize = 64;

/// One record of a change: what it must be for the change to be made, and what it becomes.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// Which record.
    pub key: Key,
    /// What it must be: `None`: it does not matter; `Some(None)`: not there, or ended; `Some(Some(value))`:
    /// exactly this.
    pub expected: Option<Option<Vec<u8>>>,
    /// What it becomes, and when that ends, this second not included. `None`: it is removed.
    pub new: Option<(Vec<u8>, UnixTime)>,
}

/// Values under keys, each until its end; from then on it is not there. All workers ask the same one at
/// the same time.
pub trait Records: Send + Sync {
    /// The value at `key`, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](super::StoreError::Unavailable).
    fn get(&self, key: Key) -> Answer<'_, Option<Vec<u8>>>;

    /// Makes all of `changes` or none: every one is compared with what is there, then all are written in
    /// their order. False when one did not compare; then nothing was changed. True: it is remembered as
    /// well as this store can.
    ///
    /// # Errors
    /// [`StoreError::Full`](super::StoreError::Full) when there is no room, or a value is longer than
    /// [`MAX_VALUE`], or there are more changes than [`MAX_CHANGES`]: nothing was changed. To remove needs no room.
    /// [`StoreError::Unavailable`](super::StoreError::Unavailable): it is not known whether they were made.
    fn apply(&self, changes: Vec<Change>) -> Answer<'_, bool>;
}

impl Change {
    /// Adds a record that must not be there.
    #[must_use]
    pub fn add(key: Key, value: Vec<u8>, until: UnixTime) -> Self {
        Self {
            key,
            expected: Some(None),
            new: Some((value, until)),
        }
    }

    /// Writes a record, whatever is there.
    #[must_use]
    pub fn put(key: Key, value: Vec<u8>, until: UnixTime) -> Self {
        Self {
            key,
            expected: None,
            new: Some((value, until)),
        }
    }

    /// Replaces a record that must be `old`.
    #[must_use]
    pub fn replace(key: Key, old: Vec<u8>, value: Vec<u8>, until: UnixTime) -> Self {
        Self {
            key,
            expected: Some(Some(old)),
            new: Some((value, until)),
        }
    }

    /// Removes a record, whatever is there.
    #[must_use]
    pub fn remove(key: Key) -> Self {
        Self {
            key,
            expected: None,
            new: None,
        }
    }

    /// What it takes in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        let expected = self.expected.iter().flatten().map(Vec::len);
        let new = self.new.iter().map(|(value, _)| value.len());
        size_of::<Self>() + expected.sum::<usize>() + new.sum::<usize>()
    }

    /// Whether `current`, what is there now, is what it must be.
    pub(super) fn compares(&self, current: Option<&[u8]>) -> bool {
        match &self.expected {
            None => true,
            Some(expected) => expected.as_deref() == current,
        }
    }
}

/// Whether no store need look at `changes`: there are too many, or one is too long.
pub(super) fn are_too_large(changes: &[Change]) -> bool {
    let is_long = |change: &Change| {
        let expected = change.expected.iter().flatten();
        let new = change.new.iter().map(|(value, _)| value);
        expected.chain(new).any(|value| value.len() > MAX_VALUE)
    };
    changes.len() > MAX_CHANGES || changes.iter().any(is_long)
}
