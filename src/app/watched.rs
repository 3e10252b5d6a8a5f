//! The configuration's files, looked at every two seconds.
//!
//! They are looked at, and not watched by the system's notices: a ConfigMap swaps a link two steps away,
//! a bind mount shows another file system's changes, and NFS tells nobody. A look finds all of these, and
//! it is how key files are followed too.

use std::time::{Duration, Instant};

use crate::{config::Files, issuer::file::Stamp};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Looking takes at most this part of the time, also at very many files.
const SHARE: u32 = 20;

/// Files, as they were when the configuration was read.
#[derive(Debug)]
pub(super) struct Watched {
    files: Files,
    /// A change that was seen once: whoever writes may still be at it.
    fresh: Option<Files>,
    took: Duration,
}

impl Watched {
    /// Watches `files` for changes from what they were.
    pub(super) fn new(files: Files) -> Self {
        Self {
            files,
            fresh: None,
            took: Duration::ZERO,
        }
    }

    /// How long to wait before the next look.
    pub(super) fn pause(&self) -> Duration {
        PAUSE.max(self.took.saturating_mul(SHARE))
    }

    /// Whether a file changed, and was the same at the last look. A file that is being written may look
    /// like a whole one that says less. Blocks.
    pub(super) fn look(&mut self) -> bool {
        let begun = Instant::now();
        let now: Files = self
            .files
            .keys()
            .map(|path| (path.clone(), Stamp::of(path)))
            .collect();
        self.took = begun.elapsed();
        if now == self.files {
            self.fresh = None;
            return false;
        }
        let settled = self.fresh.as_ref() == Some(&now);
        self.fresh = Some(now);
        settled
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::*;

    fn watch(path: &Path) -> Watched {
        Watched::new(Files::from([(path.to_owned(), Stamp::of(path))]))
    }

    #[test]
    fn a_change_counts_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portcullis.toml");
        fs::write(&path, "one").unwrap();
        let mut watched = watch(&path);
        assert!(!watched.look() && !watched.look());
        fs::write(&path, "two, half").unwrap();
        assert!(!watched.look());
        fs::write(&path, "two, and the other half").unwrap();
        assert!(!watched.look());
        assert!(watched.look());
        // What is put back is no change.
        let mut watched = watch(&path);
        fs::remove_file(&path).unwrap();
        assert!(!watched.look() && watched.look());
    }

    #[test]
    fn what_is_put_back_in_time_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("file"), folder.path().join("aside"));
        fs::write(&path, "one").unwrap();
        let mut watched = watch(&path);
        fs::rename(&path, &aside).unwrap();
        assert!(!watched.look());
        fs::rename(&aside, &path).unwrap();
        assert!(!watched.look() && !watched.look());
    }

    #[test]
    fn a_link_that_is_swapped_two_steps_away_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["v1", "v2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("portcullis.toml"), "same").unwrap();
        }
        symlink("v1", at("..data")).unwrap();
        symlink("..data/portcullis.toml", at("portcullis.toml")).unwrap();
        let mut watched = watch(&at("portcullis.toml"));
        assert!(!watched.look());
        symlink("v2", at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        assert!(!watched.look());
        assert!(watched.look());
    }

    #[test]
    fn many_files_are_looked_at_less_often() {
        let watched = Watched {
            took: Duration::from_secs(1),
            ..Watched::new(Files::new())
        };
        assert_eq!(watched.pause(), Duration::from_secs(20));
        assert_eq!(Watched::new(Files::new()).pause(), PAUSE);
    }
}
