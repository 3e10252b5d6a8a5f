//! Tokens that their issuer is asked about (RFC 7662).

use std::thread;

use serde_json::{Value, json};

use super::harness::{
    AUDIENCE, Builder, ISSUER, NOW, Reply, Stage, Token, Upstream, get, mint, nobody, refused,
};

/// A token that is no JWT.
const OPAQUE: &str = "ory_at_2YotnFZFEjr1zCsicMWpAA.J-Rxl1~+/==";

/// A stage whose issuer has an endpoint with these settings.
fn asking(settings: &str) -> (Stage, Upstream) {
    let endpoint = Upstream::start();
    let stage = builder(&endpoint.url(), settings).start();
    (stage, endpoint)
}

fn builder(url: &str, settings: &str) -> Builder {
    Stage::builder().with(&format!(
        "[issuers.\"{ISSUER}\".introspection]\nendpoint = \"{url}/introspect\"\n\
         client_id = \"gate:way\"\nclient_secret = \"s e+cret\"\n{settings}"
    ))
}

fn says(endpoint: &Upstream, answer: &Value) {
    endpoint.replies_with(
        "200 OK",
        "content-type: application/json\r\n",
        answer.to_string(),
    );
}

/// A good answer, with these members set instead; null removes one.
fn active(changes: Value) -> Value {
    let mut answer = json!({"active": true, "sub": "alice", "aud": AUDIENCE, "exp": NOW + 300});
    for (name, value) in changes.as_object().unwrap() {
        answer[name] = value.clone();
        if value.is_null() {
            answer.as_object_mut().unwrap().remove(name);
        }
    }
    answer
}

#[test]
fn an_opaque_token_passes_when_its_issuer_calls_it_active() {
    let (stage, endpoint) = asking("opaque = true");
    says(&endpoint, &active(json!({"groupIds": ["a", "b"]})));
    let request = get("/").bearer(OPAQUE).field("X-Auth-Subject", "mallory");
    let seen = stage.allows(&request);
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    assert_eq!(seen.field("x-auth-issuer"), Some(ISSUER));
    assert_eq!(seen.field("x-auth-groups"), Some("a,b"));
    assert_eq!(seen.field("authorization"), None);
    // The twin.
    let (stage, endpoint) = asking("opaque = true");
    says(&endpoint, &json!({"active": false}));
    stage.rejects_text(OPAQUE, "token_inactive");
    assert_eq!(endpoint.count(), 1);
}

#[test]
fn the_endpoint_is_asked_as_rfc_7662_says() {
    let form =
        "token=ory_at_2YotnFZFEjr1zCsicMWpAA.J-Rxl1%7E%2B%2F%3D%3D&token_type_hint=access_token";
    let (stage, endpoint) = asking("opaque = true");
    says(&endpoint, &active(json!({})));
    stage.allows(&get("/").bearer(OPAQUE));
    let seen = endpoint.wait_for(0);
    assert_eq!((&*seen.method, &*seen.target), ("POST", "/introspect"));
    assert_eq!(
        seen.field("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(seen.field("accept"), Some("application/json"));
    // base64 of gate%3Away:s+e%2Bcret
    let basic = "Basic Z2F0ZSUzQXdheTpzK2UlMkJjcmV0";
    assert_eq!(seen.field("authorization"), Some(basic));
    assert_eq!(String::from_utf8(seen.body).unwrap(), form);
    let (stage, endpoint) = asking("opaque = true\nauthentication = \"client_secret_post\"");
    says(&endpoint, &active(json!({})));
    stage.allows(&get("/").bearer(OPAQUE));
    let seen = endpoint.wait_for(0);
    assert_eq!(seen.field("authorization"), None);
    let form = format!("{form}&client_id=gate%3Away&client_secret=s+e%2Bcret");
    assert_eq!(String::from_utf8(seen.body).unwrap(), form);
}

#[test]
fn nobody_is_asked_about_opaque_tokens_unless_that_is_configured() {
    let (stage, endpoint) = asking("jwt = \"always\"");
    stage.rejects_text(OPAQUE, "token_malformed");
    let (other, second) = asking("opaque = true\n");
    // What has the parts of a JWT is none but a JWT, and one that is too long is not sent around.
    for jwt_like in ["a.b.c", "..", "ory.at.x"] {
        other.rejects_text(jwt_like, "token_malformed");
    }
    other.rejects_text(&"x".repeat(9000), "token_too_large");
    let unsigned = mint::token().raw_header(r#"{"alg":"none"}"#).sign();
    other.rejects_text(&unsigned, "algorithm_not_allowed");
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    other.rejects_text(&unsigned, "algorithm_not_allowed");
    other.rejects(&mint::token().claim("exp", 1), "token_expired");
    endpoint.saw_nothing();
    second.saw_nothing();
}

#[test]
fn an_active_token_skips_no_rule() {
    for (changes, code) in [
        (json!({"exp": NOW - 61}), "token_expired"),
        (json!({"exp": null}), "claim_missing"),
        (json!({"exp": "soon"}), "claim_malformed"),
        (json!({"nbf": NOW + 100}), "token_not_yet_valid"),
        (
            json!({"aud": "https://other.example.com"}),
            "audience_not_allowed",
        ),
        (json!({"aud": null}), "audience_not_allowed"),
        (
            json!({"iss": "https://other.example.com"}),
            "issuer_unknown",
        ),
        (json!({"iss": [ISSUER]}), "claim_malformed"),
        (json!({"sub": null}), "claim_missing"),
        (json!({"azp": "other"}), "claim_not_allowed"),
        (json!({"token_type": "DPoP"}), "type_not_allowed"),
        (json!({"token_use": "refresh_token"}), "type_not_allowed"),
        (json!({"sub": "a\nb"}), "claim_malformed"),
    ] {
        let endpoint = Upstream::start();
        let stage = builder(&endpoint.url(), "opaque = true");
        let stage = stage.issuer("claims = { azp = [\"web\"] }").start();
        let mut answer = active(json!({"azp": "web"}));
        says(&endpoint, &answer);
        stage.allows(&get("/").bearer(OPAQUE));
        for (name, value) in changes.as_object().unwrap() {
            answer[name] = value.clone();
            if value.is_null() {
                answer.as_object_mut().unwrap().remove(name);
            }
        }
        says(&endpoint, &answer);
        stage.rejects_text(&format!("{OPAQUE}x"), code);
    }
}

#[test]
fn its_scope_counts() {
    let route = "[[routes]]\nscopes = [\"orders:read\"]";
    let endpoint = Upstream::start();
    let stage = builder(&endpoint.url(), "opaque = true")
        .with(route)
        .start();
    says(&endpoint, &active(json!({"scope": "orders:read"})));
    stage.allows(&get("/").bearer(OPAQUE));
    says(&endpoint, &active(json!({"scope": "orders:write"})));
    let response = stage.refuses(&get("/").bearer("other"), 403, "scope_insufficient");
    let challenge = response.field("www-authenticate").unwrap();
    assert!(challenge.contains("scope=\"orders:read\""), "{challenge}");
}

#[test]
fn an_endpoint_at_fault_is_an_outage_and_lets_nobody_in() {
    let (stage, endpoint) = asking("opaque = true\ntimeout = \"1s\"");
    let unavailable = |token: &str| {
        let request = get("/").bearer(token);
        let response = stage.refuses(&request, 503, "introspection_unavailable");
        assert_eq!(response.field("retry-after"), Some("5"));
    };
    let good = active(json!({})).to_string();
    let json = "content-type: application/json\r\n";
    for status in [
        "500 No",
        "502 No",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "400 Bad Request",
        "204 No Content",
        "201 Created",
    ] {
        endpoint.replies_with(status, json, &good);
        unavailable("t");
    }
    let elsewhere = format!("location: {}/\r\n", stage.upstream.url());
    endpoint.replies_with("307 Elsewhere", &elsewhere, &good);
    unavailable("t");
    let padded = format!("{}{}", " ".repeat(64 * 1024), good);
    let twice = good.replace("\"active\":true", "\"active\":false,\"active\":true");
    assert_ne!(twice, good);
    for body in [
        "<html>",
        "",
        "{}",
        "[]",
        "{\"active\":\"true\"}",
        &padded,
        &twice,
    ] {
        endpoint.replies_with("200 OK", json, body);
        unavailable("t");
    }
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{good}");
    endpoint.replies(Reply::Last(cut.into()));
    unavailable("t");
    endpoint.replies(Reply::Last(Vec::new()));
    unavailable("t");
    endpoint.replies(Reply::Silence);
    unavailable("t");
    // The twin: none of this is remembered.
    let asked = endpoint.count();
    endpoint.replies_with("200 OK", json, &good);
    stage.allows(&get("/").bearer("t"));
    assert_eq!(endpoint.count(), asked + 1);
}

#[test]
fn an_endpoint_that_is_not_there_is_an_outage() {
    let url = format!("http://{}", nobody());
    let stage = builder(&url, "opaque = true\njwt = \"fallback\"").start();
    let request = get("/").bearer(OPAQUE);
    stage.refuses(&request, 503, "introspection_unavailable");
    let forged = get("/").bearer(Token::of(mint::stranger()).sign());
    stage.refuses(&forged, 503, "introspection_unavailable");
    // A token that needs nobody's word is not touched by it.
    stage.accepts(&mint::token());
}

#[test]
fn what_was_said_holds_for_the_cache_and_not_beyond() {
    let (stage, endpoint) = asking("opaque = true\ncache = \"30s\"");
    says(&endpoint, &active(json!({})));
    let request = get("/").bearer(OPAQUE);
    stage.allows(&request);
    stage.clock.advance(29);
    stage.allows(&request);
    assert_eq!(endpoint.count(), 1);
    // Revoked, and soon seen.
    says(&endpoint, &json!({"active": false}));
    stage.allows(&request);
    stage.clock.advance(1);
    stage.rejects_text(OPAQUE, "token_inactive");
    assert_eq!(endpoint.count(), 2);
    // A no holds for a few seconds.
    says(&endpoint, &active(json!({})));
    stage.clock.advance(4);
    stage.rejects_text(OPAQUE, "token_inactive");
    assert_eq!(endpoint.count(), 2);
    stage.clock.advance(1);
    stage.allows(&request);
    assert_eq!(endpoint.count(), 3);
}

#[test]
fn what_was_said_ends_with_the_token() {
    let (stage, endpoint) = asking("opaque = true");
    says(&endpoint, &active(json!({"exp": NOW + 20})));
    let request = get("/").bearer(OPAQUE);
    stage.allows(&request);
    stage.clock.advance(19);
    stage.allows(&request);
    assert_eq!(endpoint.count(), 1);
    stage.clock.advance(1);
    // Within the skew it may pass, but its issuer is asked again.
    stage.allows(&request);
    assert_eq!(endpoint.count(), 2);
    stage.clock.advance(60);
    stage.rejects_text(OPAQUE, "token_expired");
}

#[test]
fn requests_with_one_token_share_one_call() {
    let (stage, endpoint) = asking("opaque = true\ncache = \"0s\"");
    let body = active(json!({})).to_string();
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    endpoint.replies(Reply::Held(answer.into()));
    thread::scope(|scope| {
        let send = || stage.send(&get("/").bearer(OPAQUE)).status;
        let all: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        endpoint.wait_for_heads(1);
        endpoint.release();
        for one in all {
            assert_eq!(one.join().unwrap(), 200);
        }
    });
    assert!(endpoint.count() <= 8);
}

#[test]
fn calls_are_bounded_and_one_more_is_refused() {
    let endpoint = Upstream::start();
    let limit = "[server.limits]\nintrospection_calls = 1";
    let stage = builder(&endpoint.url(), "opaque = true")
        .with(limit)
        .start();
    let body = active(json!({})).to_string();
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    endpoint.replies(Reply::Held(answer.into()));
    thread::scope(|scope| {
        let first = scope.spawn(|| stage.send(&get("/").bearer("first")).status);
        endpoint.wait_for_heads(1);
        let second = stage.send(&get("/").bearer("second"));
        refused(&second, 503, "introspection_unavailable");
        // Whoever waits for the same answer makes no call.
        let same = scope.spawn(|| stage.send(&get("/").bearer("first")).status);
        endpoint.release();
        assert_eq!((first.join().unwrap(), same.join().unwrap()), (200, 200));
    });
    assert_eq!(endpoint.count(), 1);
    stage.allows(&get("/").bearer("second"));
}

#[test]
fn with_fallback_the_issuer_is_asked_when_no_key_verifies() {
    let unknown = Token::of(mint::stranger()).header("kid", "unknown");
    let forged = Token::of(mint::stranger());
    for token in [&unknown, &forged] {
        let (stage, endpoint) = asking("jwt = \"fallback\"");
        says(&endpoint, &active(json!({"sub": "bob"})));
        stage.accepts(&mint::token());
        endpoint.saw_nothing();
        let seen = stage.accepts(token);
        // It is the issuer's word that counts, and not the token's own.
        assert_eq!(seen.field("x-auth-subject"), Some("bob"));
        let (stage, endpoint) = asking("jwt = \"fallback\"");
        says(&endpoint, &json!({"active": false}));
        stage.rejects(token, "token_inactive");
        assert_eq!(endpoint.count(), 1);
    }
    let (stage, endpoint) = asking("opaque = true");
    stage.rejects(&unknown, "key_not_found");
    stage.rejects(&forged, "signature_invalid");
    endpoint.saw_nothing();
}

#[test]
fn with_fallback_nothing_but_a_key_that_fails_is_asked_about() {
    let (stage, endpoint) = asking("jwt = \"fallback\"");
    says(&endpoint, &active(json!({})));
    let unsigned = mint::token().raw_header(r#"{"alg":"none"}"#);
    stage.rejects(&unsigned, "algorithm_not_allowed");
    let symmetric = mint::Signer::secret("s", [7; 64]);
    stage.rejects(&Token::of(&symmetric), "algorithm_not_allowed");
    let logout = Token::of(mint::stranger()).header("typ", "logout+jwt");
    stage.rejects(&logout, "type_not_allowed");
    let critical = Token::of(mint::stranger()).header("crit", json!(["x"]));
    stage.rejects(&critical.header("x", 1), "critical_header_unsupported");
    stage.rejects(&mint::token().claim("exp", NOW - 61), "token_expired");
    stage.rejects(&mint::token().claim("aud", "x"), "audience_not_allowed");
    let stranger = Token::of(mint::stranger()).claim("iss", "https://other.example.com");
    stage.rejects(&stranger, "issuer_unknown");
    stage.rejects_text(OPAQUE, "token_malformed");
    endpoint.saw_nothing();
}

#[test]
fn with_always_a_good_signature_is_not_enough() {
    let (stage, endpoint) = asking("jwt = \"always\"");
    says(&endpoint, &active(json!({"groupIds": "root"})));
    let seen = stage.accepts(&mint::token().claim("groupIds", "users"));
    assert_eq!(seen.field("x-auth-groups"), Some("users"));
    assert_eq!(endpoint.count(), 1);
    // A token that is known to be good is asked about again when the word is old.
    let token = mint::token().sign();
    let request = get("/").bearer(&token);
    stage.allows(&request);
    stage.allows(&request);
    assert_eq!(endpoint.count(), 2);
    says(&endpoint, &json!({"active": false}));
    stage.clock.advance(60);
    stage.rejects_text(&token, "token_inactive");
    for other in [
        json!({"sub": "bob"}),
        json!({"iss": "https://other.example.com"}),
    ] {
        says(&endpoint, &active(other));
        stage.clock.advance(60);
        stage.rejects_text(&token, "token_inactive");
    }
    endpoint.replies_with("500 No", "", "");
    stage.clock.advance(60);
    stage.refuses(&request, 503, "introspection_unavailable");
}

#[test]
fn with_always_a_bad_token_is_not_worth_a_call() {
    let (stage, endpoint) = asking("jwt = \"always\"");
    says(&endpoint, &active(json!({})));
    stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
    stage.rejects(&mint::token().claim("exp", NOW - 61), "token_expired");
    stage.rejects(&mint::token().claim("aud", "x"), "audience_not_allowed");
    endpoint.saw_nothing();
    stage.accepts(&mint::token());
}

#[test]
fn each_route_asks_the_issuer_that_it_takes() {
    let (one, other) = (Upstream::start(), Upstream::start());
    let stage = builder(&one.url(), "opaque = true")
        .with(&format!(
            "[issuers.orders]\naudiences = [\"{AUDIENCE}\"]\n[issuers.orders.introspection]\n\
             endpoint = \"{}/\"\nclient_id = \"gateway\"\nclient_secret = \"x\"\nopaque = true\n\
             [[routes]]\npath = \"/one\"\nissuers = [\"{ISSUER}\"]\n\
             [[routes]]\npath = \"/orders\"\nissuers = [\"orders\"]\n\
             [[routes]]\npath = \"/open\"\naccess = \"public\"\n",
            other.url()
        ))
        .start();
    says(&one, &active(json!({})));
    says(&other, &active(json!({"sub": "bob"})));
    let seen = stage.allows(&get("/one").bearer(OPAQUE));
    assert_eq!(seen.field("x-auth-issuer"), Some(ISSUER));
    let seen = stage.allows(&get("/orders").bearer(OPAQUE));
    assert_eq!(seen.field("x-auth-issuer"), Some("orders"));
    assert_eq!(seen.field("x-auth-subject"), Some("bob"));
    assert_eq!((one.count(), other.count()), (1, 1));
    says(&other, &json!({"active": false}));
    stage.refuses(&get("/orders").bearer("else"), 401, "token_inactive");
    assert_eq!(one.count(), 1);
    let seen = stage.allows(&get("/open").bearer("else"));
    assert_eq!(seen.identity(), []);
    assert_eq!((one.count(), other.count()), (1, 2));
}

#[test]
fn a_bad_opaque_token_is_not_anonymous() {
    let endpoint = Upstream::start();
    let route = "[[routes]]\naccess = \"optional\"";
    let stage = builder(&endpoint.url(), "opaque = true")
        .with(route)
        .start();
    says(&endpoint, &json!({"active": false}));
    stage.rejects_text(OPAQUE, "token_inactive");
    assert_eq!(stage.allows(&get("/")).identity(), []);
}

#[test]
fn userinfo_is_shown_the_token_and_says_whose_it_is() {
    let endpoint = Upstream::start();
    let stage = Stage::builder()
        .issuer("require = [\"sub\"]\naudiences = [\"ALL_AUDIENCES\"]")
        .with(&format!(
            "[issuers.\"{ISSUER}\".introspection]\nendpoint = \"{}/userinfo\"\n\
             method = \"userinfo\"\nopaque = true",
            endpoint.url()
        ))
        .start();
    says(
        &endpoint,
        &json!({"sub": "alice", "email": "alice@example.com"}),
    );
    let seen = stage.allows(&get("/").bearer(OPAQUE));
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    let asked = endpoint.wait_for(0);
    assert_eq!((&*asked.method, &*asked.target), ("GET", "/userinfo"));
    assert_eq!(
        asked.field("authorization"),
        Some(&*format!("Bearer {OPAQUE}"))
    );
    for status in ["401 Unauthorized", "403 Forbidden"] {
        endpoint.replies_with(status, "", "");
        stage.rejects_text(&format!("t{status}").replace(' ', "-"), "token_inactive");
    }
    for (status, body) in [
        ("500 No", "{\"sub\":\"alice\"}"),
        ("200 OK", "{}"),
        ("200 OK", "{\"sub\":\"\"}"),
        ("200 OK", "{\"sub\":\"a\",\"sub\":\"b\"}"),
        ("200 OK", "eyJhbGciOiJub25lIn0.e30."),
    ] {
        endpoint.replies_with(status, "", body);
        let request = get("/").bearer("fresh");
        stage.refuses(&request, 503, "introspection_unavailable");
    }
}

#[test]
fn an_answer_outlives_a_reload_only_as_long_as_the_endpoint_is_the_same() {
    let (one, other) = (Upstream::start(), Upstream::start());
    let mut stage = builder(&one.url(), "opaque = true").in_a_file().start();
    says(&one, &active(json!({})));
    says(&other, &json!({"active": false}));
    stage.allows(&get("/").bearer(OPAQUE));
    stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\nclock_skew = \"30s\""));
    stage.applies();
    stage.allows(&get("/").bearer(OPAQUE));
    assert_eq!(one.count(), 1);
    let url = other.url();
    stage.rewrites(&format!(
        "[issuers.\"{ISSUER}\".introspection]\nendpoint = \"{url}/introspect\""
    ));
    stage.applies();
    stage.rejects_text(OPAQUE, "token_inactive");
    assert_eq!((one.count(), other.count()), (1, 1));
}
