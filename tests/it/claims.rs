//! What a good signature does not make good: issuer, time, audience, claims.

use portcullis::clock::UnixTime;
use serde_json::{Value, json};

use super::harness::{AUDIENCE, ISSUER, NOW, Stage, get, mint};

/// The default `clock_skew`.
const SKEW: i64 = 60;

#[test]
fn the_issuer_is_one_exact_string() {
    let stage = Stage::new();
    stage.accepts(&mint::token());
    for other in [
        "https://idp.example.com/realms/orders/",
        "https://idp.example.com/realms/order",
        "https://idp.example.com/realms/Orders",
        "HTTPS://idp.example.com/realms/orders",
        "https://idp.example.com:443/realms/orders",
        "http://idp.example.com/realms/orders",
        "https%3A%2F%2Fidp.example.com%2Frealms%2Forders",
        "https://idp.example.com/realms/%6frders",
        " https://idp.example.com/realms/orders",
        "https://idp.example.com/realms/orders\u{0}",
        // Cyrillic, and a letter that only looks like one after normalisation.
        "https://idp.ex\u{430}mple.com/realms/orders",
        "https://idp.example.com/realms/\u{ff4f}rders",
        "",
    ] {
        stage.rejects(&mint::token().claim("iss", other), "issuer_unknown");
    }
    stage.rejects(&mint::token().without("iss"), "claim_missing");
    for iss in [
        json!([ISSUER]),
        json!(1),
        json!(null),
        json!({ "iss": ISSUER }),
        json!(true),
    ] {
        stage.rejects(&mint::token().claim("iss", iss), "claim_malformed");
    }
}

#[test]
fn an_issuers_name_may_be_encoded_in_the_configuration() {
    let encoded = |name: &str| {
        let jwk = mint::stranger().jwk();
        let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
        Stage::with(&format!(
            "[issuers.\"{name}\"]\naudiences = [\"ALL_AUDIENCES\"]\njwks = {{ keys = [{{ \
             kty = \"EC\", crv = \"P-256\", kid = \"es256-1\", x = \"{}\", y = \"{}\" }}] }}",
            text("x"),
            text("y")
        ))
    };
    let token = |iss: &str| mint::Token::of(mint::stranger()).claim("iss", iss);
    let stage = encoded("https%3A%2F%2Fb.example%3A8443%2FRealms%2fx");
    stage.accepts(&token("https://b.example:8443/Realms/x"));
    for other in [
        "https://b.example:8443/realms/x",
        "https://b.example:8443/Realms/x/",
        "https://b.example/Realms/x",
        "https%3A%2F%2Fb.example%3A8443%2FRealms%2fx",
    ] {
        stage.rejects(&token(other), "issuer_unknown");
    }
    encoded("https://c.example/").accepts(&token("https://c.example/"));
}

#[test]
fn an_issuer_that_is_switched_off_has_no_say() {
    let stage = Stage::with_issuer("active = false");
    stage.rejects(&mint::token(), "issuer_inactive");
    stage.upstream.saw_nothing();
    assert_eq!(stage.issuer.fetches(), 0);
    Stage::with_issuer("active = true").accepts(&mint::token());
}

#[test]
fn exp_counts_to_the_second() {
    let stage = Stage::new();
    let exp = |exp: i64| mint::token().claim("exp", exp);
    stage.accepts(&exp(NOW + 1));
    stage.accepts(&exp(NOW - SKEW + 1));
    for past in [NOW - SKEW, NOW - SKEW - 1, 0] {
        stage.rejects(&exp(past), "token_expired");
    }
    let none = Stage::with_issuer("clock_skew = \"0s\"");
    none.accepts(&exp(NOW + 1));
    none.rejects(&exp(NOW), "token_expired");
}

#[test]
fn exp_is_a_time_and_there() {
    let stage = Stage::new();
    let exp = |value: Value| mint::token().claim("exp", value);
    stage.rejects(&mint::token().without("exp"), "claim_missing");
    for bad in [
        json!((NOW + 300).to_string()),
        json!("never"),
        json!(-1),
        json!(1e300),
        json!(NOW as f64 + 300.5),
        json!([NOW + 300]),
        json!({}),
        json!(true),
        json!(null),
        json!(u64::MAX),
        json!(i64::MAX),
    ] {
        stage.rejects(&exp(bad), "claim_malformed");
    }
    let text = mint::token().payload_text();
    let with = |number: &str| {
        text.replace(
            &format!("\"exp\":{}", NOW + 300),
            &format!("\"exp\":{number}"),
        )
    };
    stage.accepts(&mint::token().raw_payload(with("1.8000003e9")));
    for number in [
        "1e400",
        "-0.5",
        "99999999999999999999999999",
        "1.8000003e99",
    ] {
        let response = stage.send(&get("/").bearer(mint::token().raw_payload(with(number)).sign()));
        assert_eq!(response.status, 401, "{number}");
    }
    assert_eq!(stage.upstream.count(), 1);
}

#[test]
fn nbf_and_iat_are_not_in_the_future() {
    let stage = Stage::new();
    for (claim, code) in [
        ("nbf", "token_not_yet_valid"),
        ("iat", "token_issued_in_future"),
    ] {
        let token = |value: Value| mint::token().claim(claim, value);
        stage.accepts(&mint::token().claim("iat", NOW).without("iat"));
        stage.accepts(&token(json!(NOW + SKEW)));
        stage.rejects(&token(json!(NOW + SKEW + 1)), code);
        for bad in [
            json!(NOW.to_string()),
            json!(null),
            json!([NOW]),
            json!(1e300),
            json!(-1),
        ] {
            stage.rejects(&token(bad), "claim_malformed");
        }
    }
}

#[test]
fn an_old_token_is_refused_when_age_counts() {
    let stage = Stage::with_issuer("max_age = \"10m\"");
    let iat = |iat: i64| mint::token().claim("iat", iat);
    stage.accepts(&iat(NOW - 600));
    stage.accepts(&iat(NOW - 600 - SKEW));
    stage.rejects(&iat(NOW - 600 - SKEW - 1), "token_too_old");
    stage.rejects(&mint::token().without("iat"), "claim_missing");
    Stage::new().accepts(&iat(0));
}

#[test]
fn what_is_required_is_there() {
    let stage = Stage::with_issuer("require = [\"iss\", \"exp\", \"jti\", \"/realm/roles\"]");
    let token = mint::token()
        .claim("jti", "1")
        .claim("realm", json!({"roles": []}));
    stage.accepts(&token.clone().without("sub"));
    for name in ["jti", "realm", "exp"] {
        stage.rejects(&token.clone().without(name), "claim_missing");
    }
    stage.rejects(&token.clone().claim("jti", Value::Null), "claim_missing");
    stage.rejects(&token.claim("realm", json!({"roles/": 1})), "claim_missing");
    Stage::new().rejects(&mint::token().without("sub"), "claim_missing");
}

#[test]
fn one_of_the_audiences_is_ours() {
    let stage = Stage::with_issuer("audiences = [\"https://api.example.com\", \"orders\"]");
    let aud = |aud: Value| mint::token().claim("aud", aud);
    for good in [
        json!(AUDIENCE),
        json!("orders"),
        json!(["x", "orders"]),
        json!([AUDIENCE, "y"]),
    ] {
        stage.accepts(&aud(good));
    }
    for other in [
        json!("other"),
        json!(""),
        json!("order"),
        json!("orders2"),
        json!("https://api.example.com/"),
        json!("https://api.example.com.evil.example"),
        json!("https://api.example"),
        json!("https://API.example.com"),
        json!(["x", "y"]),
    ] {
        stage.rejects(&aud(other), "audience_not_allowed");
    }
    for bad in [
        json!(1),
        json!({}),
        json!([]),
        json!(null),
        json!(["orders", 1]),
        json!([["orders"]]),
    ] {
        stage.rejects(&aud(bad), "claim_malformed");
    }
    stage.rejects(&mint::token().without("aud"), "audience_not_allowed");
}

#[test]
fn all_audiences_means_all() {
    let stage = Stage::with_issuer("audiences = [\"ALL_AUDIENCES\"]");
    stage.accepts(&mint::token().claim("aud", "whoever"));
    stage.accepts(&mint::token().without("aud"));
    let named = Stage::new();
    named.rejects(
        &mint::token().claim("aud", "ALL_AUDIENCES"),
        "audience_not_allowed",
    );
}

#[test]
fn without_audiences_a_url_must_lead_to_the_resource() {
    let builder = || Stage::builder().without_issuers("audiences");
    let stage = builder()
        .with("[server]\npublic_url = \"https://api.example.com\"")
        .start();
    let at = |path: &str, aud: Value| get(path).bearer(mint::token().claim("aud", aud).sign());
    stage.allows(&get("/x").bearer(mint::token().without("aud").sign()));
    for (path, good) in [
        ("/something/else", "https://api.example.com"),
        ("/something/else", "https://api.example.com/"),
        ("/something/else", "https://api.example.com:443/something"),
        ("/something/else", "https://api.example.com/something/else"),
    ] {
        stage.allows(&at(path, json!(good)));
        stage.allows(&at(path, json!(["word", good])));
    }
    for (path, bad) in [
        ("/something", "orders"),
        ("/something", "https://api.example.com/something/else"),
        ("/something", "https://api.example.com/some"),
        ("/something", "http://api.example.com/"),
        ("/something", "https://api.example.com:8443/"),
        ("/something", "https://api.example.com.evil.example/"),
        ("/something", "https://api.example.com@evil.example/"),
        ("/something", "https://api.example.com/?"),
        ("/something", "https://api.example.com/something?x"),
        ("/something", ""),
        ("/something", "/"),
    ] {
        stage.refuses(&at(path, json!(bad)), 401, "audience_not_allowed");
    }
    // Without a public URL there is no resource that a URL could lead to.
    let nameless = builder().start();
    nameless.allows(&get("/").bearer(mint::token().without("aud").sign()));
    nameless.refuses(
        &at("/", json!("http://api.example.com")),
        401,
        "audience_not_allowed",
    );
}

#[test]
fn claims_stay_within_their_lists() {
    let stage = Stage::with_issuer(
        "claims = { typ = [\"Bearer\"], azp = [\"web\", \"app\"], \"/realm/level\" = [1, 2] }",
    );
    let token = mint::token().claim("typ", "Bearer").claim("azp", "web");
    let token = token.claim("realm", json!({"level": 1}));
    stage.accepts(&token);
    stage.accepts(&token.clone().claim("azp", json!(["other", "app"])));
    stage.accepts(&token.clone().claim("realm", json!({"level": [7, 2.0]})));
    for (name, other) in [
        ("typ", json!("bearer")),
        ("typ", json!("ID")),
        ("azp", json!("webb")),
        ("azp", json!("")),
        ("azp", json!(["other"])),
        ("azp", json!([])),
        ("azp", json!([["web"]])),
        ("azp", json!({"web": true})),
        ("azp", json!("web app")),
        ("realm", json!({"level": "1"})),
        ("realm", json!({"level": 3})),
    ] {
        stage.rejects(&token.clone().claim(name, other), "claim_not_allowed");
    }
    for name in ["typ", "azp", "realm"] {
        stage.rejects(&token.clone().without(name), "claim_missing");
    }
    stage.rejects(&token.clone().claim("azp", Value::Null), "claim_missing");
    Stage::new().accepts(&mint::token());
}

#[test]
fn unknown_claims_do_no_harm() {
    let stage = Stage::new();
    let token = mint::token()
        .claim("x", json!({"deep": [1, {"y": null}]}))
        .claim("\u{e9}", "\u{1F600}");
    stage.accepts(&token);
    stage.rejects(&token.claim("exp", 0), "token_expired");
}

#[test]
fn a_claim_that_breaks_a_header_is_refused_and_not_mangled() {
    let stage = Stage::new();
    for good in ["alice", "b\u{f6}b \u{1F600}", "a,b", "a\"b\\c", "x: y"] {
        let seen = stage.accepts(&mint::token().claim("sub", good));
        assert_eq!(seen.field("x-auth-subject"), Some(good));
    }
    for bad in [
        "alice\r\nX-Auth-Groups: admin",
        "alice\r",
        "alice\n",
        "alice\u{0}",
        "\u{7f}",
        "a\tb",
        " alice",
        "alice ",
        "alice\u{85}",
    ] {
        stage.rejects(&mint::token().claim("sub", bad), "claim_malformed");
        stage.rejects(
            &mint::token().claim("groupIds", json!(["x", bad])),
            "claim_malformed",
        );
        stage.rejects(&mint::token().claim("realmName", bad), "claim_malformed");
    }
    for value in [json!(1), json!(["alice"]), json!({}), json!(true)] {
        stage.rejects(
            &mint::token().claim("sub", value.clone()),
            "claim_malformed",
        );
        stage.rejects(&mint::token().claim("jti", value), "claim_malformed");
    }
    for groups in [json!(["a,b"]), json!([1]), json!([""]), json!(7), json!({})] {
        stage.rejects(&mint::token().claim("groupIds", groups), "claim_malformed");
    }
}

#[test]
fn the_checks_come_in_their_order() {
    let stage = Stage::with_issuer("claims = { azp = [\"web\"] }");
    // Wrong in every respect, and then less and less.
    let token = mint::Token::of(mint::stranger())
        .header("alg", "none")
        .header("typ", "logout+jwt")
        .claim("iss", "https://other.example")
        .claim("exp", 0)
        .claim("aud", "other");
    stage.rejects(&token, "algorithm_not_allowed");
    let token = token.header("alg", "ES256");
    stage.rejects(&token, "issuer_unknown");
    let token = token.claim("iss", ISSUER);
    stage.rejects(&token, "type_not_allowed");
    let token = token.header("typ", "JWT");
    stage.rejects(&token.clone().header("kid", "x"), "key_not_found");
    stage.rejects(&token, "signature_invalid");
    let token = mint::token().claim("exp", 0).claim("aud", "other");
    stage.rejects(&token, "token_expired");
    let token = token.claim("exp", NOW + 1);
    stage.rejects(&token, "audience_not_allowed");
    let token = token.claim("aud", AUDIENCE);
    stage.rejects(&token, "claim_missing");
    stage.accepts(&token.claim("azp", "web"));
}

#[test]
fn a_jumping_clock_does_no_harm() {
    let stage = Stage::builder().inline_keys(&[mint::es256().jwk()]).start();
    let token = mint::token().claim("nbf", NOW - 10);
    for (time, code) in [
        (i64::MAX, "token_expired"),
        (i64::MIN, "token_not_yet_valid"),
        (253_402_300_800, "token_expired"),
        (-1, "token_not_yet_valid"),
        (0, "token_not_yet_valid"),
        (NOW + 86_400, "token_expired"),
    ] {
        stage.clock.set(UnixTime(time));
        stage.rejects(&token, code);
        stage.clock.set(UnixTime(NOW));
        stage.accepts(&token);
    }
}

#[test]
fn a_jumping_clock_does_not_lengthen_a_keys_life() {
    let stage = Stage::new();
    stage.issuer.dies();
    for time in [i64::MAX, NOW + 2 * 86_400] {
        stage.clock.set(UnixTime(time));
        let request = get("/").bearer(mint::token().sign());
        stage.refuses(&request, 503, "keys_unavailable");
    }
    for time in [i64::MIN, 0] {
        stage.clock.set(UnixTime(time));
        stage.rejects(&mint::token(), "token_issued_in_future");
    }
    stage.clock.set(UnixTime(NOW));
    stage.accepts(&mint::token());
}

/// A stage with the stranger's key for issuers in Liberty Create's form.
fn create(issuers: Value) -> Stage {
    let builder = Stage::builder().with("issuers_file = \"issuers.json\"");
    let file = builder.directory().join("issuers.json");
    std::fs::write(file, issuers.to_string()).unwrap();
    builder.start()
}

#[test]
fn issuers_may_stand_in_creates_file() {
    let keys = json!({"keys": {"0": mint::stranger().jwk()}});
    let stage = create(json!({
        "https%3A%2F%2Fon.example%2Frealms%2FMy-Realm": {
            "active": true,
            "claims": {"typ": ["Bearer"], "azp": ["realm-origin", "other"]},
            "audiences": ["ALL_AUDIENCES"],
            "key": keys,
        },
        "https%3A%2F%2Foff.example": {
            "active": false, "audiences": ["ALL_AUDIENCES"], "key": keys,
        },
    }));
    let token = |iss: &str| {
        let token = mint::Token::of(mint::stranger()).claim("iss", iss);
        token.claim("typ", "Bearer").claim("azp", "realm-origin")
    };
    let good = token("https://on.example/realms/My-Realm");
    stage.accepts(&good);
    stage.rejects(&good.clone().claim("azp", "else"), "claim_not_allowed");
    stage.rejects(
        &good.clone().claim("typ", json!(["ID", "Refresh"])),
        "claim_not_allowed",
    );
    stage.rejects(&good.without("azp"), "claim_missing");
    stage.rejects(&token("https://off.example"), "issuer_inactive");
    for other in [
        "https://on.example/realms/my-realm",
        "https://on.example/realms/My-Realm/",
    ] {
        stage.rejects(&token(other), "issuer_unknown");
    }
    stage.accepts(&mint::token());
}
