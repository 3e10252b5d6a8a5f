//! What is done in one transaction.

use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    layout::{self, ENDS, Kind, ONCE, RECORDS},
    ledger::{self, Ledger},
};
use crate::{
    clock::UnixTime,
    store::{Change, Key, Owner, StoreError, records},
};

/// The tables of a transaction, and the ledger that goes with them. When the transaction is given up, so is
/// the ledger.
pub(super) struct Tables<'t> {
    once: Table<'t, &'static [u8; 32], &'static [u8; 40]>,
    records: Table<'t, &'static [u8; 32], &'static [u8]>,
    ends: Table<'t, &'static [u8; 41], ()>,
    ledger: &'t mut Ledger,
    now: UnixTime,
    changed: bool,
}

/// What whoever asked is told.
pub(super) type Verdict = Result<bool, StoreError>;

impl<'t> Tables<'t> {
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        ledger: &'t mut Ledger,
        now: UnixTime,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            once: transaction.open_table(ONCE)?,
            records: transaction.open_table(RECORDS)?,
            ends: transaction.open_table(ENDS)?,
            ledger,
            now,
            changed: false,
        })
    }

    /// Whether there is anything to commit.
    pub(super) const fn is_changed(&self) -> bool {
        self.changed
    }

    /// As [`crate::store::Store::consume_once`].
    pub(super) fn consume(
        &mut self,
        owner: Owner,
        key: Key,
        until: UnixTime,
    ) -> Result<Verdict, redb::Error> {
        let found = self.once.get(&key.0)?;
        let found = found.map(|entry| layout::read_used(entry.value()));
        if let Some((end, owner)) = found {
            if self.now < end {
                return Ok(Ok(false));
            }
            // It has ended, and the sweep did not come to it yet.
            self.remove_key(key, end, owner)?;
        }
        if until <= self.now {
            return Ok(Ok(true));
        }
        if !self.ledger.has_room_for_key(owner) {
            return Ok(Err(StoreError::Full));
        }
        self.once.insert(&key.0, &layout::used(until, owner))?;
        self.ends.insert(&layout::end(until, Kind::Once, key), ())?;
        self.ledger.add_key(owner);
        self.changed = true;
        Ok(Ok(true))
    }

    /// As [`crate::store::Records::apply`].
    pub(super) fn apply(&mut self, changes: &[Change]) -> Result<Verdict, redb::Error> {
        // What goes is counted once for each key, what comes for each change.
        let mut seen: Vec<Key> = Vec::new();
        let (mut added, mut removed) = (0_u64, 0_u64);
        if records::are_too_large(changes) {
            return Ok(Err(StoreError::Full));
        }
        for change in changes {
            let entry = self.records.get(&change.key.0)?;
            let entry = entry.as_ref().map(|entry| entry.value());
            let found = entry.map(read_record).transpose()?;
            let live = found.filter(|(end, _)| self.now < *end);
            if !change.compares(live.map(|(_, value)| value)) {
                return Ok(Ok(false));
            }
            if let Some((_, value)) = found
                && !seen.contains(&change.key)
            {
                removed = removed.saturating_add(ledger::record(value.len()));
                seen.push(change.key);
            }
            if let Some((value, _)) = &change.new {
                added = added.saturating_add(ledger::record(value.len()));
            }
        }
        if added > 0 && !self.ledger.has_room(added, removed) {
            return Ok(Err(StoreError::Full));
        }
        for change in changes {
            self.write(change)?;
        }
        Ok(Ok(true))
    }

    /// Removes what has ended, so many entries at most.
    pub(super) fn sweep(&mut self, most: usize) -> Result<(), redb::Error> {
        for _ in 0..most {
            let Some((end, kind, key)) = first_end(&self.ends)? else {
                return Ok(());
            };
            if self.now < end {
                return Ok(());
            }
            match kind {
                Kind::Once => {
                    let entry = self.once.get(&key.0)?;
                    let entry = entry.map(|entry| layout::read_used(entry.value()));
                    let (_, owner) = entry.ok_or_else(|| corrupted("an end has no key"))?;
                    self.remove_key(key, end, owner)?;
                }
                Kind::Record => self.remove_record(key)?,
            }
            // Whatever it was the end of: nothing is found here twice.
            self.ends.remove(&layout::end(end, kind, key))?;
            self.changed = true;
        }
        Ok(())
    }

    fn write(&mut self, change: &Change) -> Result<(), redb::Error> {
        self.remove_record(change.key)?;
        let Some((value, until)) = &change.new else {
            return Ok(());
        };
        if *until <= self.now {
            return Ok(());
        }
        let entry = layout::record(*until, value);
        self.records.insert(&change.key.0, entry.as_slice())?;
        self.ends
            .insert(&layout::end(*until, Kind::Record, change.key), ())?;
        self.ledger.add_record(value.len());
        self.changed = true;
        Ok(())
    }

    fn remove_key(&mut self, key: Key, end: UnixTime, owner: Owner) -> Result<(), redb::Error> {
        self.once.remove(&key.0)?;
        self.ends.remove(&layout::end(end, Kind::Once, key))?;
        self.ledger.remove_key(owner);
        self.changed = true;
        Ok(())
    }

    fn remove_record(&mut self, key: Key) -> Result<(), redb::Error> {
        let Some(entry) = self.records.remove(&key.0)? else {
            return Ok(());
        };
        let (end, value) = read_record(entry.value())?;
        self.ends.remove(&layout::end(end, Kind::Record, key))?;
        self.ledger.remove_record(value.len());
        self.changed = true;
        Ok(())
    }
}

/// The end that comes first, if anything is there.
pub(super) fn first_end(
    ends: &impl ReadableTable<&'static [u8; 41], ()>,
) -> Result<Option<(UnixTime, Kind, Key)>, redb::Error> {
    let Some((end, _)) = ends.first()? else {
        return Ok(None);
    };
    let end = layout::read_end(end.value()).ok_or_else(|| corrupted("an end of nothing"))?;
    Ok(Some(end))
}

/// A record's end and value.
pub(super) fn read_record(entry: &[u8]) -> Result<(UnixTime, &[u8]), redb::Error> {
    layout::read_record(entry).ok_or_else(|| corrupted("a record has no end"))
}

fn corrupted(what: &str) -> redb::Error {
    redb::Error::Corrupted(what.to_owned())
}
