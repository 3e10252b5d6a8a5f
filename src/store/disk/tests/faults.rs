//! A disk that fails.

use super::*;

#[tokio::test]
async fn a_full_disk_is_refused_counted_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let store = open_with(folder.path(), &faults);
    let end = UnixTime(2000);
    let once = async |number| store.consume_once(owner("a"), key(number), end).await;
    assert_eq!(once(1).await, Ok(true));
    faults.full.store(true, Relaxed);
    for number in 2..6 {
        assert_eq!(once(number).await, Err(StoreError::Unavailable));
        assert_eq!(
            store.apply(add(number, "x")).await,
            Err(StoreError::Unavailable)
        );
    }
    let disk = store.size().unwrap().disk.unwrap();
    assert!(disk.errors >= 4, "{disk:?}");
    assert!(!disk.is_open);
    faults.full.store(false, Relaxed);
    // What was answered before is known, and what was refused is not.
    assert_eq!(once(1).await, Ok(false));
    assert_eq!(once(6).await, Ok(true));
    assert_eq!(store.get(key(2)).await, Ok(None));
    assert!(store.size().unwrap().disk.unwrap().is_open);
    drop(store);
    let store = open(folder.path()).0;
    for (number, remembered) in [(1, true), (2, false), (6, true)] {
        assert_eq!(store.contains(key(number)).await, Ok(remembered));
    }
}

#[tokio::test]
async fn nothing_is_answered_before_it_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let store = open_with(folder.path(), &faults);
    for number in 0..5 {
        let before = faults.syncs.load(Relaxed);
        let end = UnixTime(2000);
        let consumed = store.consume_once(owner("a"), key(number), end).await;
        assert_eq!(consumed, Ok(true));
        assert!(faults.syncs.load(Relaxed) > before);
        // What changes nothing needs no disk.
        let before = faults.syncs.load(Relaxed);
        let consumed = store.consume_once(owner("a"), key(number), end).await;
        assert_eq!(consumed, Ok(false));
        assert_eq!(faults.syncs.load(Relaxed), before);
    }
}

#[tokio::test]
async fn a_queue_that_is_full_refuses() {
    let shared = Arc::new(Shared::new());
    let first = Weight::of(60, 100, &shared).unwrap();
    assert!(Weight::of(41, 100, &shared).is_none());
    assert!(Weight::of(40, 100, &shared).is_some());
    drop(first);
    assert!(Weight::of(100, 100, &shared).is_some());
    assert_eq!(shared.waiting.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_answered_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    let began = tokio::time::Instant::now();
    let (answer, later) = oneshot::channel::<Result<bool, StoreError>>();
    assert_eq!(
        store.answer(true, later).await,
        Err(StoreError::Unavailable)
    );
    assert!(began.elapsed() >= PATIENCE);
    drop(answer);
    assert_eq!(store.size().unwrap().disk.unwrap().refused, 1);
}
