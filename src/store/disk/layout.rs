//! What stands in the file: four tables, and what their bytes mean.

use redb::TableDefinition;

use crate::{
    clock::UnixTime,
    store::{Key, Owner},
};

/// Keys that are used up: until when, and whose they are.
pub(super) const ONCE: TableDefinition<'static, &[u8; 32], &[u8; 40]> =
    TableDefinition::new("once");

/// Records: until when, and the value.
pub(super) const RECORDS: TableDefinition<'static, &[u8; 32], &[u8]> =
    TableDefinition::new("records");

/// Every key of both tables once, that which ends first in front.
pub(super) const ENDS: TableDefinition<'static, &[u8; 41], ()> = TableDefinition::new("ends");

/// What the file is.
pub(super) const ABOUT: TableDefinition<'static, &str, u64> = TableDefinition::new("about");

/// The name of the format's number in [`ABOUT`].
pub(super) const FORMAT: &str = "portcullis store format";

/// The format that is written, and the only one that is read.
pub(super) const KNOWN_FORMAT: u64 = 1;

/// The table of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Once,
    Record,
}

/// What an entry takes beside a record's value, in bytes, in its table and in [`ENDS`].
pub(super) const ENTRY: u64 = 32 + 40 + 41;

/// An end as bytes that sort as the times do, also before 1970.
fn time(until: UnixTime) -> [u8; 8] {
    (until.0.cast_unsigned() ^ SIGN).to_be_bytes()
}

fn until(bytes: [u8; 8]) -> UnixTime {
    UnixTime((u64::from_be_bytes(bytes) ^ SIGN).cast_signed())
}

const SIGN: u64 = 1 << 63;

/// The entry of a used key.
pub(super) fn used(end: UnixTime, owner: Owner) -> [u8; 40] {
    let mut bytes = [0; 40];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&time(end));
    tail.copy_from_slice(&owner.0);
    bytes
}

/// What [`used`] was made of.
pub(super) fn read_used(bytes: &[u8; 40]) -> (UnixTime, Owner) {
    let (mut end, mut owner) = ([0; 8], [0; 32]);
    let (head, tail) = bytes.split_at(8);
    end.copy_from_slice(head);
    owner.copy_from_slice(tail);
    (until(end), Owner(owner))
}

/// The entry of a record.
pub(super) fn record(end: UnixTime, value: &[u8]) -> Vec<u8> {
    [&time(end), value].concat()
}

/// What [`record`] was made of; `None`: this is no record's entry.
pub(super) fn read_record(bytes: &[u8]) -> Option<(UnixTime, &[u8])> {
    let (end, value) = bytes.split_first_chunk::<8>()?;
    Some((until(*end), value))
}

/// Where an entry stands in [`ENDS`].
pub(super) fn end(end: UnixTime, kind: Kind, key: Key) -> [u8; 41] {
    let mut bytes = [0; 41];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&time(end));
    if let Some((first, rest)) = tail.split_first_mut() {
        *first = match kind {
            Kind::Once => 0,
            Kind::Record => 1,
        };
        rest.copy_from_slice(&key.0);
    }
    bytes
}

/// What [`end`] was made of; `None`: it was made of nothing.
pub(super) fn read_end(bytes: &[u8; 41]) -> Option<(UnixTime, Kind, Key)> {
    let (end, tail) = bytes.split_first_chunk::<8>()?;
    let (kind, key) = tail.split_first()?;
    let kind = match kind {
        0 => Kind::Once,
        1 => Kind::Record,
        _ => return None,
    };
    Some((until(*end), kind, Key(*key.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_were_written() {
        let key = Key::of("test", &[b"1"]);
        for at in [i64::MIN, -1, 0, 1, 1_700_000_000, i64::MAX].map(UnixTime) {
            let owner = Owner::issuer("a");
            assert_eq!(read_used(&used(at, owner)), (at, owner));
            assert_eq!(read_record(&record(at, b"v")), Some((at, &b"v"[..])));
            for kind in [Kind::Once, Kind::Record] {
                assert_eq!(read_end(&end(at, kind, key)), Some((at, kind, key)));
            }
        }
        assert_eq!(read_record(&[0; 7]), None);
        let mut strange = end(UnixTime(0), Kind::Record, key);
        strange[8] = 2;
        assert_eq!(read_end(&strange), None);
    }

    #[test]
    fn ends_sort_as_times_do() {
        let key = Key::of("test", &[b"1"]);
        let times = [i64::MIN, -5, -1, 0, 1, 255, 256, 1 << 40, i64::MAX];
        let ends = times.map(|at| end(UnixTime(at), Kind::Once, key));
        assert!(ends.is_sorted());
    }
}
