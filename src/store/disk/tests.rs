use std::{
    fs::File,
    ops::Bound,
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicBool, AtomicU64},
};

use redb::{BackendError, DatabaseError, StorageBackend, backends::FileBackend};

use super::*;

mod faults;
mod files;
mod model;

const NOW: UnixTime = UnixTime(1000);

/// What goes wrong with a file, as a test wants it.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The disk is full.
    pub(super) full: AtomicBool,
    /// How often the file was made durable.
    pub(super) syncs: AtomicU64,
}

/// A file with faults.
#[derive(Debug)]
pub(super) struct Faulty {
    file: FileBackend,
    faults: Arc<Faults>,
}

impl Faulty {
    pub(super) fn new(file: File, faults: &Arc<Faults>) -> Result<Self, DatabaseError> {
        Ok(Self {
            file: FileBackend::new(file)?,
            faults: Arc::clone(faults),
        })
    }

    fn check(&self) -> std::io::Result<()> {
        if self.faults.full.load(Relaxed) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl StorageBackend for Faulty {
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.faults.syncs.fetch_add(1, Relaxed);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> std::io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

fn settings(folder: &Path) -> Settings {
    Settings {
        entries: 1000,
        path: Some(folder.join("state/store.redb")),
        max_size: 16 << 20,
        ..Settings::default()
    }
}

fn open(folder: &Path) -> (Disk, Clock) {
    let clock = Clock::standing_at(NOW);
    (Disk::open(&settings(folder), clock.clone()).unwrap(), clock)
}

fn open_with(folder: &Path, faults: &Arc<Faults>) -> Disk {
    let settings = settings(folder);
    let mut place = Place::take(settings.path.as_deref().unwrap()).unwrap();
    place.faults = Some(Arc::clone(faults));
    Disk::start(place, &settings, Duration::ZERO, Clock::standing_at(NOW)).unwrap()
}

fn key(number: usize) -> Key {
    Key::of("test", &[number.to_string().as_bytes()])
}

fn owner(name: &str) -> Owner {
    Owner::issuer(name)
}

fn add(number: usize, value: &str) -> Vec<Change> {
    vec![Change::add(key(number), value.into(), UnixTime(2000))]
}

fn size(store: &Disk) -> (usize, usize) {
    let size = store.size().unwrap();
    (size.entries, size.records)
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clock) = open(folder.path());
    let end = UnixTime(1010);
    assert_eq!(store.consume_once(owner("a"), key(1), end).await, Ok(true));
    assert_eq!(store.consume_once(owner("a"), key(1), end).await, Ok(false));
    assert_eq!(store.apply(add(1, "one")).await, Ok(true));
    assert_eq!(store.apply(add(1, "one")).await, Ok(false));
    drop(store);
    let (store, clock_again) = open(folder.path());
    assert_eq!(size(&store), (1, 1));
    assert_eq!(store.consume_once(owner("b"), key(1), end).await, Ok(false));
    assert_eq!(store.contains(key(1)).await, Ok(true));
    assert_eq!(store.contains(key(2)).await, Ok(false));
    assert_eq!(store.get(key(1)).await, Ok(Some(b"one".to_vec())));
    assert_eq!(store.get(key(2)).await, Ok(None));
    assert_eq!(store.apply(add(1, "two")).await, Ok(false));
    // It ends as it would have without the restart.
    clock.advance(10);
    clock_again.advance(10);
    assert_eq!(store.contains(key(1)).await, Ok(false));
    let later = UnixTime(1020);
    assert_eq!(
        store.consume_once(owner("a"), key(1), later).await,
        Ok(true)
    );
    assert_eq!(size(&store), (1, 1));
}

#[tokio::test]
async fn all_changes_are_made_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clock) = open(folder.path());
    let two = || [add(1, "a"), add(2, "b")].concat();
    assert_eq!(store.apply(two()).await, Ok(true));
    assert_eq!(
        store.apply([add(3, "c"), add(2, "b")].concat()).await,
        Ok(false)
    );
    assert_eq!(store.get(key(3)).await, Ok(None));
    let replace = |old: &str, new: &str| {
        vec![Change::replace(
            key(1),
            old.into(),
            new.into(),
            UnixTime(1010),
        )]
    };
    assert_eq!(store.apply(replace("b", "x")).await, Ok(false));
    assert_eq!(store.apply(replace("a", "x")).await, Ok(true));
    assert_eq!(store.get(key(1)).await, Ok(Some(b"x".to_vec())));
    assert_eq!(store.apply(vec![Change::remove(key(2))]).await, Ok(true));
    assert_eq!(store.get(key(2)).await, Ok(None));
    // What has ended compares with nothing.
    clock.advance(10);
    assert_eq!(store.get(key(1)).await, Ok(None));
    assert_eq!(store.apply(replace("x", "y")).await, Ok(false));
    assert_eq!(store.apply(add(1, "z")).await, Ok(true));
}

#[tokio::test]
async fn of_many_at_once_one_is_the_first_and_they_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()).0);
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        let once = async move {
            let (owner, key) = (owner("a"), key(number / 4));
            store.consume_once(owner, key, UnixTime(2000)).await
        };
        asked.spawn(once);
    }
    let answers = asked.join_all().await;
    assert_eq!(answers.iter().filter(|a| **a == Ok(true)).count(), 50);
    assert_eq!(answers.iter().filter(|a| **a == Ok(false)).count(), 150);
    let commits = store.size().unwrap().disk.unwrap().commits;
    assert!(commits < 50, "{commits}");
}

#[tokio::test]
async fn a_full_store_refuses_and_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::standing_at(NOW);
    let settings = Settings {
        entries: 8,
        ..settings(folder.path())
    };
    let store = Disk::open(&settings, clock.clone()).unwrap();
    let consume = async |who: &str, number: usize| {
        let until = NOW.plus(number as i64);
        store.consume_once(owner(who), key(number), until).await
    };
    for (who, number) in [("a", 1), ("a", 2), ("b", 3), ("b", 4), ("c", 5), ("c", 6)] {
        assert_eq!(consume(who, number).await, Ok(true));
    }
    assert_eq!(consume("a", 9).await, Err(StoreError::Full));
    assert_eq!(consume("a", 1).await, Ok(false));
    assert_eq!(consume("d", 7).await, Ok(true));
    assert_eq!(consume("d", 8).await, Ok(true));
    assert_eq!(consume("e", 9).await, Err(StoreError::Full));
    clock.advance(1);
    assert_eq!(consume("e", 9).await, Ok(true));
    assert_eq!(consume("b", 3).await, Ok(false));
    assert_eq!(size(&store), (8, 0));
}

#[tokio::test]
async fn the_file_stays_within_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clock) = open(folder.path());
    let large = |number: usize, until: i64| {
        let value = vec![b'x'; 10_000 + number % 7 * 1000];
        Change::put(key(number), value, UnixTime(until))
    };
    // Again and again full, and other records each time.
    for round in 0..3_usize {
        let (mut number, end) = (round * 10_000, 2000 + 10 * round as i64);
        loop {
            let changes = (number..number + 20).map(|n| large(n, end)).collect();
            number += 20;
            match store.apply(changes).await {
                Ok(true) => {}
                other => break assert_eq!(other, Err(StoreError::Full)),
            }
        }
        let held = number - round * 10_000;
        assert!(held > 200, "{held}");
        let disk = store.size().unwrap().disk.unwrap();
        assert!(disk.bytes <= disk.capacity, "{disk:?}");
        // To remove needs no room, and makes some.
        let first = key(round * 10_000);
        assert_eq!(store.apply(vec![Change::remove(first)]).await, Ok(true));
        assert_eq!(store.get(first).await, Ok(None));
        clock.set(UnixTime(end));
        while size(&store).1 > 0 {
            assert_eq!(store.apply(vec![Change::remove(first)]).await, Ok(true));
        }
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    let long = |length| vec![Change::put(key(1), vec![0; length], UnixTime(2000))];
    let most = super::super::records::MAX_VALUE;
    assert_eq!(store.apply(long(most + 1)).await, Err(StoreError::Full));
    assert_eq!(store.apply(long(most)).await, Ok(true));
    let many = |number| (0..number).flat_map(|n| add(n + 10, "")).collect();
    let most = super::super::records::MAX_CHANGES;
    assert_eq!(store.apply(many(most + 1)).await, Err(StoreError::Full));
    assert_eq!(store.apply(many(most)).await, Ok(true));
}
