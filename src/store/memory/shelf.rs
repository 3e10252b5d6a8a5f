//! Records in memory, in so much room and no more.

use std::collections::{BTreeSet, HashMap};

use super::SWEPT;
use crate::{
    clock::UnixTime,
    store::{Change, Key, StoreError, records},
};

/// Records, found by their key and by their end.
#[derive(Default)]
pub(super) struct Shelf {
    records: HashMap<Key, Record>,
    /// Every record once, that which ends first in front.
    ends: BTreeSet<(UnixTime, Key)>,
    /// What the values take.
    bytes: usize,
}

/// How many records there may be, and what their values may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

struct Record {
    value: Vec<u8>,
    until: UnixTime,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The value at `key`, if it has not ended.
    pub(super) fn get(&self, key: &Key, now: UnixTime) -> Option<&[u8]> {
        let record = self.records.get(key)?;
        (now < record.until).then_some(&*record.value)
    }

    /// Makes all changes or none; see [`crate::store::Records::apply`].
    pub(super) fn apply(
        &mut self,
        changes: Vec<Change>,
        room: Room,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        self.sweep(now);
        if records::are_too_large(&changes) {
            return Err(StoreError::Full);
        }
        if !changes
            .iter()
            .all(|change| change.compares(self.get(&change.key, now)))
        {
            return Ok(false);
        }
        if !self.has_room(&changes, room) {
            return Err(StoreError::Full);
        }
        for change in changes {
            self.remove(&change.key);
            if let Some((value, until)) = change.new.filter(|(_, until)| now < *until) {
                self.bytes += value.len();
                self.ends.insert((until, change.key));
                self.records.insert(change.key, Record { value, until });
            }
        }
        Ok(true)
    }

    /// Whether everything fits when it is changed. What only removes always does.
    fn has_room(&self, changes: &[Change], room: Room) -> bool {
        let (mut entries, mut bytes) = (self.records.len(), self.bytes);
        let mut adds = false;
        // A key that stands in the list twice counts twice, and what it replaces counts once.
        let replaced: BTreeSet<&Key> = changes.iter().map(|change| &change.key).collect();
        for record in replaced.into_iter().filter_map(|key| self.records.get(key)) {
            entries = entries.saturating_sub(1);
            bytes = bytes.saturating_sub(record.value.len());
        }
        for (value, _) in changes.iter().filter_map(|change| change.new.as_ref()) {
            adds = true;
            entries = entries.saturating_add(1);
            bytes = bytes.saturating_add(value.len());
        }
        !adds || (entries <= room.entries && bytes <= room.bytes)
    }

    /// Removes some of the records that have ended.
    fn sweep(&mut self, now: UnixTime) {
        for _ in 0..SWEPT {
            match self.ends.first().copied() {
                Some((until, key)) if until <= now => self.remove(&key),
                Some(_) | None => return,
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(Record { value, until }) = self.records.remove(key) {
            self.bytes = self.bytes.saturating_sub(value.len());
            self.ends.remove(&(until, *key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1000);
    const LARGE: Room = Room {
        entries: 1000,
        bytes: 1_000_000,
    };

    fn key(number: usize) -> Key {
        Key::of("test", &[number.to_string().as_bytes()])
    }

    fn put(number: usize, value: &str, until: i64) -> Change {
        Change::put(key(number), value.into(), UnixTime(until))
    }

    /// Nothing is counted that is not there, and everything that is.
    fn is_sound(shelf: &Shelf) {
        let bytes: usize = shelf.records.values().map(|r| r.value.len()).sum();
        assert_eq!(shelf.bytes, bytes);
        assert_eq!(shelf.ends.len(), shelf.records.len());
    }

    #[test]
    fn a_record_is_there_until_its_end() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.get(&key(1), NOW), None);
        assert_eq!(shelf.apply(vec![put(1, "a", 1010)], LARGE, NOW), Ok(true));
        assert_eq!(shelf.get(&key(1), NOW), Some(&b"a"[..]));
        assert_eq!(shelf.get(&key(2), NOW), None);
        assert_eq!(shelf.get(&key(1), UnixTime(1009)), Some(&b"a"[..]));
        assert_eq!(shelf.get(&key(1), UnixTime(1010)), None);
        // What has ended already is written to no shelf, and takes away what was there.
        assert_eq!(shelf.apply(vec![put(1, "b", 1000)], LARGE, NOW), Ok(true));
        assert_eq!(shelf.get(&key(1), NOW), None);
        is_sound(&shelf);
    }

    #[test]
    fn a_change_is_made_only_of_what_was_expected() {
        let mut shelf = Shelf::default();
        let add = |value: &str| Change::add(key(1), value.into(), UnixTime(1010));
        let replace =
            |old: &str, new: &str| Change::replace(key(1), old.into(), new.into(), UnixTime(1010));
        let mut apply = |change, now| shelf.apply(vec![change], LARGE, UnixTime(now));
        assert_eq!(apply(replace("", "x"), 1000), Ok(false));
        assert_eq!(apply(add("a"), 1000), Ok(true));
        assert_eq!(apply(add("a"), 1000), Ok(false));
        assert_eq!(apply(replace("b", "x"), 1000), Ok(false));
        assert_eq!(apply(replace("a", "b"), 1000), Ok(true));
        assert_eq!(apply(replace("a", "x"), 1000), Ok(false));
        // It ends, and is not there for any comparison.
        assert_eq!(apply(replace("b", "x"), 1010), Ok(false));
        let again = Change::add(key(1), b"c".to_vec(), UnixTime(1020));
        assert_eq!(apply(again, 1010), Ok(true));
        assert_eq!(apply(Change::remove(key(1)), 1010), Ok(true));
        assert_eq!(apply(replace("c", "x"), 1010), Ok(false));
        is_sound(&shelf);
    }

    #[test]
    fn all_changes_are_made_or_none() {
        let mut shelf = Shelf::default();
        let add = |number| Change::add(key(number), b"a".to_vec(), UnixTime(1010));
        assert_eq!(shelf.apply(vec![add(1), add(2)], LARGE, NOW), Ok(true));
        assert_eq!(shelf.apply(vec![add(3), add(2)], LARGE, NOW), Ok(false));
        assert_eq!(shelf.get(&key(3), NOW), None);
        let changes = vec![Change::remove(key(1)), add(3), put(2, "b", 1010)];
        assert_eq!(shelf.apply(changes, LARGE, NOW), Ok(true));
        let values = [1, 2, 3].map(|number| shelf.get(&key(number), NOW));
        assert_eq!(values, [None, Some(&b"b"[..]), Some(&b"a"[..])]);
        is_sound(&shelf);
    }

    #[test]
    fn a_full_shelf_refuses_and_forgets_nothing() {
        let mut shelf = Shelf::default();
        let room = Room {
            entries: 3,
            bytes: 10,
        };
        let full = Err(StoreError::Full);
        let mut apply = |changes: Vec<Change>| shelf.apply(changes, room, NOW);
        assert_eq!(apply(vec![put(1, "12345678901", 2000)]), full);
        assert_eq!(apply(vec![put(1, "1234567890", 2000)]), Ok(true));
        assert_eq!(apply(vec![put(2, "1", 2000)]), full);
        assert_eq!(
            apply(vec![put(1, "12345678", 2000), put(2, "1", 1010)]),
            Ok(true)
        );
        assert_eq!(apply(vec![put(3, "1", 1010)]), Ok(true));
        assert_eq!(apply(vec![put(4, "", 1010)]), full);
        assert_eq!(apply(vec![Change::remove(key(9))]), Ok(true));
        assert_eq!(apply(vec![Change::remove(key(2))]), Ok(true));
        assert_eq!(apply(vec![put(4, "", 1010)]), Ok(true));
        assert_eq!(shelf.get(&key(1), NOW), Some(&b"12345678"[..]));
        // Two end, and their places are free.
        let later = UnixTime(1010);
        let two = vec![put(5, "5", 2000), put(6, "6", 2000)];
        assert_eq!(shelf.apply(two, room, later), Ok(true));
        is_sound(&shelf);
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let mut shelf = Shelf::default();
        let long = |length| vec![Change::put(key(1), vec![0; length], UnixTime(2000))];
        let full = Err(StoreError::Full);
        assert_eq!(shelf.apply(long(records::MAX_VALUE + 1), LARGE, NOW), full);
        assert_eq!(shelf.apply(long(records::MAX_VALUE), LARGE, NOW), Ok(true));
        let many = |number| (0..number).map(|n| put(n, "", 2000)).collect();
        assert_eq!(
            shelf.apply(many(records::MAX_CHANGES + 1), LARGE, NOW),
            full
        );
        assert_eq!(
            shelf.apply(many(records::MAX_CHANGES), LARGE, NOW),
            Ok(true)
        );
    }

    #[test]
    fn what_has_ended_goes_a_few_at_a_time() {
        let mut shelf = Shelf::default();
        for number in 0..1000 {
            assert_eq!(
                shelf.apply(vec![put(number, "a", 1005)], LARGE, NOW),
                Ok(true)
            );
        }
        for calls in 1..=20 {
            let change = put(10_000 + calls, "a", 2000);
            assert_eq!(shelf.apply(vec![change], LARGE, UnixTime(1005)), Ok(true));
            let left = 1000_usize.saturating_sub(calls * SWEPT) + calls;
            assert_eq!(shelf.len(), left);
        }
        is_sound(&shelf);
    }
}
