//! A token that was verified once is not good for everything, nor for ever.

use super::harness::{ISSUER, NOW, Publish, Signer, Stage, Token, get, mint};

/// How many tokens were found in the cache.
fn hits(stage: &Stage) -> u64 {
    let text = get("/metrics").send(stage.gateway.admin()).text();
    let line = text
        .lines()
        .find(|line| line.starts_with("portcullis_token_cache_hits_total"));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_remembered_token_still_meets_the_rules_of_each_route() {
    let stage = Stage::builder()
        .without_issuers("audiences")
        .with(
            "[server]\npublic_url = \"https://api.example.com\"\n\
             [issuers.\"https://partner.example\"]\nshared_secret = \"0123456789abcdef0123456789abcdef\"\n\
             algorithms = [\"HS256\"]\naudiences = [\"ALL_AUDIENCES\"]\n\
             [[routes]]\npath = \"/scoped\"\nscopes = [\"admin\"]\n\
             [[routes]]\npath = \"/partners\"\nissuers = [\"https://partner.example\"]\n\
             [[routes]]\npath = \"/{*rest}\"\n",
        )
        .start();
    let token = mint::token()
        .claim("aud", "https://api.example.com/a")
        .sign();
    let scoped = mint::token()
        .claim("aud", "https://api.example.com/")
        .sign();
    let at = |path: &str| get(path).bearer(&token);
    stage.allows(&at("/a"));
    stage.allows(&at("/a/b"));
    assert_eq!(hits(&stage), 1);
    stage.refuses(&at("/b"), 401, "audience_not_allowed");
    stage.refuses(&at("/partners"), 401, "issuer_unknown");
    stage.allows(&get("/b").bearer(&scoped));
    stage.refuses(&get("/scoped").bearer(&scoped), 403, "scope_insufficient");
    stage.allows(&at("/a"));
    assert_eq!(hits(&stage), 5);
}

#[test]
fn a_remembered_token_expires() {
    let stage = Stage::new();
    let token = mint::token().claim("exp", NOW + 10).sign();
    stage.allows(&get("/").bearer(&token));
    stage.allows(&get("/").bearer(&token));
    assert_eq!(hits(&stage), 1);
    stage.clock.advance(69);
    stage.allows(&get("/").bearer(&token));
    stage.clock.advance(1);
    stage.rejects_text(&token, "token_expired");
    assert_eq!(hits(&stage), 3);
}

#[test]
fn a_remembered_token_ends_with_its_key() {
    let stage = Stage::new();
    let (token, other) = (mint::token().sign(), Token::of(mint::rsa()).sign());
    for _ in 0..2 {
        stage.allows(&get("/").bearer(&token));
        stage.allows(&get("/").bearer(&other));
    }
    assert_eq!(hits(&stage), 2);
    stage.issuer.publishes(&[mint::rsa()]);
    stage.gateway.refresh(ISSUER);
    stage.rejects_text(&token, "key_not_found");
    stage.allows(&get("/").bearer(&other));
    assert_eq!(hits(&stage), 3);
    stage.issuer.publishes(&[mint::stranger(), mint::rsa()]);
    stage.gateway.refresh(ISSUER);
    stage.rejects_text(&token, "signature_invalid");
    stage.issuer.publishes(&[mint::es256()]);
    stage.gateway.refresh(ISSUER);
    stage.allows(&get("/").bearer(&token));
}

#[test]
fn a_remembered_token_ends_with_what_its_key_is_for() {
    let stage = Stage::new();
    let token = mint::token().sign();
    stage.allows(&get("/").bearer(&token));
    let mut jwk = mint::es256().jwk();
    jwk["use"] = "enc".into();
    stage
        .issuer
        .does(Publish::Keys(vec![jwk, mint::rsa().jwk()]));
    stage.gateway.refresh(ISSUER);
    stage.rejects_text(&token, "key_not_found");
    let mut jwk = mint::es256().jwk();
    jwk["kid"] = "renamed".into();
    stage.issuer.does(Publish::Keys(vec![
        jwk,
        Signer::ec("es256-1", "ES256").jwk(),
    ]));
    stage.gateway.refresh(ISSUER);
    stage.rejects_text(&token, "signature_invalid");
}

#[test]
fn a_remembered_token_ends_when_its_keys_are_stale() {
    let stage = Stage::with_issuer("fetch.stale_for = \"1h\"");
    let token = mint::token().claim("exp", NOW + 86_400).sign();
    stage.allows(&get("/").bearer(&token));
    stage.issuer.dies();
    stage.clock.advance(3600);
    stage.allows(&get("/").bearer(&token));
    stage.clock.advance(1);
    stage.refuses(&get("/").bearer(&token), 503, "keys_unavailable");
}

#[test]
fn what_is_refused_is_not_remembered_as_good() {
    let stage = Stage::new();
    let early = mint::token().claim("nbf", NOW + 100).sign();
    let forged = Token::of(mint::stranger()).sign();
    for _ in 0..3 {
        stage.rejects_text(&early, "token_not_yet_valid");
        stage.rejects_text(&forged, "signature_invalid");
    }
    stage.clock.advance(100);
    stage.allows(&get("/").bearer(&early));
    stage.rejects_text(&forged, "signature_invalid");
}

#[test]
fn another_spelling_of_a_remembered_token_is_another_token() {
    let stage = Stage::new();
    let token = mint::token().sign();
    stage.allows(&get("/").bearer(&token));
    stage.rejects_text(&format!("{token}="), "token_malformed");
    stage.rejects_text(&token[..token.len() - 1], "token_malformed");
    stage.allows(&get("/").bearer(&token));
}

/// So often that each worker remembers it by itself, and does not ask the shared cache any more.
fn comes_often(stage: &Stage, token: &str) {
    for _ in 0..64 {
        stage.allows(&get("/").bearer(token));
    }
}

#[test]
fn a_token_that_comes_often_expires_too() {
    let stage = Stage::new();
    let token = mint::token().claim("exp", NOW + 10).sign();
    comes_often(&stage, &token);
    stage.clock.advance(69);
    stage.allows(&get("/").bearer(&token));
    stage.clock.advance(1);
    stage.rejects_text(&token, "token_expired");
    stage.rejects_text(&format!("{token}="), "token_malformed");
}

#[test]
fn a_token_that_comes_often_ends_with_its_key_too() {
    let stage = Stage::new();
    let (token, other) = (mint::token().sign(), Token::of(mint::rsa()).sign());
    comes_often(&stage, &token);
    comes_often(&stage, &other);
    stage.issuer.publishes(&[mint::rsa()]);
    stage.gateway.refresh(ISSUER);
    stage.rejects_text(&token, "key_not_found");
    stage.allows(&get("/").bearer(&other));
}

#[test]
fn a_token_that_comes_often_meets_the_rules_of_each_route_too() {
    let stage = Stage::builder()
        .with(
            "[issuers.\"https://partner.example\"]\nshared_secret = \"0123456789abcdef0123456789abcdef\"\n\
             algorithms = [\"HS256\"]\naudiences = [\"ALL_AUDIENCES\"]\n\
             [[routes]]\npath = \"/scoped\"\nscopes = [\"admin\"]\n\
             [[routes]]\npath = \"/partners\"\nissuers = [\"https://partner.example\"]\n\
             [[routes]]\npath = \"/{*rest}\"\n",
        )
        .start();
    let token = mint::token().sign();
    comes_often(&stage, &token);
    stage.refuses(&get("/scoped").bearer(&token), 403, "scope_insufficient");
    stage.refuses(&get("/partners").bearer(&token), 401, "issuer_unknown");
    stage.allows(&get("/").bearer(&token));
}
