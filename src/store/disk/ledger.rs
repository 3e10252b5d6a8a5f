//! How much is in the file, counted in memory: what there is room for is known before anything is written.

use std::collections::HashMap;

use redb::{ReadableTable, WriteTransaction};

use super::layout::{ENTRY, ONCE, RECORDS, read_record, read_used};
use crate::store::{Owner, SHARE};

/// What the file may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// How many used keys, of which one owner may have a quarter.
    pub(super) keys: usize,
    /// What the file may take, in bytes.
    pub(super) bytes: u64,
}

/// What the file holds.
#[derive(Debug)]
pub(super) struct Ledger {
    room: Room,
    keys: usize,
    records: usize,
    /// What all entries take, without the room between them.
    bytes: u64,
    /// How many used keys each owner has; one who has none is not in it.
    owned: HashMap<Owner, usize>,
}

/// What the file takes for one byte of entries, at most: its pages are half full at worst, and those that a
/// commit replaces stay until the next ones.
const SPREAD: u64 = 4;

impl Ledger {
    /// Counts what is there.
    pub(super) fn count(room: Room, transaction: &WriteTransaction) -> Result<Self, redb::Error> {
        let mut ledger = Self {
            room,
            keys: 0,
            records: 0,
            bytes: 0,
            owned: HashMap::new(),
        };
        for entry in transaction.open_table(ONCE)?.iter()? {
            let (_, owner) = read_used(entry?.1.value());
            ledger.add_key(owner);
        }
        for entry in transaction.open_table(RECORDS)?.iter()? {
            let entry = entry?;
            let Some((_, value)) = read_record(entry.1.value()) else {
                return Err(redb::Error::Corrupted("a record has no end".to_owned()));
            };
            ledger.add_record(value.len());
        }
        Ok(ledger)
    }

    pub(super) const fn keys(&self) -> usize {
        self.keys
    }

    pub(super) const fn records(&self) -> usize {
        self.records
    }

    /// Whether `owner` may have one more key.
    pub(super) fn has_room_for_key(&self, owner: Owner) -> bool {
        let owned = self.owned.get(&owner).copied().unwrap_or_default();
        owned < self.room.keys.div_ceil(SHARE)
            && self.keys < self.room.keys
            && self.has_room(ENTRY, 0)
    }

    /// Whether there is room for `added` more bytes of entries where `removed` go.
    pub(super) const fn has_room(&self, added: u64, removed: u64) -> bool {
        let bytes = self.bytes.saturating_sub(removed).saturating_add(added);
        bytes.saturating_mul(SPREAD) <= self.room.bytes
    }

    pub(super) fn add_key(&mut self, owner: Owner) {
        self.keys = self.keys.saturating_add(1);
        self.bytes = self.bytes.saturating_add(ENTRY);
        let owned = self.owned.entry(owner).or_default();
        *owned = owned.saturating_add(1);
    }

    pub(super) fn remove_key(&mut self, owner: Owner) {
        self.keys = self.keys.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(ENTRY);
        if let Some(owned) = self.owned.get_mut(&owner) {
            *owned = owned.saturating_sub(1);
            if *owned == 0 {
                self.owned.remove(&owner);
            }
        }
    }

    pub(super) const fn add_record(&mut self, length: usize) {
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(record(length));
    }

    pub(super) const fn remove_record(&mut self, length: usize) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(record(length));
    }
}

/// What a record takes whose value has `length` bytes.
pub(super) const fn record(length: usize) -> u64 {
    ENTRY.saturating_add(length as u64)
}
