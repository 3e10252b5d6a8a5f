//! A new configuration is taken whole or not at all, and no request fails because of it.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use portcullis::reload::{Cause, Outcome};
use serde_json::Value;

use super::harness::{
    Connection, FILE, ISSUER, Issuer, Program, Reply, Stage, Upstream, get, mint, request,
};

fn stage() -> Stage {
    Stage::builder().in_a_file().start()
}

fn status(stage: &Stage) -> Value {
    get("/status").send(stage.gateway.admin()).json()["configuration"].clone()
}

/// The value of one metric line.
fn metric(stage: &Stage, line: &str) -> u64 {
    let text = get("/metrics").send(stage.gateway.admin()).text();
    let found = text.lines().find_map(|l| l.strip_prefix(line));
    found
        .unwrap_or_else(|| panic!("{line} is not in {text}"))
        .trim()
        .parse()
        .unwrap()
}

fn reloads(stage: &Stage, outcome: &str) -> u64 {
    let line = format!("portcullis_config_reloads_total{{outcome=\"{outcome}\"}}");
    metric(stage, &line)
}

fn hits(stage: &Stage) -> u64 {
    metric(stage, "portcullis_token_cache_hits_total")
}

#[test]
fn the_same_settings_are_no_change_and_fetch_nothing() {
    let mut stage = stage();
    let token = mint::token().sign();
    stage.allows(&get("/").bearer(&token));
    let fetches = stage.issuer.fetches();
    let text = fs::read_to_string(stage.file(FILE)).unwrap();
    stage.writes(&format!("# Another text.\n{text}\n"));
    let response = stage.reload();
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["outcome"], "unchanged");
    assert_eq!(response.json()["generation"], 1);
    assert_eq!(
        (reloads(&stage, "unchanged"), reloads(&stage, "applied")),
        (1, 0)
    );

    stage.rewrites(
        "[[routes]]\npath = \"/{*rest}\"\n[[routes]]\npath = \"/open\"\naccess = \"public\"",
    );
    stage.refuses(&get("/open"), 401, "token_missing");
    stage.applies();
    stage.allows(&get("/open"));
    stage.refuses(&get("/shut"), 401, "token_missing");
    // The issuer is the same one: its keys are not fetched, and its tokens are remembered.
    stage.allows(&get("/").bearer(&token));
    assert_eq!(hits(&stage), 1);
    assert_eq!(stage.issuer.fetches(), fetches);
    let configuration = status(&stage);
    assert_eq!(configuration["generation"], 2);
    assert_eq!(configuration["last_reload"]["outcome"], "applied");
    assert_eq!(configuration["last_reload"]["cause"], "admin");
    assert_eq!(configuration["last_reload"]["error"], Value::Null);
}

#[test]
fn a_bad_file_changes_nothing_and_is_told() {
    let mut stage = stage();
    assert_eq!(status(&stage)["last_reload"], Value::Null);
    // One good change and one bad: neither counts.
    stage.rewrites(&format!(
        "[[routes]]\npath = \"/{{*rest}}\"\naccess = \"public\"\n\
         [issuers.\"{ISSUER}\"]\nclock_skew = \"1 fortnight\"\n\
         fetch = {{ username = \"me\", passwort = \"s3cret-of-the-operators\" }}"
    ));
    let response = stage.reload();
    assert_eq!(response.status, 422);
    assert_eq!(
        response.field("content-type"),
        Some("application/problem+json")
    );
    let problem = response.json();
    assert_eq!(problem["code"], "configuration_refused");
    let errors = problem["errors"].as_str().unwrap();
    assert!(errors.contains("portcullis.toml:"), "{errors}");
    assert!(
        errors.contains("fortnight") && errors.contains("passwort"),
        "{errors}"
    );
    assert!(errors.ends_with(" errors\n"), "{errors}");
    let told = status(&stage);
    assert_eq!(told["last_reload"]["outcome"], "refused");
    assert_eq!(told["last_reload"]["error"], errors);
    assert_eq!(told["generation"], 1);
    assert!(!response.text().contains("s3cret") && !told.to_string().contains("s3cret"));
    assert_eq!(reloads(&stage, "refused"), 1);
    stage.refuses(&get("/"), 401, "token_missing");
    stage.accepts(&mint::token());

    fs::remove_file(stage.file(FILE)).unwrap();
    assert_eq!(stage.reload().status, 422);
    stage.accepts(&mint::token());
    stage.rejects(&mint::token().claim("exp", 0), "token_expired");
}

#[test]
fn what_needs_a_restart_is_refused_by_its_name() {
    let mut stage = stage();
    stage.rewrites(
        "[server]\nworkers = 2\nlimits.header_fields = 50\n[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"",
    );
    let response = stage.reload();
    assert_eq!(response.status, 422);
    let errors = response.json()["errors"].as_str().unwrap().to_owned();
    for key in ["\"server.workers\"", "\"server.limits\"", "2 errors"] {
        assert!(errors.contains(key), "{errors}");
    }
    assert!(!errors.contains("server.listen"), "{errors}");
    stage.refuses(&get("/"), 401, "token_missing");
    stage.rewrites("[server]\nworkers = 1");
    stage.rewrites_without(&["server"], "limits");
    stage.applies();
    stage.allows(&get("/"));
}

#[test]
fn a_remembered_token_ends_with_its_issuer() {
    let mut stage = stage();
    let token = mint::token().sign();
    for _ in 0..2 {
        stage.allows(&get("/").bearer(&token));
    }
    assert_eq!(hits(&stage), 1);
    stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\nactive = false"));
    stage.applies();
    stage.rejects_text(&token, "issuer_inactive");
    stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\nactive = true"));
    stage.applies();
    // It begins anew, and so does the proof.
    stage.allows(&get("/").bearer(&token));
    assert_eq!(hits(&stage), 1);
    stage.rewrites_without(&["issuers"], ISSUER);
    stage.applies();
    stage.rejects_text(&token, "issuer_unknown");
    assert_eq!(hits(&stage), 1);
}

#[test]
fn a_new_rule_counts_at_once_for_remembered_tokens() {
    let mut stage = stage();
    let fetches = stage.issuer.fetches();
    let token = mint::token().claim("azp", "web").sign();
    let mut rule = |keys: &str, code: Option<&str>| {
        // Remembered under the rules as they are, by the worker and by all.
        for _ in 0..2 {
            let _ = stage.send(&get("/").bearer(&token));
        }
        stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\n{keys}"));
        stage.applies();
        match code {
            Some(code) => stage.rejects_text(&token, code),
            None => drop(stage.allows(&get("/").bearer(&token))),
        }
    };
    rule("claims.azp = [\"app\"]", Some("claim_not_allowed"));
    rule("claims.azp = [\"app\", \"web\"]", None);
    rule(
        "audiences = [\"https://other.example\"]",
        Some("audience_not_allowed"),
    );
    rule("audiences = [\"ALL_AUDIENCES\"]", None);
    rule("require = [\"jti\"]", Some("claim_missing"));
    rule("require = [\"sub\"]", None);
    rule(
        "max_age = \"1s\"\nclock_skew = \"0s\"",
        Some("token_too_old"),
    );
    rule("max_age = \"\"", None);
    rule("algorithms = [\"RS256\"]", Some("algorithm_not_allowed"));
    rule("algorithms = [\"ES256\"]", None);
    rule("types = [\"at+jwt\"]", Some("type_not_allowed"));
    rule("types = [\"JWT\"]", None);
    // Its keys are the same all the while.
    assert_eq!(stage.issuer.fetches(), fetches);
}

#[test]
fn a_new_route_rule_counts_at_once_for_remembered_tokens() {
    let mut stage = stage();
    let token = mint::token().claim("scope", "read").sign();
    stage.allows(&get("/").bearer(&token));
    stage.rewrites("[[routes]]\npath = \"/{*rest}\"\nscopes = [\"write\"]");
    stage.applies();
    stage.refuses(&get("/").bearer(&token), 403, "scope_insufficient");
    stage.rewrites("[[routes]]\npath = \"/{*rest}\"\nscopes = [\"read\"]");
    stage.applies();
    stage.allows(&get("/").bearer(&token));
    stage.rewrites("[token]\nheader = \"X-Token\"");
    stage.applies();
    stage.refuses(&get("/").bearer(&token), 401, "token_missing");
    stage.allows(&get("/").field("X-Token", &token));
}

#[test]
fn the_public_url_counts_at_once_for_remembered_tokens() {
    let mut stage = Stage::builder()
        .in_a_file()
        .without_issuers("audiences")
        .with("[server]\npublic_url = \"https://api.example.com\"")
        .start();
    let token = mint::token().sign();
    stage.allows(&get("/").bearer(&token));
    stage.rewrites("[server]\npublic_url = \"https://other.example.com\"");
    stage.applies();
    stage.rejects_text(&token, "audience_not_allowed");
}

#[test]
fn keys_of_another_source_replace_the_old_ones() {
    let mut stage = stage();
    let token = mint::token().sign();
    stage.allows(&get("/").bearer(&token));
    let other = Issuer::start(&[mint::rsa()]);
    let uri = other.jwks_uri();
    stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\njwks_uri = \"{uri}\""));
    stage.applies();
    stage.rejects_text(&token, "key_not_found");
    stage.accepts(&super::harness::Token::of(mint::rsa()));
    assert!(other.fetches() > 0);
}

#[test]
fn a_new_issuer_is_fetched_and_nobody_is_refused_meanwhile() {
    let mut stage = stage();
    let fetches = stage.issuer.fetches();
    let other = Issuer::start(&[mint::es256()]);
    let token = mint::token().claim("iss", other.url()).sign();
    stage.rejects_text(&token, "issuer_unknown");
    let (name, uri) = (other.url(), other.jwks_uri());
    stage.rewrites(&format!(
        "[issuers.\"{name}\"]\njwks_uri = \"{uri}\"\naudiences = [\"ALL_AUDIENCES\"]"
    ));
    stage.applies();
    stage.allows(&get("/").bearer(&token));
    assert_eq!((other.fetches(), stage.issuer.fetches()), (1, fetches));
}

#[test]
fn a_request_ends_with_the_configuration_that_it_began_with() {
    let mut stage = stage();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone".to_vec();
    stage.upstream.replies(Reply::Held(answer));
    let mut busy = Connection::open(stage.address());
    busy.send(get("/").bearer(mint::token().sign()).bytes());
    stage.upstream.wait_for(0);
    let other = Upstream::start();
    let url = other.url();
    stage.rewrites(&format!("upstream.url = \"{url}\""));
    stage.rewrites_without(&["issuers"], ISSUER);
    stage.applies();
    stage.upstream.release();
    let response = busy.read(false);
    assert_eq!((response.status, &*response.body), (200, &b"done"[..]));
    // The next one on the same connection meets the new one.
    let next = busy.exchange(&get("/").bearer(mint::token().sign()));
    assert_eq!(
        (next.status, next.code().as_deref()),
        (401, Some("issuer_unknown"))
    );
    other.saw_nothing();
}

#[test]
fn connections_outlive_a_reload_unless_the_upstreams_change() {
    let mut stage = stage();
    stage.accepts(&mint::token());
    let connections = stage.upstream.connections();
    stage.rewrites("[[routes]]\npath = \"/{*rest}\"\nscopes = []\nmethods = [\"GET\"]");
    stage.applies();
    stage.accepts(&mint::token());
    assert_eq!(stage.upstream.connections(), connections);
    let other = Upstream::start();
    let (url, before) = (other.url(), stage.upstream.count());
    stage.rewrites(&format!("upstream.url = \"{url}\""));
    stage.applies();
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    assert_eq!((response.status, other.count()), (200, 1));
    assert_eq!(stage.upstream.count(), before);
}

#[test]
fn no_request_fails_while_the_configuration_changes() {
    let mut stage = stage();
    let address = stage.address();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let load = thread::spawn(move || {
        let token = mint::token().sign();
        let mut connection = Connection::open(address);
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let response = connection.try_exchange(&get("/").bearer(&token));
            let response = response.unwrap_or_else(|| {
                // After so many requests a connection is closed, as ever.
                connection = Connection::open(address);
                connection.exchange(&get("/").bearer(&token))
            });
            assert_eq!(response.status, 200, "{}", response.text());
            if response.field("connection") == Some("close") {
                connection = Connection::open(address);
            }
            count.fetch_add(1, Relaxed);
        }
    });
    for round in 0..30 {
        let before = served.load(Relaxed);
        let (skew, refresh) = (round % 2, 600 + round % 3);
        stage.rewrites(&format!(
            "upstream.idle_timeout = \"{}s\"\n[issuers.\"{ISSUER}\"]\nclock_skew = \"{skew}s\"\n\
             fetch = {{ refresh = \"{refresh}s\" }}",
            50 + round % 5
        ));
        stage.applies();
        // One that began before has ended, and one behind it too.
        while served.load(Relaxed) < before + 2 && !load.is_finished() {
            thread::yield_now();
        }
    }
    stop.send(()).unwrap();
    load.join().unwrap();
    assert_eq!(reloads(&stage, "applied"), 30);
}

#[test]
fn a_file_that_changes_is_read_again() {
    let stage = Stage::builder()
        .in_a_file()
        .with("issuers_file = \"issuers.json\"");
    fs::write(stage.directory().join("issuers.json"), "{}").unwrap();
    let stage = stage.start();
    let hmac = mint::Signer::secret("partner", b"0123456789abcdef0123456789abcdef".to_vec());
    let token = super::harness::Token::of(&hmac)
        .claim("iss", "partner")
        .sign();
    stage.rejects_text(&token, "issuer_unknown");
    let jwk = hmac.jwk();
    let issuers = serde_json::json!({ "partner": {
        "algorithms": ["HS256"], "audiences": ["ALL_AUDIENCES"], "key": { "keys": [jwk] },
    } });
    let file = stage.file("issuers.json");
    let reload = stage.next_reload(|| fs::write(&file, issuers.to_string()).unwrap());
    assert_eq!(
        (reload.cause, reload.outcome),
        (Cause::File, Outcome::Applied(2))
    );
    stage.allows(&get("/").bearer(&token));
    let reload = stage.next_reload(|| fs::write(&file, "{").unwrap());
    assert!(reload.outcome.errors().unwrap().contains("issuers.json:1:"));
    stage.allows(&get("/").bearer(&token));
}

#[test]
fn a_swapped_link_is_followed() {
    let mut stage = stage();
    // As a ConfigMap has it: file -> ..data/file, ..data -> a directory.
    for version in ["..1", "..2"] {
        fs::create_dir(stage.file(version)).unwrap();
    }
    fs::rename(stage.file(FILE), stage.file("..1").join(FILE)).unwrap();
    symlink("..1", stage.file("..data")).unwrap();
    symlink(format!("..data/{FILE}"), stage.file(FILE)).unwrap();
    assert_eq!(stage.reload().json()["outcome"], "unchanged");
    let link = stage.file(FILE);
    fs::remove_file(&link).unwrap();
    stage.rewrites("[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"");
    fs::rename(&link, stage.file("..2").join(FILE)).unwrap();
    symlink(format!("..data/{FILE}"), &link).unwrap();
    stage.refuses(&get("/"), 401, "token_missing");
    let reload = stage.next_reload(|| {
        symlink("..2", stage.file("..new")).unwrap();
        fs::rename(stage.file("..new"), stage.file("..data")).unwrap();
    });
    assert_eq!(
        (reload.cause, reload.outcome),
        (Cause::File, Outcome::Applied(2))
    );
    stage.allows(&get("/"));
}

#[test]
fn only_who_knows_the_secret_reloads() {
    let mut stage = Stage::builder()
        .in_a_file()
        .with("[admin]\ntoken = \"a-secret-of-the-operators\"")
        .start();
    stage.rewrites("[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n[admin]\ntoken = \"another-secret-of-theirs\"");
    let post = || request("POST", "/reload").body("");
    let send = |request: super::harness::Request| request.send(stage.gateway.admin()).status;
    assert_eq!(send(post()), 401);
    assert_eq!(send(post().bearer("another-secret-of-theirs")), 401);
    assert_eq!(
        send(get("/reload").bearer("a-secret-of-the-operators")),
        405
    );
    assert_eq!(stage.gateway.running().reloads().unwrap().last(), None);
    stage.refuses(&get("/"), 401, "token_missing");
    assert_eq!(send(post().bearer("a-secret-of-the-operators")), 200);
    stage.allows(&get("/"));
    // The secret itself was replaced as well.
    assert_eq!(send(post().bearer("a-secret-of-the-operators")), 401);
    assert_eq!(send(post().bearer("another-secret-of-theirs")), 200);
}

#[test]
fn without_a_file_there_is_nothing_to_reload() {
    let stage = Stage::new();
    let response = stage.reload();
    assert_eq!(response.status, 409);
    assert_eq!(response.json()["code"], "reload_unavailable");
    stage.refuses(&request("POST", "/reload"), 401, "token_missing");
}

#[test]
fn a_hangup_reloads_and_does_not_end_the_program() {
    let stage = stage();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let upstream = stage.upstream.url();
    let write = |route: &str| {
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"\"\n\
             [upstream]\nurl = \"{upstream}\"\n[[routes]]\npath = \"/{{*rest}}\"\n{route}"
        );
        fs::write(&file, text).unwrap();
    };
    write("");
    let mut program = Program::start(&file);
    let address = program.next("listening")["address"].clone();
    let address: std::net::SocketAddr = address.as_str().unwrap().parse().unwrap();
    let asked = || get("/").send(address).status;
    assert_eq!(asked(), 401);
    stage.upstream.saw_nothing();
    write("access = \"public\"");
    program.signal("HUP");
    let applied = program.next("configuration applied");
    assert_eq!(applied["generation"], 2);
    assert_eq!((asked(), stage.upstream.count()), (200, 1));
    write("access = \"none\"");
    program.signal("HUP");
    let refused = program.next("configuration refused");
    let errors = refused["errors"].as_str().unwrap();
    assert!(errors.contains(&format!("{FILE}:9:10")), "{errors}");
    assert_eq!(asked(), 200);
    program.signal("TERM");
    program.next("every request finished");
    assert_eq!(program.wait(), Some(0));
}
