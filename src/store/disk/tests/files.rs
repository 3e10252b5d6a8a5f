//! What the file may be, and what not.

use std::fs::{self, Permissions};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn refusal(folder: &Path) -> String {
    let opened = Disk::open(&settings(folder), Clock::standing_at(NOW));
    opened.err().unwrap().to_string()
}

fn path(folder: &Path) -> std::path::PathBuf {
    settings(folder).path.unwrap()
}

#[test]
fn only_its_owner_may_touch_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let path = path(folder.path());
    let directory = path.parent().unwrap();
    assert_eq!((mode(directory), mode(&path)), (0o700, 0o600));
    for (place, good, bad) in [
        (&*path, 0o600, 0o640),
        (&*path, 0o600, 0o602),
        (directory, 0o700, 0o770),
        (directory, 0o755, 0o757),
    ] {
        fs::set_permissions(place, Permissions::from_mode(bad)).unwrap();
        let refusal = refusal(folder.path());
        assert!(refusal.contains("others than its owner"), "{refusal}");
        fs::set_permissions(place, Permissions::from_mode(good)).unwrap();
        drop(open(folder.path()));
    }
}

#[test]
fn it_is_one_process_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    assert!(refusal(folder.path()).contains("in use by another process"));
    drop(first);
    drop(open(folder.path()));
}

#[tokio::test]
async fn a_damaged_file_is_told_of_and_left() {
    for content in [&b""[..], b"x", &[0; 4096], &[b'x'; 100_000]] {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        let path = path(folder.path());
        fs::write(&path, content).unwrap();
        let refusal = refusal(folder.path());
        assert!(refusal.contains("is damaged"), "{refusal}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(path(folder.path())).unwrap();
    assert!(refusal(folder.path()).contains("it is no file"));
}

#[test]
fn another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let path = path(folder.path());
    let about = |format: Option<u64>| {
        let database = redb::Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut table = transaction.open_table(layout::ABOUT).unwrap();
        table.remove(layout::FORMAT).unwrap();
        if let Some(format) = format {
            table.insert(layout::FORMAT, format).unwrap();
        }
        drop(table);
        transaction.commit().unwrap();
    };
    about(Some(2));
    assert!(refusal(folder.path()).contains("has format 2"));
    about(None);
    assert!(refusal(folder.path()).contains("does not say"));
    about(Some(1));
    drop(open(folder.path()));
}

#[test]
fn a_beginning_that_was_interrupted_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path());
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    let unfinished = path.with_extension("redb.unfinished");
    fs::write(&unfinished, "half").unwrap();
    drop(open(folder.path()));
    assert!(!unfinished.exists());
    assert!(path.exists());
}

/// A byte that changed is found, or does not matter; in no case is something else read than was written.
#[tokio::test]
async fn no_changed_byte_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    for number in 0..200 {
        let value = format!("value {number}");
        assert_eq!(store.apply(add(number, &value)).await, Ok(true));
    }
    drop(store);
    let path = path(folder.path());
    let sound = fs::read(&path).unwrap();
    let (mut found, step) = (0, sound.len() / 60 + 1);
    for place in (0..sound.len()).step_by(step).chain([9, 64, 128, 200]) {
        let mut changed = sound.clone();
        changed[place] ^= 0x55;
        fs::write(&path, &changed).unwrap();
        let Ok(store) = Disk::open(&settings(folder.path()), Clock::standing_at(NOW)) else {
            found += 1;
            continue;
        };
        for number in 0..200 {
            let value = format!("value {number}");
            let read = store.get(key(number)).await;
            assert_eq!(read, Ok(Some(value.into_bytes())), "byte {place}");
        }
    }
    assert!(found > 0);
}
