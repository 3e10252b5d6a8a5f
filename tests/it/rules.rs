//! Rules in CEL.

use serde_json::json;

use super::harness::{Stage, get, mint, request};

const RULES: &str = "
    [[routes]]
    path = \"/mfa/{id}\"
    rules = [\"claims.amr.exists(m, m == 'mfa')\", \"request.params.id == claims.own || 'admin' in identity.groups\"]
    [[routes]]
    path = \"/request\"
    rules = [\"request.method == 'GET' && request.query.v == ['2'] && request.headers['x-env'].all(e, e == 'test') && request.remote_address == '127.0.0.1' && request.host == 'api.example.com'\"]
    [[routes]]
    path = \"/optional\"
    access = \"optional\"
    rules = [\"!has(claims.sub) || claims.level > 3\"]
    [[routes]]
    path = \"/strict\"
    access = \"optional\"
    rules = [\"claims.level > 3\"]
    [[routes]]
    path = \"/{*rest}\"
";

#[test]
fn every_rule_is_true() {
    let stage = Stage::with(RULES);
    let with = |amr: serde_json::Value, groups: &str| {
        let token = mint::token().claim("amr", amr).claim("own", "42");
        get("/mfa/42").bearer(token.claim("groupIds", json!([groups])).sign())
    };
    stage.allows(&with(json!(["pwd", "mfa"]), "staff"));
    for amr in [
        json!(["pwd"]),
        json!([]),
        json!("mfa"),
        json!(7),
        json!(null),
        json!({"mfa": 1}),
    ] {
        let allowed = amr == json!({"mfa": 1});
        let request = with(amr, "staff");
        if allowed {
            // The names of an object are what one goes through, as the language has it.
            stage.allows(&request);
        } else {
            let response = stage.refuses(&request, 403, "rule_denied");
            assert_eq!(response.field("www-authenticate"), None);
        }
    }
    let other = |groups: &str| {
        let token = mint::token()
            .claim("amr", json!(["mfa"]))
            .claim("own", "42");
        get("/mfa/43").bearer(token.claim("groupIds", json!([groups])).sign())
    };
    stage.allows(&other("admin"));
    stage.refuses(&other("staff"), 403, "rule_denied");
    // No claim that a rule looks for, and no token.
    stage.refuses(
        &get("/mfa/42").bearer(mint::token().sign()),
        403,
        "rule_denied",
    );
    stage.refuses(&get("/mfa/42"), 401, "token_missing");
    stage.allows(&get("/else").bearer(mint::token().sign()));
}

#[test]
fn a_rule_looks_at_the_request_as_it_is_forwarded() {
    let stage = Stage::with(RULES);
    let asked = |method: &str, target: &str, env: &[&str]| {
        let mut request = request(method, target)
            .host("API.example.com:80")
            .bearer(mint::token().sign());
        for env in env {
            request = request.field("X-Env", *env);
        }
        request
    };
    stage.allows(&asked("GET", "/request?v=2", &["test"]));
    for refused in [
        asked("POST", "/request?v=2", &["test"]),
        asked("GET", "/request?v=2&v=3", &["test"]),
        asked("GET", "/request?v=3", &["test"]),
        asked("GET", "/request", &["test"]),
        asked("GET", "/request?v=2", &["test", "live"]),
        asked("GET", "/request?v=2", &[]),
        asked("GET", "/request?v=2", &["test"]).field("Connection", "x-env"),
    ] {
        stage.refuses(&refused, 403, "rule_denied");
    }
}

#[test]
fn rules_hold_for_nobody_too() {
    let stage = Stage::with(RULES);
    let level = |level: i64| mint::token().claim("level", level).sign();
    assert_eq!(stage.allows(&get("/optional")).identity(), []);
    stage.allows(&get("/optional").bearer(level(4)));
    stage.refuses(&get("/optional").bearer(level(3)), 403, "rule_denied");
    stage.refuses(&get("/optional").bearer("x"), 401, "token_malformed");
    stage.allows(&get("/strict").bearer(level(4)));
    stage.refuses(&get("/strict"), 403, "rule_denied");
}

#[test]
fn a_token_that_is_known_is_judged_on_every_request() {
    let stage = Stage::with(RULES);
    let token = mint::token()
        .claim("amr", json!(["mfa"]))
        .claim("own", "42")
        .sign();
    stage.allows(&get("/mfa/42").bearer(&token));
    stage.refuses(&get("/mfa/43").bearer(&token), 403, "rule_denied");
    stage.allows(&get("/else").bearer(&token));
    stage.refuses(&get("/mfa/43").bearer(&token), 403, "rule_denied");
}

#[test]
fn too_many_values_are_refused_and_cost_little() {
    let stage = Stage::with(RULES);
    let query = |count: usize| {
        let more = "&x=1".repeat(count);
        get(&format!("/request?v=2{more}"))
            .host("api.example.com")
            .field("X-Env", "test")
            .bearer(mint::token().sign())
    };
    stage.allows(&query(1000));
    stage.refuses(&query(1100), 403, "rule_denied");
}

#[test]
fn what_only_the_gateway_may_say_is_no_header_of_the_request() {
    let stage = Stage::with(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n\
         [[routes]]\npath = \"/none\"\nrules = [\"request.headers.all(n, !n.startsWith('x-auth') && !n.startsWith('x_auth') && n != 'authorization' && n != 'te')\"]\n\
         [[routes]]\npath = \"/some\"\nrules = [\"'x-auth-groups' in request.headers\"]\n\
         [[routes]]\npath = \"/from\"\nrules = [\"request.remote_address == '10.0.0.1'\"]\n\
         [[routes]]\npath = \"/proxy\"\nrules = [\"request.remote_address == '127.0.0.1'\"]\n",
    );
    let forged = |path: &str| {
        get(path)
            .bearer(mint::token().sign())
            .field("X-Auth-Groups", "admin")
            .field("X_Auth_Groups", "admin")
            .field("TE", "trailers")
    };
    stage.allows(&forged("/none"));
    stage.refuses(&forged("/some"), 403, "rule_denied");
    let from = |path: &str| forged(path).field("X-Forwarded-For", "10.0.0.1");
    let seen = stage.allows(&from("/from"));
    assert_eq!(seen.head.all("x-forwarded-for"), ["10.0.0.1", "127.0.0.1"]);
    let hidden = from("/from").field("Connection", "x-forwarded-for");
    assert_eq!(
        stage.allows(&hidden).head.all("x-forwarded-for"),
        ["127.0.0.1"]
    );
    stage.refuses(&from("/proxy"), 403, "rule_denied");
    let hidden = from("/proxy").field("Connection", "x-forwarded-for");
    stage.refuses(&hidden, 403, "rule_denied");
    stage.allows(&forged("/proxy"));
}
