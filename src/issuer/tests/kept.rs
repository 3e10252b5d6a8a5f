//! Keys that survive the gateway.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{
    key_server::{Answer, response},
    *,
};

/// What outlives a run.
struct Machine {
    folder: TempDir,
    server: KeyServer,
}

/// One run of the gateway.
struct Run {
    bench: Bench,
    refresher: JoinHandle<()>,
}

impl Machine {
    async fn with(kid: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: KeyServer::start(set_of(&[&jwk(kid)])).await,
        }
    }

    fn cache(&self) -> KeyCache {
        KeyCache::new(self.folder.path().join("deep/keys"))
    }

    fn file(&self) -> PathBuf {
        self.cache().path("one")
    }

    fn run(&self) -> Run {
        Bench::new(source(remote(&self.server))).run(self.cache())
    }

    /// A run that has read the keys once and kept them.
    async fn has_run(&self) {
        let run = self.run();
        run.bench.ring().refresh_now().await;
        assert_eq!(run.bench.ring().status().error, None);
        run.ends().await;
    }

    fn goes_down(&self) {
        self.server.answers(Answer::Raw(response("500 Oh", "")));
    }

    /// The kept file with `change` made to it.
    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut record: Value =
            serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap();
        change(&mut record);
        std::fs::write(self.file(), record.to_string()).unwrap();
    }
}

impl Bench {
    fn run(self, cache: KeyCache) -> Run {
        let refresher = self.refresher().keeping(cache);
        let refresher = tokio::spawn(refresher.run());
        Run {
            bench: self,
            refresher,
        }
    }
}

impl Run {
    /// Ends it, which waits for what is being written.
    async fn ends(self) -> Bench {
        self.refresher.abort();
        let _ = self.refresher.await;
        self.bench
    }
}

fn names_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_no_outage() {
    let machine = Machine::with("a").await;
    machine.has_run().await;
    machine.goes_down();
    let run = machine.run();
    assert_eq!(run.bench.find("a").await.as_deref(), Ok("a"));
    assert_eq!(run.bench.find("b").await, Err(KeyError::NotFound));
    run.bench.ring().refresh_now().await;
    let status = run.bench.ring().status();
    assert!(status.restored && status.error.is_some());
    assert_eq!(status.cache_error, None);
    assert_eq!(status.read_at, Some(run.bench.clock.now()));

    machine.server.publishes(set_of(&[&jwk("b")]));
    run.bench.ring().refresh_now().await;
    assert!(!run.bench.ring().status().restored);
    assert_eq!(run.bench.find("b").await.as_deref(), Ok("b"));
    assert_eq!(run.bench.find("a").await, Err(KeyError::NotFound));
    run.ends().await;

    // Without the directory there is nothing to serve with.
    machine.goes_down();
    let bench = Bench::new(source(remote(&machine.server))).start();
    assert_eq!(bench.find("b").await, Err(KeyError::Unavailable));
}

#[tokio::test]
async fn kept_keys_are_there_before_the_first_fetch() {
    let machine = Machine::with("a").await;
    machine.has_run().await;
    let hits = machine.server.hits();
    let bench = Bench::new(source(remote(&machine.server)));
    let _refresher = bench.refresher().keeping(machine.cache());
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    assert_eq!(machine.server.hits(), hits);
}

#[tokio::test]
async fn the_file_is_for_the_owner_alone_and_says_what_it_is() {
    let machine = Machine::with("a").await;
    machine.has_run().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.file()), 0o600);
    assert_eq!(mode(machine.file().parent().unwrap()), 0o700);
    assert_eq!(names_in(machine.file().parent().unwrap()), 1);
    // printf one | sha256sum
    assert!(
        machine
            .file()
            .ends_with("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed.json")
    );
    let record: Value = serde_json::from_slice(&std::fs::read(machine.file()).unwrap()).unwrap();
    assert_eq!(record["issuer"], "one");
    assert_eq!(record["source"], machine.server.url.as_str());
    assert_eq!(record["read_at"], 1_800_000_000);
    assert_eq!(record["jwks"]["keys"][0]["kid"], "a");
}

#[tokio::test]
async fn kept_keys_age_on() {
    let machine = Machine::with("a").await;
    machine.has_run().await;
    machine.goes_down();
    let day = 24 * 3600;
    let late = |seconds: i64| {
        let bench = Bench::new(source(remote(&machine.server)));
        bench.clock.advance(seconds);
        bench.run(machine.cache())
    };
    let run = late(day);
    assert_eq!(run.bench.find("a").await.as_deref(), Ok("a"));
    run.bench.clock.advance(1);
    assert_eq!(run.bench.find("a").await, Err(KeyError::Unavailable));
    // A clock that is set back does not make them young again.
    assert!(run.bench.ring().current().is_none());
    run.ends().await;

    let run = late(day + 1);
    assert_eq!(run.bench.find("a").await, Err(KeyError::Unavailable));
    let error = run.bench.ring().status().cache_error.unwrap();
    assert!(error.contains("older than stale_for"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_this_issuers_good_set_is_reported_and_ignored() {
    type Change = Box<dyn Fn(&Machine)>;
    let edit = |change: fn(&mut Value)| -> Change { Box::new(move |m| m.edit(change)) };
    let write = |text: &'static [u8]| -> Change {
        Box::new(move |m: &Machine| std::fs::write(m.file(), text).unwrap())
    };
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQ";
    let cases: Vec<(Change, &str)> = vec![
        (write(b""), "damaged"),
        (write(b"\xff\xfe"), "damaged"),
        (write(b"{\"issuer\":\"one\""), "damaged"),
        (write(b"{\"keys\":[]}"), "damaged"),
        (edit(|r| r["extra"] = json!(1)), "damaged"),
        (edit(|r| r["read_at"] = json!("now")), "damaged"),
        (edit(|r| r["read_at"] = json!(1_800_000_061)), "future"),
        (edit(|r| r["read_at"] = json!(i64::MAX)), "future"),
        (edit(|r| r["read_at"] = json!(i64::MIN)), "stale_for"),
        (edit(|r| r["issuer"] = json!("One")), "another issuer"),
        (edit(|r| r["source"] = json!("https://x/")), "another URL"),
        (edit(|r| r["jwks"] = json!({"keys": []})), "empty"),
        (edit(|r| r["jwks"] = json!([])), "key set"),
        (
            Box::new(move |m| {
                m.edit(|r| {
                    r["jwks"] = json!({"keys": [{"kty": "oct", "kid": "a", "k": secret}]});
                });
            }),
            "shared secret",
        ),
        (
            Box::new(|m| {
                let mode = std::fs::Permissions::from_mode(0o640);
                std::fs::set_permissions(m.file(), mode).unwrap();
            }),
            "open to others",
        ),
        (
            Box::new(|m| std::fs::write(m.file(), vec![b' '; 2 << 20]).unwrap()),
            "longer than",
        ),
        (
            Box::new(|m| {
                std::fs::remove_file(m.file()).unwrap();
                std::fs::create_dir(m.file()).unwrap();
            }),
            "not a regular file",
        ),
    ];
    for (change, why) in cases {
        let machine = Machine::with("a").await;
        machine.has_run().await;
        machine.goes_down();
        change(&machine);
        let run = machine.run();
        let error = run.bench.ring().status().cache_error.unwrap_or_default();
        assert!(error.contains(why), "{why}: {error}");
        assert_eq!(
            run.bench.find("a").await,
            Err(KeyError::Unavailable),
            "{why}"
        );
        assert!(!run.bench.ring().status().restored);
    }
}

#[tokio::test]
async fn the_same_keys_are_written_once_an_hour_and_others_at_once() {
    let machine = Machine::with("a").await;
    let run = machine.run();
    run.bench.ring().refresh_now().await;
    let read_at = || {
        let record: Value =
            serde_json::from_slice(&std::fs::read(machine.file()).unwrap()).unwrap();
        record["read_at"].as_i64().unwrap() - 1_800_000_000
    };
    run.bench.clock.advance(3599);
    run.bench.ring().refresh_now().await;
    let bench = run.ends().await;
    assert_eq!(read_at(), 0);

    // Another refresher does not know what the file holds, and writes it.
    let run = bench.run(machine.cache());
    run.bench.ring().refresh_now().await;
    run.bench.clock.advance(3600);
    run.bench.ring().refresh_now().await;
    let bench = run.ends().await;
    assert_eq!(read_at(), 7199);

    let run = bench.run(machine.cache());
    run.bench.ring().refresh_now().await;
    machine.server.publishes(set_of(&[&jwk("b")]));
    run.bench.clock.advance(1);
    run.bench.ring().refresh_now().await;
    run.ends().await;
    assert_eq!(read_at(), 7200);
}

#[tokio::test]
async fn the_file_is_renewed_also_when_the_keys_stay_the_same() {
    let machine = Machine::with("a").await;
    let body = set_of(&[&jwk("a")]);
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\netag: \"1\"\r\nconnection: close\r\n";
    let tagged = format!("{head}content-length: {length}\r\n\r\n{body}");
    machine
        .server
        .answers(Answer::Raw(tagged.clone().into_bytes()));
    let run = machine.run();
    run.bench.ring().refresh_now().await;
    run.bench.clock.advance(3599);
    machine
        .server
        .answers(Answer::Raw(response("304 Not Modified", "")));
    run.bench.ring().refresh_now().await;
    assert!(machine.server.last_request().contains("if-none-match"));
    assert_eq!(run.bench.error(), "");
    run.bench.clock.advance(1);
    machine.server.answers(Answer::Raw(tagged.into_bytes()));
    run.bench.ring().refresh_now().await;
    assert!(!machine.server.last_request().contains("if-none-match"));
    run.ends().await;
    let record = std::fs::read_to_string(machine.file()).unwrap();
    assert!(record.contains(r#""read_at":1800003600"#), "{record}");
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_harms_nothing() {
    let machine = Machine::with("a").await;
    let blocked = machine.folder.path().join("deep");
    std::fs::write(&blocked, "a file where the directory should be").unwrap();
    let run = machine.run();
    run.bench.ring().refresh_now().await;
    assert_eq!(run.bench.find("a").await.as_deref(), Ok("a"));
    let bench = run.ends().await;
    let error = bench.ring().status().cache_error.unwrap();
    assert!(error.starts_with("the keys cannot be kept"), "{error}");
    assert_eq!(bench.error(), "");

    std::fs::remove_file(&blocked).unwrap();
    let run = bench.run(machine.cache());
    run.bench.ring().refresh_now().await;
    let bench = run.ends().await;
    assert_eq!(bench.ring().status().cache_error, None);
    assert!(machine.file().exists());
}

#[tokio::test]
async fn only_fetched_keys_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, set_of(&[&jwk("a")])).unwrap();
    let cache = KeyCache::new(folder.path().join("cache"));
    let run = Bench::new(KeySource::File(Box::new(KeyFile {
        path,
        form: KeyForm::Jwks,
    })))
    .run(cache);
    run.bench.ring().refresh_now().await;
    assert_eq!(run.bench.find("a").await.as_deref(), Ok("a"));
    run.ends().await;
    assert!(!folder.path().join("cache").exists());
}
