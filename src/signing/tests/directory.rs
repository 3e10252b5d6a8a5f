//! A directory of keys: what is made, what is left by a crash, and what is refused.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::*;
use crate::{clock::UnixTime, jose::Algorithm};

const NOW: UnixTime = UnixTime(1_800_000_000);

fn settings() -> Settings {
    Settings {
        algorithm: Algorithm::EdDsa,
        ..Settings::default()
    }
}

/// A folder that is removed at the end, with a directory of one key in it.
fn one_key() -> (tempfile::TempDir, PathBuf, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/keys");
    let directory = Directory::new(path.clone());
    directory.generate(&settings(), None, NOW).unwrap();
    (folder, path, directory)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The files of keys.
fn files(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "pem"))
        .collect();
    files.sort();
    files
}

fn phases(directory: &Directory, now: UnixTime) -> Vec<&'static str> {
    let signer = directory.load().unwrap();
    let keys = signer.keys().iter();
    keys.map(|held| held.life.phase_at(now).name()).collect()
}

#[test]
fn the_first_key_signs_at_once_and_is_the_owners_alone() {
    let (_folder, path, directory) = one_key();
    assert_eq!((mode(&path), mode(&files(&path)[0])), (0o700, 0o600));
    assert_eq!(phases(&directory, NOW), ["signing"]);
    let signer = directory.load().unwrap();
    assert!(signer.key_at(NOW.plus(-1)).is_none());
    let watched: Vec<_> = signer.watched().collect();
    assert_eq!(watched, [path.as_path(), &files(&path)[0]]);
    assert!(!format!("{signer:?}").contains("PRIVATE"));
    // As any other program reads it.
    let content = fs::read(&files(&path)[0]).unwrap();
    let key = SigningKey::read(&content, Some(Algorithm::EdDsa)).unwrap();
    assert_eq!(key.kid(), signer.keys()[0].key.kid());
}

#[test]
fn the_first_key_can_wait_too() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path().to_owned());
    directory.generate(&settings(), Some(60), NOW).unwrap();
    assert_eq!(phases(&directory, NOW.plus(59)), ["published"]);
    assert_eq!(phases(&directory, NOW.plus(60)), ["signing"]);
    let signer = directory.load().unwrap();
    let mut claims = claims();
    claims.complete(NOW, 60).unwrap();
    let header = Header::new("JWT");
    assert_eq!(signer.sign(&header, &claims, NOW), Err(SignError::NoKey));
    assert!(signer.sign(&header, &claims, NOW.plus(60)).is_ok());
}

#[test]
fn a_rotation_goes_on_until_the_old_key_is_gone() {
    let (_folder, path, directory) = one_key();
    let first = directory.rotate(None, 3600, None, NOW).unwrap();
    assert!(first.is_new && first.signs_from == NOW.plus(3600));
    assert_eq!(first.algorithm, Algorithm::EdDsa);
    // While it is under way, it is the same rotation.
    let again = directory.rotate(None, 60, None, NOW.plus(3599)).unwrap();
    assert_eq!(
        again,
        Outcome {
            is_new: false,
            ..first.clone()
        }
    );
    let error = directory
        .generate(&settings(), None, NOW.plus(3599))
        .unwrap_err();
    assert!(matches!(error, DirectoryError::Waiting { .. }), "{error}");
    assert_eq!(phases(&directory, NOW.plus(3599)), ["signing", "published"]);
    assert_eq!(phases(&directory, NOW.plus(3600)), ["retired", "signing"]);
    let last = NOW.plus(3600 + 3600 + 300);
    assert_eq!(phases(&directory, last.plus(-1)), ["retired", "signing"]);
    assert_eq!(phases(&directory, last), ["gone", "signing"]);
    assert_eq!(files(&path).len(), 2);
    let keys = directory.load().unwrap().jwks_at(last)["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 1);
    // The next one removes it.
    let other = directory
        .rotate(Some(Algorithm::Es256), 0, Some(60), last)
        .unwrap();
    assert_eq!((other.algorithm, files(&path).len()), (Algorithm::Es256, 2));
    assert_eq!(phases(&directory, last), ["retired", "signing"]);
}

#[test]
fn no_token_outlives_what_its_key_is_published_for() {
    let (_folder, _, directory) = one_key();
    let signer = directory.load().unwrap();
    let header = Header::new("at+jwt");
    let signed = |lifetime| {
        let mut claims = claims();
        claims.complete(NOW, lifetime).unwrap();
        signer.sign(&header, &claims, NOW)
    };
    assert!(signed(3600).is_ok());
    let (asked, most) = (3601, 3600);
    assert_eq!(signed(3601), Err(SignError::TooLong { asked, most }));
    let endless = signer.sign(&header, &claims(), NOW);
    assert_eq!(endless, Err(SignError::NoExpiry));
}

#[test]
fn whatever_a_crash_leaves_can_be_loaded() {
    let (_folder, path, directory) = one_key();
    let whole = fs::read(&files(&path)[0]).unwrap();
    // Killed while the next key was written: at any of its bytes, before it got its name.
    for length in [0, 1, whole.len() / 2, whole.len()] {
        let left = path.join(".unfinished-next");
        fs::write(&left, &whole[..length]).unwrap();
        assert_eq!(phases(&directory, NOW), ["signing"]);
        let outcome = directory.rotate(None, 0, None, NOW.plus(1)).unwrap();
        assert!(outcome.is_new && !left.exists());
        fs::remove_file(path.join(format!("key-{}.pem", outcome.kid))).unwrap();
    }
    // Killed between the removal of two keys that were gone.
    for wait in [10, 20, 30] {
        directory.rotate(None, 1, Some(1), NOW.plus(wait)).unwrap();
    }
    let late = NOW.plus(100_000);
    assert_eq!(
        phases(&directory, late),
        ["gone", "gone", "gone", "signing"]
    );
    let signer = directory.load().unwrap();
    fs::remove_file(&signer.keys()[1].path).unwrap();
    assert_eq!(phases(&directory, late), ["gone", "gone", "signing"]);
}

#[test]
fn one_process_at_a_time_changes_keys() {
    let (_folder, path, directory) = one_key();
    let lock = fs::File::open(path.join(".lock"));
    // Written only: opened as its owner does.
    let lock = lock.unwrap();
    lock.lock().unwrap();
    let error = directory.rotate(None, 0, None, NOW).unwrap_err();
    assert!(matches!(error, DirectoryError::Busy(_)), "{error}");
    assert_eq!(phases(&directory, NOW), ["signing"]);
    drop(lock);
    assert!(directory.rotate(None, 0, None, NOW).is_ok());
}

#[test]
fn what_others_could_have_touched_is_refused() {
    let (_folder, path, directory) = one_key();
    for (path, good, bad) in [
        (&files(&path)[0], 0o600, 0o640),
        (&path, 0o700, 0o770),
        (&path, 0o755, 0o777),
    ] {
        chmod(path, bad);
        let error = directory.load().unwrap_err().to_string();
        assert!(
            error.contains(&format!("chmod {}00 ", if path.is_dir() { 7 } else { 6 })),
            "{error}"
        );
        chmod(path, good);
        assert!(directory.load().is_ok());
    }
}

#[test]
fn what_is_no_key_of_the_directory_is_refused() {
    let (_folder, path, directory) = one_key();
    let file = files(&path)[0].clone();
    let whole = fs::read_to_string(&file).unwrap();
    let says = |text: &str| {
        fs::write(&file, text).unwrap();
        directory
            .load()
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    for (from, to, why) in [
        ("algorithm: EdDSA\n", "", "no line \"algorithm: …\""),
        (
            "algorithm: EdDSA",
            "algorithm: none",
            "its \"algorithm\" has the wrong form",
        ),
        (
            "algorithm: EdDSA",
            "algorithm: ES256",
            "does not sign ES256",
        ),
        (
            "algorithm: ",
            "algorithm: EdDSA\nalgorithm: ",
            "two lines \"algorithm: …\"",
        ),
        (
            "published: 2027",
            "published: x",
            "its \"published\" has the wrong form",
        ),
        (
            "published: 2027",
            "published: 2028",
            "its \"signs-from\" has the wrong form",
        ),
        (
            "token-lifetime: 3600",
            "token-lifetime: 0",
            "its \"token-lifetime\" has",
        ),
        (
            "token-lifetime: 3600",
            "lifetime: 3600",
            "line 5 is not understood",
        ),
        ("BEGIN PRIVATE", "BEGIN PUBLIC", "no private key in PEM"),
        ("END PRIVATE", "END PUBLIC", "it holds no private key"),
    ] {
        assert!(whole.contains(from), "{from}\n{whole}");
        let error = says(&whole.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(why) && error.contains("key-"), "{error}");
        assert_eq!(says(&whole), Ok(()));
    }
    let copy = path.join("key-copy.pem");
    fs::copy(&file, &copy).unwrap();
    assert!(
        directory
            .load()
            .unwrap_err()
            .to_string()
            .contains("same key")
    );
    fs::rename(&copy, path.join("key.pem~")).unwrap();
    assert!(
        directory
            .load()
            .unwrap_err()
            .to_string()
            .contains("move it out")
    );
    fs::rename(path.join("key.pem~"), path.join(".hidden")).unwrap();
    assert!(directory.load().is_ok());
}

#[test]
fn a_directory_that_is_empty_or_absent_has_nothing_to_rotate() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path().to_owned());
    assert!(directory.load().unwrap().keys().is_empty());
    for path in [folder.path().to_owned(), folder.path().join("absent")] {
        let error = Directory::new(path).rotate(None, 0, None, NOW).unwrap_err();
        assert!(matches!(error, DirectoryError::Empty(_)), "{error}");
    }
    let absent = Directory::new(folder.path().join("absent"));
    assert!(matches!(absent.load(), Err(DirectoryError::Io { .. })));
}
