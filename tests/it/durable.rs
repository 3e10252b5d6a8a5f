//! A store in a file: what was used up stays used up, also when the gateway begins anew.

use std::path::Path;

use portcullis::{
    app::App,
    clock::{Clock, UnixTime},
    config,
};

use super::harness::{ISSUER, NOW, Stage, get, mint};

fn stage(folder: &Path) -> Stage {
    let path = folder.join("state/store.redb");
    Stage::builder()
        .issuer("replay = \"reject\"")
        .with(&format!("[store]\npath = \"{}\"\n", path.display()))
        .start()
}

fn with_jti(jti: &str) -> String {
    mint::token().claim("jti", jti).sign()
}

#[test]
fn a_new_beginning_makes_no_token_good_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = stage(folder.path());
    first.allows(&get("/").bearer(with_jti("1")));
    first.rejects_text(&with_jti("1"), "token_replayed");
    drop(first);
    let second = stage(folder.path());
    second.rejects_text(&with_jti("1"), "token_replayed");
    second.allows(&get("/").bearer(with_jti("2")));
}

#[test]
fn the_status_and_the_metrics_tell_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path());
    stage.allows(&get("/").bearer(with_jti("1")));
    let admin = |path: &str| get(path).send(stage.gateway.admin());
    let store = &admin("/status").json()["store"];
    assert_eq!(store["kind"], "disk");
    assert_eq!(store["entries"], 1);
    assert_eq!(store["disk"]["open"], true);
    assert_eq!(store["disk"]["commits"], 1);
    assert_eq!(store["disk"]["capacity_bytes"], 1 << 30);
    assert!(store["disk"]["bytes"].as_u64().unwrap() > 0);
    let metrics = admin("/metrics").text();
    for line in [
        "portcullis_store_entries 1",
        "portcullis_store_open 1",
        "portcullis_store_commits_total 1",
        "portcullis_store_errors_total 0",
        "portcullis_store_refused_total 0",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}\n{metrics}");
    }
    // In memory there is no file to tell of.
    let plain = Stage::new();
    let status = get("/status").send(plain.gateway.admin()).json();
    assert_eq!(status["store"]["kind"], "memory");
    assert!(status["store"]["disk"].is_null());
    let metrics = get("/metrics").send(plain.gateway.admin()).text();
    assert!(!metrics.contains("store_commits"));
}

#[test]
fn a_file_that_cannot_be_used_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[upstream]\nurl = \"http://127.0.0.1:1\"\n\
         [store]\npath = \"{}\"\n[issuers.\"{ISSUER}\"]\naudiences = [\"a\"]\n\
         jwks_uri = \"https://idp.example/keys\"\n[admin]\nlisten = \"\"\n",
        path.display()
    );
    let clock = Clock::standing_at(UnixTime(NOW));
    let bind = || {
        let config = config::parse("test", &text, folder.path(), &|_| None, &clock);
        App::bind(config.ok().unwrap(), clock.clone())
    };
    let first = bind().ok().unwrap();
    let refused = bind().err().unwrap().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    drop(first);
    assert!(bind().is_ok());
    std::fs::write(&path, "something else").unwrap();
    let refused = bind().err().unwrap().to_string();
    assert!(refused.contains("is damaged"), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "something else");
}
