//! `[store]` with a `url`, and `[store.on_failure]`.

use std::time::Duration;

use super::{files::Folder, *};
use crate::store::{OnFailure, RedisSettings, Use};

fn text(lines: &str) -> String {
    format!("{UPSTREAM}[store]\n{lines}\n{ISSUER}")
}

fn redis(lines: &str) -> RedisSettings {
    accept(&text(lines)).store.redis.unwrap()
}

/// One error in the lines after `[store]`, which stands in line 3.
#[track_caller]
fn refused(lines: &str, place: &str, says: &[&str]) {
    refuse_at(&text(lines), place, says);
}

#[test]
fn a_server_may_keep_what_is_remembered() {
    assert_eq!(accept_with("").store.redis, None);
    assert_eq!(accept_with("[store]\nurl = []\n").store.redis, None);
    let usual = redis("url = \"redis://127.0.0.1\"");
    assert_eq!(usual.addresses[0].to_string(), "127.0.0.1:6379");
    assert_eq!(
        (usual.database, usual.timeout),
        (0, Duration::from_millis(100))
    );
    assert_eq!(&*usual.prefix, "portcullis:");
    assert!(usual.tls.is_none() && usual.master.is_none() && usual.password.is_none());
    let safe = redis("url = \"rediss://[::1]:7000/3\"\nprefix = \"a/b:\"\ntimeout = \"5ms\"");
    assert_eq!(safe.addresses[0].to_string(), "[::1]:7000");
    assert_eq!(&*safe.addresses[0].host, "::1");
    assert!(safe.tls.is_some() && safe.database == 3);
    let one = "rediss://s1.example:26379";
    let lines = format!(
        "url = [\"{one}\", \"rediss://s2.example\"]\nmaster = \"orders\"\nserver_name = \"redis.example\""
    );
    let sentinels = redis(&lines);
    assert_eq!(sentinels.addresses.len(), 2);
    assert_eq!(sentinels.master.as_deref(), Some("orders"));
}

#[test]
fn a_password_comes_from_a_file_and_is_not_shown() {
    let folder = Folder::new().write("password", b"a secret\n", 0o600);
    let lines = "url = \"rediss://redis.example\"\nusername = \"gw\"\npassword_file = \"password\"";
    let store = folder.accept(&text(lines)).store;
    let shown = format!("{store:?}");
    assert!(!shown.contains("a secret"), "{shown}");
    let redis = store.redis.unwrap();
    assert!(redis.password.unwrap().matches(b"a secret"));
    assert_eq!(redis.username.as_deref(), Some("gw"));
    let says = ["cannot hold a user name or a password"];
    let url = "url = \"redis://gw:secret@redis.example\"";
    refused(url, "4:7", &says);
    assert!(
        !refuse(&text(url)).contains("secret@"),
        "{}",
        refuse(&text(url))
    );
    let nobody = "url = \"rediss://redis.example\"\nusername = \"gw\"";
    refused(
        nobody,
        "5:12",
        &["a \"username\" needs a \"password_file\""],
    );
    folder.refuse(
        &text("url = \"rediss://a\"\npassword_file = \"none\""),
        "cannot read",
    );
}

#[test]
fn what_is_no_server_is_refused() {
    for (url, says) in [
        ("\"\"", "cannot hold an empty string"),
        ("7", "\"url\" must be"),
        ("\"localhost:6379\"", "begins with redis:// or rediss://"),
        ("\"http://localhost\"", "begins with redis:// or rediss://"),
        ("\"redis://\"", "begins with redis:// or rediss://"),
        ("\"redis:///0\"", "begins with redis:// or rediss://"),
        ("\"redis://a%20b\"", "not the address of a server"),
        ("\"redis://localhost:0\"", "not the address of a server"),
        ("\"redis://localhost/db\"", "the number of a database"),
        ("\"redis://localhost/-1\"", "the number of a database"),
        ("\"redis://localhost?db=1\"", "cannot have a query"),
        (
            "[\"redis://127.0.0.1:1\", \"redis://127.0.0.1:2\"]",
            "several URLs need a \"master\"",
        ),
    ] {
        let report = refuse(&text(&format!("url = {url}")));
        assert!(
            report.contains(says) && report.contains("1 error"),
            "{url}: {report}"
        );
    }
    let url = "url = \"redis://127.0.0.1\"\n";
    for (line, says) in [
        ("timeout = \"0ms\"", "\"timeout\" must be from 1ms to 2s"),
        ("timeout = \"3s\"", "\"timeout\" must be from 1ms to 2s"),
        ("prefix = \"a b\"", "a \"prefix\" is at most 64 letters"),
        ("prefix = \"{a}\"", "a \"prefix\" is at most 64 letters"),
        (
            "path = \"a.redb\"",
            "\"path\" and \"url\" cannot both be set",
        ),
        ("server_name = \"a\"", "write rediss:// in \"url\""),
    ] {
        let report = refuse(&text(&format!("{url}{line}")));
        assert!(
            report.contains(says) && report.contains("1 error"),
            "{line}: {report}"
        );
    }
    let two = "url = [\"redis://127.0.0.1:1\", \"rediss://127.0.0.1:2\"]\nmaster = \"a\"";
    refused(two, "4:31", &["one scheme and one database"]);
    let nameless = "url = \"rediss://s1.example\"\nmaster = \"a\"";
    refused(nameless, "4:7", &["TLS needs a \"server_name\""]);
    let names = "url = \"rediss://s1.example\"\nserver_name = \"-\"";
    refused(names, "5:15", &["neither a DNS name nor an IP address"]);
}

#[test]
fn what_will_surprise_is_warned_of() {
    let warned = |lines: &str, says: &str| {
        let warnings = accept(&text(lines)).warnings;
        assert!(warnings.iter().any(|w| w.contains(says)), "{warnings:?}");
    };
    let near = "url = \"redis://127.0.0.1\"";
    let about = |w: &String| w.contains("[store");
    assert!(!accept(&text(near)).warnings.iter().any(about));
    warned(
        "url = \"redis://redis.example\"",
        "redis:// to another machine",
    );
    warned(
        "prefix = \"a:\"",
        "\"prefix\" does nothing without a \"url\"",
    );
    warned(
        &format!("{near}\nmax_entries = 500"),
        "\"max_entries\" does nothing with a \"url\"",
    );
}

#[test]
fn only_what_is_said_is_allowed_when_the_store_fails() {
    let usual = accept_with("").store.on_failure;
    assert_eq!(usual, OnFailure::default());
    for (name, what) in [
        ("replay", Use::Replay),
        ("revocation", Use::Revocation),
        ("sessions", Use::Sessions),
    ] {
        let config = accept_with(&format!("[store.on_failure]\n{name} = \"allow\"\n"));
        assert!(config.store.on_failure.allows(what), "{name}");
        let says = format!("{name} = \"allow\"");
        assert!(
            config.warnings.iter().any(|w| w.contains(&says)),
            "{:?}",
            config.warnings
        );
        let refuse = accept_with(&format!("[store.on_failure]\n{name} = \"refuse\"\n"));
        assert_eq!(refuse.store.on_failure, OnFailure::default());
        assert!(!refuse.warnings.iter().any(|w| w.contains("[store")));
    }
    assert!(usual.allows(Use::RateLimits));
    let strict = accept_with("[store.on_failure]\nrate_limits = \"refuse\"\n");
    assert!(!strict.store.on_failure.allows(Use::RateLimits));
    let wrong = |line: &str, place: &str, says: &str| {
        refuse_at(
            &format!("{UPSTREAM}[store.on_failure]\n{line}\n{ISSUER}"),
            place,
            &[says],
        );
    };
    wrong(
        "replay = \"pass\"",
        "4:10",
        "must be \"refuse\" or \"allow\"",
    );
    wrong("replay = true", "4:10", "must be a string");
    wrong("token_service = \"allow\"", "4:1", "unknown key");
}
