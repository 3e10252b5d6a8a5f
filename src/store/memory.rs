//! A store in the gateway's own memory: it ends with the gateway, and no other one sees it.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Answer, Change, Key, Owner, Records, SHARE, Size, Store, StoreError};
use crate::clock::{Clock, UnixTime};

mod shelf;

use shelf::{Room, Shelf};

/// Keys and records in memory, at most so many of each.
pub struct Memory {
    state: Mutex<State>,
    shelf: Mutex<Shelf>,
    clock: Clock,
    capacity: usize,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// Every entry once, that which ends first on top.
    ends: BinaryHeap<Reverse<(UnixTime, Key)>>,
    /// How many entries each owner has; one who has none is not in it.
    owned: HashMap<Owner, usize>,
}

struct Entry {
    owner: Owner,
    until: UnixTime,
}

/// How many ended entries one call removes at most: more than it adds, and not so many that all who wait
/// for the lock would notice.
const SWEPT: usize = 64;

/// What the values of all records may take, for each record that there may be, in bytes.
const VALUE: usize = 512;

impl Memory {
    /// A store of at most `capacity` keys, of which one owner may have a quarter. A key takes about 200
    /// bytes. Apart from them there may be as many records, whose values take at most 512 bytes each, one with
    /// another.
    #[must_use]
    pub fn new(capacity: usize, clock: Clock) -> Self {
        Self {
            state: Mutex::default(),
            shelf: Mutex::default(),
            clock,
            capacity,
        }
    }

    fn consume(&self, owner: Owner, key: Key, until: UnixTime) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.sweep(now);
        if state.is_live(&key, now) {
            return Ok(false);
        }
        // It may have ended, and the sweep did not come to it yet.
        state.remove(&key);
        let owned = state.owned.get(&owner).copied().unwrap_or_default();
        let share = self.capacity.div_ceil(SHARE);
        if owned >= share || state.entries.len() >= self.capacity {
            return Err(StoreError::Full);
        }
        state.owned.insert(owner, owned + 1);
        state.ends.push(Reverse((until, key)));
        state.entries.insert(key, Entry { owner, until });
        Ok(true)
    }

    /// No code that holds the lock can panic half-way; were it so, what is remembered is still true.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_live(&self, key: &Key, now: UnixTime) -> bool {
        self.entries.get(key).is_some_and(|entry| now < entry.until)
    }

    /// Removes some of the entries that have ended.
    fn sweep(&mut self, now: UnixTime) {
        for _ in 0..SWEPT {
            match self.ends.peek() {
                Some(Reverse((until, _))) if *until <= now => {}
                Some(_) | None => return,
            }
            if let Some(Reverse((until, key))) = self.ends.pop()
                // It may have been consumed anew since.
                && self.entries.get(&key).is_some_and(|e| e.until == until)
            {
                self.remove(&key);
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        let Some(Entry { owner, .. }) = self.entries.remove(key) else {
            return;
        };
        let left = self
            .owned
            .get(&owner)
            .map_or(0, |owned| owned.saturating_sub(1));
        if left == 0 {
            self.owned.remove(&owner);
        } else {
            self.owned.insert(owner, left);
        }
    }
}

impl Store for Memory {
    fn consume_once(&self, owner: Owner, key: Key, until: UnixTime) -> Answer<'_, bool> {
        Box::pin(async move { self.consume(owner, key, until) })
    }

    fn contains(&self, key: Key) -> Answer<'_, bool> {
        Box::pin(async move { Ok(self.lock().is_live(&key, self.clock.now())) })
    }

    fn size(&self) -> Option<Size> {
        Some(Size {
            entries: self.lock().entries.len(),
            capacity: self.capacity,
            records: self.shelf().len(),
            disk: None,
        })
    }
}

impl Records for Memory {
    fn get(&self, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let now = self.clock.now();
            Ok(self.shelf().get(&key, now).map(<[u8]>::to_vec))
        })
    }

    fn apply(&self, changes: Vec<Change>) -> Answer<'_, bool> {
        Box::pin(async move {
            let room = Room {
                entries: self.capacity,
                bytes: self.capacity.saturating_mul(VALUE),
            };
            let now = self.clock.now();
            self.shelf().apply(changes, room, now)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    const NOW: UnixTime = UnixTime(1000);

    fn store(capacity: usize) -> (Memory, Clock) {
        let clock = Clock::standing_at(NOW);
        (Memory::new(capacity, clock.clone()), clock)
    }

    fn key(number: usize) -> Key {
        Key::of("test", &[number.to_string().as_bytes()])
    }

    fn owner(name: &str) -> Owner {
        Owner::issuer(name)
    }

    fn size(store: &Memory) -> usize {
        store.size().unwrap().entries
    }

    #[test]
    fn a_key_is_good_once_until_its_end() {
        let (store, clock) = store(100);
        let once = |until| store.consume(owner("a"), key(1), UnixTime(until));
        assert_eq!(once(1010), Ok(true));
        assert_eq!(once(1010), Ok(false));
        // Whoever says it lasts longer does not prolong it, nor does another owner make it new.
        assert_eq!(once(2000), Ok(false));
        assert_eq!(store.consume(owner("b"), key(1), UnixTime(1010)), Ok(false));
        clock.advance(9);
        assert_eq!(once(1010), Ok(false));
        clock.advance(1);
        assert_eq!(once(1020), Ok(true));
        assert_eq!(size(&store), 1);
    }

    #[tokio::test]
    async fn to_look_changes_nothing() {
        let (store, clock) = store(100);
        assert_eq!(store.contains(key(1)).await, Ok(false));
        assert_eq!(size(&store), 0);
        let consumed = store.consume_once(owner("a"), key(1), UnixTime(1001)).await;
        assert_eq!(consumed, Ok(true));
        assert_eq!(store.contains(key(1)).await, Ok(true));
        clock.advance(1);
        assert_eq!(store.contains(key(1)).await, Ok(false));
    }

    #[tokio::test]
    async fn records_are_no_keys() {
        let (store, clock) = store(100);
        let add = || vec![Change::add(key(1), b"a".to_vec(), UnixTime(1010))];
        assert_eq!(store.apply(add()).await, Ok(true));
        assert_eq!(store.apply(add()).await, Ok(false));
        assert_eq!(store.get(key(1)).await, Ok(Some(b"a".to_vec())));
        assert_eq!(store.contains(key(1)).await, Ok(false));
        clock.advance(10);
        assert_eq!(store.get(key(1)).await, Ok(None));
        // They have room of their own, and so many and no more.
        let add = |number| vec![Change::add(key(number), Vec::new(), UnixTime(2000))];
        for number in 0..100 {
            assert_eq!(store.apply(add(number)).await, Ok(true));
        }
        assert_eq!(store.apply(add(100)).await, Err(StoreError::Full));
        assert_eq!(store.consume(owner("a"), key(1), UnixTime(2000)), Ok(true));
    }

    #[test]
    fn a_full_store_refuses_and_forgets_nothing() {
        let (store, clock) = store(8);
        let consume =
            |who: &str, number| store.consume(owner(who), key(number), NOW.plus(number as i64));
        assert_eq!(consume("a", 1), Ok(true));
        assert_eq!(consume("a", 2), Ok(true));
        // A quarter is taken, and others still find room.
        assert_eq!(consume("a", 3), Err(StoreError::Full));
        assert_eq!(consume("b", 4), Ok(true));
        // Those that are remembered are still known.
        assert_eq!(consume("a", 1), Ok(false));
        for (who, number) in [("b", 5), ("c", 6), ("c", 7), ("d", 8), ("d", 9)] {
            assert_eq!(consume(who, number), Ok(true), "{number}");
        }
        assert_eq!(consume("e", 10), Err(StoreError::Full));
        assert_eq!(size(&store), 8);
        // One ends, and its place is free.
        clock.advance(1);
        assert_eq!(consume("e", 10), Ok(true));
        assert_eq!(consume("a", 2), Ok(false));
        assert_eq!(size(&store), 8);
    }

    #[test]
    fn what_has_ended_goes_a_few_at_a_time() {
        let (store, clock) = store(4000);
        for number in 0..1000 {
            assert_eq!(
                store.consume(owner("a"), key(number), NOW.plus(5)),
                Ok(true)
            );
        }
        clock.advance(5);
        for calls in 1..=10 {
            let _ = store.consume(owner("b"), key(10_000 + calls), NOW.plus(60));
            assert_eq!(size(&store), 1000 - calls * SWEPT + calls);
        }
        for calls in 11..=20 {
            let _ = store.consume(owner("b"), key(10_000 + calls), NOW.plus(60));
        }
        assert_eq!(size(&store), 20);
        assert_eq!(store.lock().ends.len(), 20);
        assert_eq!(store.lock().owned.len(), 1);
    }

    #[test]
    fn of_many_at_once_one_is_the_first() {
        let (store, _) = store(1000);
        let (store, threads) = (Arc::new(store), 8);
        for number in 0..50 {
            let (first, start) = (AtomicUsize::new(0), Barrier::new(threads));
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        start.wait();
                        let new = store.consume(owner("a"), key(number), NOW.plus(60));
                        first.fetch_add(usize::from(new.unwrap()), Ordering::Relaxed);
                    });
                }
            });
            assert_eq!(first.into_inner(), 1);
        }
    }
}
