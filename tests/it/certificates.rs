//! Keys in certificates: their dates, how tokens find them, and that a token brings none of its own.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::harness::{ISSUER, NOW, Publish, Signer, Stage, Token, get, mint};

/// [`NOW`] is 2027-01-15.
const FROM: (i32, u8, u8) = (2027, 1, 1);
const UNTIL: (i32, u8, u8) = (2027, 2, 1);
/// 2027-02-01.
const END: i64 = 1_801_440_000;

/// A stage whose issuer has its keys in the file that `key` names.
fn with_file(key: &str, content: &str) -> Stage {
    let builder = Stage::builder();
    std::fs::write(builder.directory().join("key.pem"), content).unwrap();
    builder
        .without_issuers("jwks_uri")
        .issuer(&format!("{key} = \"key.pem\""))
        .start()
}

fn publishing(jwks: Vec<Value>) -> Stage {
    let builder = Stage::builder();
    builder.issuer_itself().does(Publish::Keys(jwks));
    builder.start()
}

fn status(stage: &Stage) -> Value {
    let status = get("/status").send(stage.gateway.admin()).json();
    let issuer = status["issuers"][0].clone();
    assert_eq!(issuer["issuer"], ISSUER);
    issuer
}

fn at(signer: &Signer, now: i64) -> Token<'_> {
    Token::of(signer)
        .claim("iat", now - 10)
        .claim("exp", now + 300)
}

fn der(signer: &Signer) -> Vec<u8> {
    signer.certificate(FROM, UNTIL).der().to_vec()
}

fn digest(algorithm: &'static aws_lc_rs::digest::Algorithm, der: &[u8]) -> String {
    mint::encoded(aws_lc_rs::digest::digest(algorithm, der))
}

fn sha1(der: &[u8]) -> String {
    digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, der)
}

fn sha256(der: &[u8]) -> String {
    digest(&aws_lc_rs::digest::SHA256, der)
}

#[test]
fn a_certificate_is_a_key_while_it_is_valid() {
    for signer in [mint::es256(), mint::rsa()] {
        let certificate = signer.certificate(FROM, UNTIL);
        let stage = with_file("certificate_file", &certificate.pem());
        // Its name in the token may be anything.
        stage.accepts(&Token::of(signer));
        stage.accepts(&Token::of(signer).header("kid", "any"));
        stage.accepts(&Token::of(signer).without_header("kid"));
        let key = &status(&stage)["keys"][0];
        assert_eq!(key["not_before"], "2027-01-01T00:00:00Z");
        assert_eq!(key["not_after"], "2027-02-01T00:00:00Z");
        let warning = "the certificate expires at 2027-02-01T00:00:00Z";
        assert_eq!(key["warning"], warning);

        // The last second, and the one after it: for new tokens and for one that is known.
        stage.clock.advance(END - NOW);
        let token = at(signer, END).sign();
        stage.allows(&get("/").bearer(&token));
        stage.clock.advance(1);
        stage.refuses(&get("/").bearer(&token), 503, "keys_unavailable");
        let token = at(signer, END + 1).sign();
        stage.refuses(&get("/").bearer(&token), 503, "keys_unavailable");
        let warning = "the certificate expired at 2027-02-01T00:00:00Z";
        assert_eq!(status(&stage)["keys"][0]["warning"], warning);
        let ready = get("/readyz").send(stage.gateway.admin());
        assert_eq!(
            (ready.status, &ready.json()["issuers"][0]["keys"]),
            (503, &json!(0))
        );

        // It is renewed, with the same key.
        let renewed = signer.certificate(FROM, (2028, 1, 1)).pem();
        let path = status(&stage)["source"].as_str().unwrap().to_owned();
        std::fs::write(path, renewed).unwrap();
        stage.gateway.refresh(ISSUER);
        stage.allows(&get("/").bearer(&token));
        assert!(status(&stage)["keys"][0]["warning"].is_null());
    }
}

#[test]
fn another_key_than_the_certificates_is_refused() {
    let stage = with_file(
        "certificate_file",
        &mint::es256().certificate(FROM, UNTIL).pem(),
    );
    stage.accepts(&mint::token());
    stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
    stage.rejects(&Token::of(mint::rsa()), "key_not_found");
    let early = with_file(
        "certificate_file",
        &mint::es256().certificate((2027, 1, 16), UNTIL).pem(),
    );
    let request = get("/").bearer(mint::token().sign());
    early.refuses(&request, 503, "keys_unavailable");
}

#[test]
fn a_public_key_is_a_key() {
    for signer in [mint::es256(), mint::rsa(), &Signer::ed25519("ed")] {
        let stage = with_file("public_key_file", &signer.public_pem());
        stage.accepts(&Token::of(signer));
        stage.accepts(&Token::of(signer).header("kid", "any"));
        let stranger = if std::ptr::eq(signer, mint::es256()) {
            (mint::stranger(), "signature_invalid")
        } else {
            (mint::es256(), "key_not_found")
        };
        stage.rejects(&Token::of(stranger.0), stranger.1);
    }
}

#[test]
fn a_jwk_with_a_certificate_and_nothing_else_is_a_key() {
    let signer = mint::es256();
    let x5c = json!([STANDARD.encode(der(signer))]);
    let stage = publishing(vec![
        json!({"kty": "EC", "kid": "es256-1", "x5c": x5c}),
        json!({"kty": "EC", "kid": "short", "x5c": x5c, "crv": "P-384"}),
    ]);
    stage.accepts(&Token::of(signer));
    stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
    stage.rejects(&Token::of(signer).header("kid", "short"), "key_not_found");
    let reason = status(&stage)["skipped"][0]["reason"].clone();
    assert_eq!(reason, "its \"x5c\" is a certificate for another key");
    stage.clock.advance(END + 1 - NOW);
    let late = get("/").bearer(at(signer, END + 1).sign());
    stage.refuses(&late, 503, "keys_unavailable");
}

#[test]
fn a_jwk_that_disagrees_with_its_certificate_is_not_used() {
    let with = |signer: &Signer, certified: &Signer| {
        let mut jwk = signer.jwk();
        jwk["x5c"] = json!([STANDARD.encode(der(certified))]);
        publishing(vec![jwk, mint::rsa().jwk()])
    };
    with(mint::es256(), mint::es256()).accepts(&mint::token());
    let stage = with(mint::es256(), mint::stranger());
    stage.rejects(&mint::token(), "key_not_found");
    stage.rejects(&Token::of(mint::stranger()), "key_not_found");
    stage.accepts(&Token::of(mint::rsa()));
}

#[test]
fn digests_of_the_certificate_choose_among_keys_without_a_name() {
    let signers: Vec<_> = (0..6).map(|_| Signer::ec("x", "ES256")).collect();
    let jwks = signers.iter().map(|signer| {
        let mut jwk = signer.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk["x5c"] = json!([STANDARD.encode(der(signer))]);
        jwk
    });
    let jwks: Vec<_> = jwks.collect();
    let stage = publishing(jwks.clone());
    // Four keys are tried at most, and the last is the sixth.
    let last = Token::of(&signers[5]).without_header("kid");
    stage.rejects(&last, "signature_invalid");
    let text = jwks[5]["x5c"][0].as_str().unwrap();
    let certificate = STANDARD.decode(text).unwrap();
    stage.accepts(&last.clone().header("x5t", sha1(&certificate)));
    stage.accepts(&last.clone().header("x5t#S256", sha256(&certificate)));
    stage.rejects(&last.clone().header("x5t", "other"), "signature_invalid");
    stage.rejects(&last.header("x5t", 1), "token_malformed");
    // A digest proves nothing.
    let forged = Token::of(mint::stranger()).without_header("kid");
    stage.rejects(
        &forged.header("x5t", sha1(&certificate)),
        "signature_invalid",
    );
}

#[test]
fn a_certificate_in_a_token_is_not_read() {
    let attacker = mint::stranger();
    let certificate = der(attacker);
    let forged = |token: Token<'static>| {
        token
            .header("x5c", json!([STANDARD.encode(&certificate)]))
            .header("x5t", sha1(&certificate))
            .header("x5t#S256", sha256(&certificate))
            .header("jwk", attacker.jwk())
    };
    let own = mint::es256().certificate(FROM, UNTIL).pem();
    for stage in [Stage::new(), with_file("certificate_file", &own)] {
        let unnamed = Token::of(attacker).without_header("kid");
        stage.rejects(&forged(unnamed), "signature_invalid");
        stage.rejects(&forged(Token::of(attacker)), "signature_invalid");
        stage.accepts(&mint::token());
        // Nor is it a reason to refuse a token that is good.
        stage.accepts(&mint::token().header("x5c", json!([STANDARD.encode(&certificate)])));
    }
}

#[test]
fn a_key_without_a_name_may_be_replaced() {
    let (old, new) = (mint::es256(), Signer::ec("x", "ES256"));
    let nameless = |signer: &Signer| {
        let mut jwk = signer.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        vec![jwk]
    };
    let stage = publishing(nameless(old));
    stage.accepts(&Token::of(old).without_header("kid"));
    stage.issuer.does(Publish::Keys(nameless(&new)));
    let before = stage.issuer.fetches();
    stage.accepts(&Token::of(&new).without_header("kid"));
    assert_eq!(stage.issuer.fetches(), before + 1);
    stage.rejects(&Token::of(old).without_header("kid"), "signature_invalid");
    // What nobody signed causes no more fetches within the cooldown.
    for kid in ["a", "b", "c"] {
        let forged = Token::of(mint::stranger()).header("kid", kid);
        stage.rejects(&forged, "signature_invalid");
    }
    assert_eq!(stage.issuer.fetches(), before + 1);
}

#[test]
fn a_point_with_which_everybody_can_sign_is_no_key() {
    let honest = Signer::ed25519("honest");
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut weak = honest.jwk();
    weak["kid"] = "weak".into();
    weak["x"] = mint::encoded(neutral).into();
    let stage = publishing(vec![honest.jwk(), weak]);
    stage.accepts(&Token::of(&honest));
    let reason = status(&stage)["skipped"][0]["reason"].clone();
    assert!(reason.as_str().unwrap().contains("low order"), "{reason}");
    // R is the neutral point and S is zero: it verifies for every message, with that key.
    let token = Token::of(&honest).header("kid", "weak").sign();
    let (input, _) = token.rsplit_once('.').unwrap();
    let signature = [neutral, [0; 32]].concat();
    let forged = format!("{input}.{}", mint::encoded(signature));
    stage.rejects_text(&forged, "key_not_found");
}
