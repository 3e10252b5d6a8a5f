//! Tokens that are good once.

use std::sync::{Arc, Barrier};

use portcullis::{
    clock::{Clock, UnixTime},
    config,
    gateway::{Code, Record, Silent, login::Login},
    store::{Answer, Key, OnFailure, Owner, Size, Store, StoreError},
    telemetry::{Metrics, metrics::StoreFailureLabels},
};

use super::harness::{ISSUER, NOW, Reply, Signer, Stage, Token, decide, get, mint, post};

const PARTNER: &str = "https://partner.example";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn once() -> Stage {
    Stage::with_issuer("replay = \"reject\"")
}

fn with_jti(jti: &str) -> String {
    mint::token().claim("jti", jti).sign()
}

#[test]
fn a_jti_is_good_once() {
    let stage = once();
    let (first, second) = (with_jti("1"), with_jti("2"));
    stage.allows(&get("/").bearer(&first));
    for _ in 0..3 {
        stage.rejects_text(&first, "token_replayed");
    }
    stage.allows(&get("/").bearer(&second));
    // Another token with the same jti is a replay too.
    let again = mint::token().claim("jti", "1").claim("sub", "bob").sign();
    stage.rejects_text(&again, "token_replayed");
}

#[test]
fn by_default_a_jti_is_good_more_than_once() {
    let stage = Stage::new();
    let token = with_jti("1");
    stage.allows(&get("/").bearer(&token));
    stage.allows(&get("/").bearer(&token));
}

#[test]
fn a_token_without_a_jti_is_good_more_than_once_unless_it_must_have_one() {
    let stage = once();
    let token = mint::token().sign();
    stage.allows(&get("/").bearer(&token));
    stage.allows(&get("/").bearer(&token));
    let stage =
        Stage::with_issuer("replay = \"reject\"\nrequire = [\"iss\", \"sub\", \"exp\", \"jti\"]");
    stage.rejects_text(&token, "claim_missing");
    stage.allows(&get("/").bearer(with_jti("1")));
}

#[test]
fn a_jti_that_is_no_string_is_malformed() {
    let stage = once();
    for jti in [serde_json::json!(7), serde_json::json!(null)] {
        stage.rejects(&mint::token().claim("jti", jti), "claim_malformed");
    }
    stage.allows(&get("/").bearer(with_jti("7")));
}

#[test]
fn the_same_jti_of_another_issuer_is_another_one() {
    let stage = Stage::builder()
        .issuer("replay = \"reject\"")
        .with(&format!(
            "[issuers.\"{PARTNER}\"]\nshared_secret = \"{SECRET}\"\n\
             algorithms = [\"HS256\"]\naudiences = [\"ALL_AUDIENCES\"]\nreplay = \"reject\"\n"
        ))
        .start();
    let secret = Signer::secret("s", SECRET);
    let partner = Token::of(&secret)
        .claim("iss", PARTNER)
        .claim("jti", "1")
        .sign();
    stage.allows(&get("/").bearer(with_jti("1")));
    stage.allows(&get("/").bearer(&partner));
    stage.rejects_text(&partner, "token_replayed");
    stage.rejects_text(&with_jti("1"), "token_replayed");
}

#[test]
fn a_request_that_is_refused_uses_no_jti_up() {
    let stage = Stage::builder()
        .issuer("replay = \"reject\"")
        .with(
            "[[routes]]\npath = \"/scoped\"\nscopes = [\"admin\"]\n\
             [[routes]]\npath = \"/one\"\nmethods = [\"GET\"]\n\
             [[routes]]\npath = \"/{*rest}\"\n",
        )
        .start();
    let token = with_jti("1");
    let forged = Token::of(mint::stranger()).claim("jti", "1").sign();
    let early = mint::token()
        .claim("jti", "1")
        .claim("nbf", NOW + 100)
        .sign();
    let elsewhere = mint::token().claim("jti", "1").claim("aud", "other").sign();
    stage.rejects_text(&forged, "signature_invalid");
    stage.rejects_text(&early, "token_not_yet_valid");
    stage.rejects_text(&elsewhere, "audience_not_allowed");
    stage.refuses(&get("/scoped").bearer(&token), 403, "scope_insufficient");
    let wrong = post("/one", "x").bearer(&token);
    stage.refuses(&wrong, 405, "method_not_allowed");
    stage.allows(&get("/").bearer(&token));
    stage.rejects_text(&token, "token_replayed");
    // What is wrong besides is said first, so that nobody learns what was used.
    stage.refuses(&get("/scoped").bearer(&token), 403, "scope_insufficient");
}

#[test]
fn a_jti_is_remembered_as_long_as_its_token_is_good() {
    let stage = once();
    let token = mint::token()
        .claim("jti", "1")
        .claim("exp", NOW + 10)
        .sign();
    stage.allows(&get("/").bearer(&token));
    stage.clock.advance(10 + 59);
    stage.rejects_text(&token, "token_replayed");
    stage.clock.advance(1);
    stage.rejects_text(&token, "token_expired");
    // Its jti is free again.
    let fresh = mint::token().claim("jti", "1").sign();
    stage.allows(&get("/").bearer(&fresh));
    stage.rejects_text(&fresh, "token_replayed");
}

#[test]
fn of_two_at_once_one_passes() {
    let stage = Stage::builder()
        .issuer("replay = \"reject\"")
        .with("[server]\nworkers = 4\n")
        .start();
    for round in 0..20 {
        let token = with_jti(&round.to_string());
        let before = stage.upstream.count();
        let start = Barrier::new(4);
        let passed = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        stage.send(&get("/").bearer(&token)).status
                    })
                })
                .collect();
            let statuses = threads.into_iter().map(|thread| thread.join().unwrap());
            let statuses: Vec<_> = statuses.collect();
            assert!(statuses.iter().all(|status| [200, 401].contains(status)));
            statuses.iter().filter(|status| **status == 200).count()
        });
        assert_eq!(passed, 1);
        assert_eq!(stage.upstream.count(), before + 1);
    }
}

#[test]
fn when_there_is_no_room_requests_are_refused_and_nothing_is_forgotten() {
    let stage = Stage::builder()
        .issuer("replay = \"reject\"")
        .with("[store]\nmax_entries = 100\n")
        .start();
    for jti in 0..25 {
        stage.allows(&get("/").bearer(with_jti(&jti.to_string())));
    }
    let next = mint::token()
        .claim("jti", "25")
        .claim("exp", NOW + 400)
        .sign();
    stage.refuses(&get("/").bearer(&next), 503, "overloaded");
    stage.rejects_text(&with_jti("0"), "token_replayed");
    // Who has no jti needs no room.
    stage.allows(&get("/").bearer(mint::token().sign()));
    stage.clock.advance(360);
    stage.allows(&get("/").bearer(&next));
    stage.rejects_text(&next, "token_replayed");
}

#[test]
fn a_reload_makes_no_token_good_again() {
    let mut stage = Stage::builder()
        .issuer("replay = \"reject\"")
        .in_a_file()
        .start();
    let token = with_jti("1");
    stage.allows(&get("/").bearer(&token));
    stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\nclock_skew = \"30s\"\n"));
    stage.applies();
    stage.rejects_text(&token, "token_replayed");
}

#[test]
fn a_token_is_used_up_although_the_upstream_fails() {
    let stage = once();
    let token = with_jti("1");
    stage.upstream.replies(Reply::Last(Vec::new()));
    let response = stage.send(&get("/").bearer(&token));
    assert_eq!(response.code().as_deref(), Some("upstream_unreachable"));
    stage.rejects_text(&token, "token_replayed");
}

/// A gateway without sockets, of one issuer whose tokens are good once.
fn bare() -> portcullis::gateway::Gateway {
    let text = format!(
        "[upstream]\nurl = \"http://127.0.0.1:1\"\n[session]\nenabled = true\n\
         [issuers.\"{PARTNER}\"]\nshared_secret = \"{SECRET}\"\nalgorithms = [\"HS256\"]\n\
         audiences = [\"ALL_AUDIENCES\"]\nreplay = \"reject\"\n"
    );
    let clock = Clock::standing_at(UnixTime(NOW));
    let base = std::path::Path::new("/nowhere");
    let config = config::parse("test.toml", &text, base, &|_| None, &clock).unwrap();
    let metrics = Metrics::default().into();
    portcullis::gateway::Gateway::new(config.policy, config.server.limits, clock, metrics)
}

fn partners(jti: &str) -> String {
    let secret = Signer::secret("s", SECRET);
    let token = Token::of(&secret).claim("iss", PARTNER).claim("jti", jti);
    format!("Bearer {}", token.sign())
}

/// What was said at `step`.
fn said<'r>(record: &'r Record, step: &str) -> Option<&'r str> {
    let mut passed = record.passed.iter();
    let (_, said) = passed.find(|(passed, _)| passed.name() == step)?;
    Some(said)
}

#[test]
fn explain_uses_nothing_up_and_knows_what_was_used() {
    let (gateway, token) = (bare(), partners("1"));
    let bearer = ("authorization", token.as_str());
    let explain = || {
        let mut record = Record::default();
        let (code, _) = decide(&gateway, bearer, &mut record);
        (code, record)
    };
    for _ in 0..2 {
        let (code, record) = explain();
        assert_eq!(code, None);
        let replay = said(&record, "replay").unwrap();
        assert!(replay.starts_with("the first with its jti"), "{replay}");
        assert!(said(&record, "session").unwrap().starts_with("one begins"));
    }
    let (code, note) = decide(&gateway, bearer, &mut Silent);
    assert_eq!(code, None);
    let (code, record) = explain();
    assert_eq!(code, Some(Code::TokenReplayed));
    assert_eq!(said(&record, "replay"), None);
    // The session that began goes on, and explain says so.
    let Login::Begins(cookie) = note.login else {
        panic!("no session begins")
    };
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
    let mut record = Record::default();
    let (code, _) = decide(&gateway, ("cookie", cookie), &mut record);
    assert_eq!(code, None);
    assert!(
        said(&record, "token")
            .unwrap()
            .contains("of a session until")
    );
    assert!(said(&record, "session").unwrap().starts_with("it goes on"));
}

/// A store that somebody else keeps, and that cannot be reached.
struct Unreachable;

impl Store for Unreachable {
    fn consume_once(&self, _: Owner, _: Key, _: UnixTime) -> Answer<'_, bool> {
        Box::pin(async { Err(StoreError::Unavailable) })
    }

    fn contains(&self, _: Key) -> Answer<'_, bool> {
        Box::pin(async { Err(StoreError::Unavailable) })
    }

    fn size(&self) -> Option<Size> {
        None
    }
}

#[test]
fn a_store_that_does_not_answer_lets_nothing_through() {
    let (gateway, token) = (bare(), partners("1"));
    let bearer = ("authorization", token.as_str());
    let gateway = gateway.with_store(Arc::new(Unreachable));
    let (code, note) = decide(&gateway, bearer, &mut Silent);
    assert_eq!(code, Some(Code::StoreUnavailable));
    assert!(matches!(note.login, Login::None));
    let (code, _) = decide(&gateway, bearer, &mut Record::default());
    assert_eq!(code, Some(Code::StoreUnavailable));
    // A token without a jti needs no store, and the session that it begins does.
    let secret = Signer::secret("s", SECRET);
    let plain = Token::of(&secret).claim("iss", PARTNER).sign();
    let bearer = format!("Bearer {plain}");
    let (code, note) = decide(&gateway, ("authorization", &bearer), &mut Silent);
    assert_eq!(code, None);
    let Login::Begins(cookie) = note.login else {
        panic!("no session begins")
    };
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
    let (code, _) = decide(&gateway, ("cookie", cookie), &mut Silent);
    assert_eq!(code, Some(Code::StoreUnavailable));
}

#[test]
fn where_the_configuration_says_so_a_request_goes_on_without_the_store() {
    let lax = OnFailure {
        allow_replay: true,
        ..OnFailure::default()
    };
    let (gateway, token) = (bare(), partners("1"));
    let gateway = gateway
        .with_store(Arc::new(Unreachable))
        .with_store_failures(lax);
    let bearer = ("authorization", token.as_str());
    let (code, note) = decide(&gateway, bearer, &mut Silent);
    assert_eq!(code, None);
    // Whether its session was ended is another question, which nobody said may stay open.
    let Login::Begins(cookie) = note.login else {
        panic!("no session begins")
    };
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
    let (code, _) = decide(&gateway, ("cookie", cookie), &mut Silent);
    assert_eq!(code, Some(Code::StoreUnavailable));
    let gateway = gateway.with_store_failures(OnFailure {
        allow_ended_sessions: true,
        ..OnFailure::default()
    });
    let (code, _) = decide(&gateway, ("cookie", cookie), &mut Silent);
    assert_eq!(code, None);
    let (code, _) = decide(&gateway, bearer, &mut Silent);
    assert_eq!(code, Some(Code::StoreUnavailable));
    let counted = |r#use, decision| {
        let labels = StoreFailureLabels { r#use, decision };
        let failures = &gateway.metrics().store_failures;
        failures.get_or_create(&labels).get()
    };
    assert_eq!(
        (counted("replay", "allow"), counted("replay", "refuse")),
        (1, 1)
    );
    assert_eq!(
        (counted("sessions", "allow"), counted("sessions", "refuse")),
        (1, 1)
    );
}
