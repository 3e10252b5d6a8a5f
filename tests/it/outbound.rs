//! What upstreams are shown: tokens that the gateway signs, fetches or hands on.

use std::thread;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::{
    clock::UnixTime,
    jose::Algorithm,
    signing::{Directory, Settings},
};
use serde_json::{Value, json};

use super::harness::{
    AUDIENCE, Builder, Connection, ISSUER, NOW, Reply, Response, Seen, Stage, Upstream, get, mint,
    nobody, post, refused,
};

const CLIENT: &str =
    "kind = \"client_credentials\"\nclient_id = \"gate:way\"\nclient_secret = \"s e+cret\"\n";

/// An authorization server that gives this token for five minutes.
fn server(token: &str) -> Upstream {
    let server = Upstream::start();
    gives(&server, token);
    server
}

fn gives(server: &Upstream, token: &str) {
    says(
        server,
        "200 OK",
        &json!({"access_token": token, "token_type": "Bearer", "expires_in": 300}),
    );
}

fn says(server: &Upstream, status: &str, answer: &Value) {
    server.replies_with(
        status,
        "content-type: application/json\r\n",
        answer.to_string(),
    );
}

fn answer(token: &str) -> Vec<u8> {
    let body =
        json!({"access_token": token, "token_type": "Bearer", "expires_in": 300}).to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn credential(keys: &str) -> Builder {
    Stage::builder().with(&format!("[upstream.credential]\n{keys}\n"))
}

fn fetched_from(server: &Upstream, keys: &str) -> Builder {
    credential(&format!(
        "token_endpoint = \"{}/token\"\n{keys}",
        server.url()
    ))
}

/// As [`credential`], with keys of the gateway's own in `keys`.
fn signed(keys: &str) -> Builder {
    let builder = credential(keys).with("[signing]\ndirectory = \"keys\"\n");
    let settings = Settings {
        algorithm: Algorithm::Es256,
        ..Settings::default()
    };
    let directory = Directory::new(builder.directory().join("keys"));
    directory.generate(&settings, None, UnixTime(NOW)).unwrap();
    builder
}

/// The parameters of a form.
fn form(seen: &Seen) -> Vec<(String, String)> {
    let field = seen.field("content-type");
    assert_eq!(field, Some("application/x-www-form-urlencoded"));
    form_urlencoded::parse(&seen.body).into_owned().collect()
}

fn parameter(seen: &Seen, name: &str) -> String {
    let form = form(seen);
    let mut all = form.iter().filter(|(key, _)| key == name);
    let value = all.next().unwrap_or_else(|| panic!("no {name}")).1.clone();
    assert!(all.next().is_none(), "{name} comes twice");
    value
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn bearer(seen: &Seen) -> String {
    let value = seen.field("authorization").unwrap();
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

fn good() -> String {
    mint::token().sign()
}

fn with_token() -> super::harness::Request {
    get("/").bearer(good())
}

/// Where nobody listens.
fn nowhere() -> String {
    format!("http://{}", nobody())
}

fn status(stage: &Stage) -> Value {
    get("/status").send(stage.gateway.admin()).json()["credentials"][0].clone()
}

#[test]
fn a_fetched_token_is_shown_in_the_place_of_the_inbound_one() {
    let server = server("t-1");
    let keys = format!(
        "{CLIENT}scopes = [\"a\", \"b\"]\nparameters = {{ audience = \"x y\", resource = [\"r1\", \"r2\"] }}"
    );
    let stage = fetched_from(&server, &keys).start();
    let seen = stage.allows(&with_token());
    assert_eq!(bearer(&seen), "t-1");
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    let asked = server.wait_for(0);
    assert_eq!((&*asked.method, &*asked.target), ("POST", "/token"));
    assert_eq!(asked.field("accept"), Some("application/json"));
    // base64 of gate%3Away:s+e%2Bcret
    let basic = "Basic Z2F0ZSUzQXdheTpzK2UlMkJjcmV0";
    assert_eq!(asked.field("authorization"), Some(basic));
    let expected = [
        ("grant_type", "client_credentials"),
        ("scope", "a b"),
        ("audience", "x y"),
        ("resource", "r1"),
        ("resource", "r2"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(form(&asked), expected);
    // The twin: a request that is refused fetches nothing.
    let (before, stranger) = (server.count(), mint::token().claim("exp", 1));
    stage.rejects(&stranger, "token_expired");
    stage.refuses(&get("/"), 401, "token_missing");
    assert_eq!(server.count(), before);
}

#[test]
fn each_client_authentication_is_as_the_rfcs_say() {
    let server = server("t");
    let secret = "0123456789abcdef0123456789abcdef";
    let keys = format!(
        "kind = \"client_credentials\"\nclient_id = \"gw\"\nclient_secret = \"{secret}\"\n"
    );
    let post = fetched_from(
        &server,
        &format!("{keys}authentication = \"client_secret_post\""),
    );
    post.start().allows(&with_token());
    let asked = server.wait_for(0);
    assert_eq!(asked.field("authorization"), None);
    assert_eq!(parameter(&asked, "client_id"), "gw");
    assert_eq!(parameter(&asked, "client_secret"), secret);
    let jwt = fetched_from(
        &server,
        &format!("{keys}authentication = \"client_secret_jwt\""),
    );
    jwt.start().allows(&with_token());
    let asked = server.wait_for(1);
    assert!(form(&asked).iter().all(|(name, _)| name != "client_secret"));
    let assertion = parameter(&asked, "client_assertion");
    assert_eq!(part(&assertion, 0)["alg"], "HS256");
    let rules = &mut jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.set_audience(&[format!("{}/token", server.url())]);
    rules.validate_exp = false;
    let key = jsonwebtoken::DecodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::decode::<Value>(&assertion, &key, rules).unwrap();
    let other = jsonwebtoken::DecodingKey::from_secret(b"another");
    assert!(jsonwebtoken::decode::<Value>(&assertion, &other, rules).is_err());
}

#[test]
fn a_private_key_jwt_has_a_fresh_jti_each_time() {
    let server = server("t");
    let keys = format!(
        "kind = \"client_credentials\"\nclient_id = \"gw\"\nauthentication = \"private_key_jwt\"\ntoken_endpoint = \"{}/token\"",
        server.url()
    );
    let stage = signed(&keys).start();
    let assertion = |number| {
        stage.allows(&with_token());
        let asked = server.wait_for(number);
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert_eq!(parameter(&asked, "client_assertion_type"), kind);
        let claims = part(&parameter(&asked, "client_assertion"), 1);
        stage.clock.advance(297);
        claims
    };
    let (one, other) = (assertion(0), assertion(1));
    for (claims, now) in [(&one, NOW), (&other, NOW + 297)] {
        let mut claims = claims.clone();
        let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert_eq!(jti.as_str().unwrap().len(), 22);
        let aud = format!("{}/token", server.url());
        let expected = json!({"iss": "gw", "sub": "gw", "aud": aud, "iat": now, "exp": now + 60});
        assert_eq!(claims, expected);
    }
    assert_ne!(one["jti"], other["jti"]);
}

#[test]
fn a_token_serves_until_shortly_before_it_expires() {
    let server = server("old");
    let stage = fetched_from(&server, CLIENT).start();
    let shown =
        || bearer(&stage.allows(&get("/").bearer(mint::token().claim("exp", NOW + 9000).sign())));
    assert_eq!(shown(), "old");
    stage.clock.advance(269);
    assert_eq!((shown().as_str(), server.count()), ("old", 1));
    // From here on another one is fetched, and nobody waits for it.
    server.replies(Reply::Held(answer("new")));
    stage.clock.advance(1);
    assert_eq!(shown(), "old");
    server.wait_for_heads(2);
    assert_eq!((shown().as_str(), server.count()), ("old", 2));
    server.release();
    stage.clock.advance(27);
    // The old one is over: who comes now waits.
    assert_eq!((shown().as_str(), server.count()), ("new", 2));
}

#[test]
fn while_the_old_token_is_good_an_outage_harms_nobody() {
    let server = server("old");
    let stage = fetched_from(&server, CLIENT).start();
    let request = || get("/").bearer(mint::token().claim("exp", NOW + 9000).sign());
    stage.allows(&request());
    says(&server, "500 Oops", &json!({}));
    stage.clock.advance(280);
    assert_eq!(bearer(&stage.allows(&request())), "old");
    server.wait_for(1);
    stage.clock.advance(18);
    stage.refuses(&request(), 503, "credential_unavailable");
}

#[test]
fn a_hundred_requests_wait_for_one_fetch() {
    let server = Upstream::start();
    server.replies(Reply::Held(answer("t")));
    let stage = fetched_from(&server, CLIENT).start();
    let bytes = with_token().bytes();
    let mut connections: Vec<_> = (0..100)
        .map(|_| Connection::open(stage.address()))
        .collect();
    for connection in &mut connections {
        connection.send(&bytes);
    }
    server.wait_for_heads(1);
    assert_eq!(stage.upstream.count(), 0);
    server.release();
    for connection in &mut connections {
        assert_eq!(connection.read(false).status, 200);
    }
    assert_eq!((server.count(), stage.upstream.count()), (1, 100));
    assert!(stage.upstream.seen().iter().all(|seen| bearer(seen) == "t"));
}

#[test]
fn a_fetch_outlives_the_request_that_began_it() {
    let server = Upstream::start();
    server.replies(Reply::Held(answer("t")));
    let stage = fetched_from(&server, CLIENT).start();
    let mut connection = Connection::open(stage.address());
    connection.send(with_token().bytes());
    server.wait_for_heads(1);
    drop(connection);
    server.release();
    // The request that was given up may still arrive.
    assert_eq!(stage.send(&with_token()).status, 200);
    assert_eq!(bearer(&stage.upstream.wait_for(0)), "t");
    assert_eq!(server.count(), 1);
}

#[test]
fn an_authorization_server_that_is_of_no_use_is_not_asked_again_at_once() {
    let server = Upstream::start();
    let stage = fetched_from(&server, CLIENT).start();
    for (status, answer) in [
        ("500 Oops", json!({})),
        ("302 Found", json!({})),
        ("200 OK", json!("<html>")),
        ("200 OK", json!({"access_token": "t"})),
        (
            "200 OK",
            json!({"access_token": "t\r\nx: y", "token_type": "Bearer"}),
        ),
        ("200 OK", json!({"access_token": "t", "token_type": "DPoP"})),
    ] {
        says(&server, status, &answer);
        let before = server.count();
        for _ in 0..3 {
            stage.refuses(&with_token(), 503, "credential_unavailable");
        }
        assert_eq!(server.count(), before + 1, "{answer}");
        stage.clock.advance(5);
    }
    gives(&server, "t");
    stage.allows(&with_token());
}

#[test]
fn a_server_that_is_down_or_silent_holds_nobody_up() {
    let down = credential(&format!("token_endpoint = \"{}\"\n{CLIENT}", nowhere())).start();
    let response = down.refuses(&with_token(), 503, "credential_unavailable");
    assert_eq!(response.field("retry-after"), Some("5"));
    let error = status(&down)["last_error"].to_string();
    assert!(error.contains("no connection"), "{error}");
    let silent = Upstream::start();
    silent.replies(Reply::Silence);
    let stage = fetched_from(&silent, &format!("{CLIENT}timeout = \"500ms\"")).start();
    stage.refuses(&with_token(), 503, "credential_unavailable");
    stage.refuses(&with_token(), 503, "credential_unavailable");
    silent.wait_for_heads(1);
    assert_eq!(silent.count(), 1);
}

#[test]
fn a_server_that_refuses_the_gateway_is_a_502() {
    let server = Upstream::start();
    says(
        &server,
        "401 No",
        &json!({"error": "invalid_client", "error_description": "s e+cret"}),
    );
    let stage = fetched_from(&server, CLIENT).start();
    let response = stage.refuses(&with_token(), 502, "credential_refused");
    assert!(!response.text().contains("invalid_client"));
    let status = status(&stage);
    let error = status["last_error"].as_str().unwrap();
    assert!(error.contains("(401, invalid_client)") && !error.contains("s e+cret"));
    assert_eq!(
        (&status["refused"], &status["fetched"]),
        (&json!(1), &json!(0))
    );
    gives(&server, "t");
    stage.refuses(&with_token(), 502, "credential_refused");
    stage.clock.advance(5);
    stage.allows(&with_token());
}

#[test]
fn no_client_says_what_only_the_gateway_shows() {
    let server = server("own");
    let keys = format!("{CLIENT}header = \"X-Api-Token\"\nscheme = \"\"");
    let stage = fetched_from(&server, &keys).start();
    let request = with_token()
        .field("X-Api-Token", "forged-1")
        .field("x_api_token", "forged-2")
        .field("X.Api.Token", "forged-3")
        .field("X-Api-Tokens", "stays")
        .field("Connection", "x-api-token");
    let seen = stage.allows(&request);
    assert_eq!(seen.head.all("x-api-token"), ["own"]);
    assert_eq!(seen.field("x-api-tokens"), Some("stays"));
    assert!(!format!("{:?}", seen.head).contains("forged"));
    // Nor in the usual place, on a route where nobody looks at it.
    let stage = fetched_from(&server, CLIENT)
        .with("routes = [{ access = \"public\" }]")
        .start();
    let seen = stage.allows(&get("/").field("Authorization", "Basic Zm9yZ2Vk"));
    assert_eq!(seen.head.all("authorization"), ["Bearer own"]);
    // The twin: without a credential another scheme goes on.
    let plain = Stage::with("routes = [{ access = \"public\" }]");
    let seen = plain.allows(&get("/").field("Authorization", "Basic Zm9yZ2Vk"));
    assert_eq!(seen.field("authorization"), Some("Basic Zm9yZ2Vk"));
}

#[test]
fn a_token_that_the_upstream_refuses_is_replaced_once() {
    let server = server("old");
    let stage = fetched_from(&server, CLIENT).start();
    stage.allows(&with_token());
    stage.upstream.replies_with("401 Unauthorized", "", "");
    gives(&server, "new");
    // It is as new as another one would be.
    assert_eq!(stage.send(&with_token()).status, 401);
    assert_eq!((server.count(), stage.upstream.count()), (1, 2));
    stage.clock.advance(5);
    assert_eq!(stage.send(&with_token()).status, 401);
    let seen = stage.upstream.seen();
    let shown: Vec<_> = seen.iter().skip(2).map(bearer).collect();
    assert_eq!(
        (shown, server.count()),
        (vec!["old".to_owned(), "new".to_owned()], 2)
    );
    // A body that streams is not there a second time.
    stage.clock.advance(5);
    let streamed = post("/", "body").bearer(good());
    assert_eq!(stage.send(&streamed).status, 401);
    assert_eq!((stage.upstream.count(), server.count()), (5, 2));
    // When there is no other token, the client gets what the upstream said.
    says(&server, "500 Oops", &json!({}));
    assert_eq!(stage.send(&with_token()).status, 401);
    assert_eq!((stage.upstream.count(), server.count()), (6, 3));
}

#[test]
fn a_signed_token_says_what_is_configured_and_what_flows_in() {
    let keys = "kind = \"signed_jwt\"\nissuer = \"gateway\"\nsubject = { claim = \"sub\" }\n\
                audience = [\"a\", \"b\"]\nlifetime = \"2m\"\nnot_before = \"30s\"\ntype = \"at+jwt\"\n\
                claims = { role = \"x\", level = 3, on = true, list = [1, \"a\"], o = { value = { a = 1 } }, \
                tenant = { claim = \"/org/id\" }, mail = { claim = \"mail\", optional = true } }";
    let stage = signed(keys).start();
    let from = |org: Value| get("/").bearer(mint::token().claim("org", org).sign());
    let shown = bearer(&stage.allows(&from(json!({"id": 7}))));
    assert_eq!(part(&shown, 0)["typ"], "at+jwt");
    let mut claims = part(&shown, 1);
    assert!(claims.as_object_mut().unwrap().remove("jti").is_some());
    let expected = json!({
        "iss": "gateway", "sub": "alice", "aud": ["a", "b"], "iat": NOW, "nbf": NOW - 30, "exp": NOW + 120,
        "role": "x", "level": 3, "on": true, "list": [1, "a"], "o": {"a": 1}, "tenant": 7,
    });
    assert_eq!(claims, expected);
    // One token for all with the same claims, another for others.
    assert_eq!(
        bearer(&stage.allows(&from(json!({"id": 7, "name": "x"})))),
        shown
    );
    let other = bearer(&stage.allows(&from(json!({"id": 8}))));
    assert_eq!(part(&other, 1)["tenant"], 8);
    stage.clock.advance(108);
    assert_ne!(bearer(&stage.allows(&from(json!({"id": 7})))), shown);
    // The twins.
    for org in [json!({}), json!(null), json!("7")] {
        stage.refuses(&from(org), 403, "credential_claim_missing");
    }
    let numeric = signed("kind = \"signed_jwt\"\nsubject = { claim = \"level\" }").start();
    let request = get("/").bearer(mint::token().claim("level", 3).sign());
    numeric.refuses(&request, 403, "credential_claim_missing");
}

#[test]
fn an_upstream_verifies_a_signed_token_against_the_published_keys() {
    let stage = signed("kind = \"signed_jwt\"\nissuer = \"https://gateway.example\"\nsubject = \"gw\"\naudience = \"orders\"\nreuse = false").start();
    let (one, other) = (stage.allows(&with_token()), stage.allows(&with_token()));
    assert_ne!(bearer(&one), bearer(&other), "each has its own jti");
    let directory = Directory::new(stage.file("keys"));
    let jwks = directory.load().unwrap().jwks_at(UnixTime(NOW));
    let upstream = |jwks: &Value| {
        let jwks = toml::Value::try_from(jwks).unwrap();
        let issuer = json!({"jwks": jwks, "audiences": ["orders"]});
        let config = json!({"issuers": {"https://gateway.example": issuer}});
        Stage::with(&toml::to_string(&config).unwrap())
    };
    upstream(&jwks).allows(&get("/").bearer(bearer(&one)));
    let others = json!({"keys": [mint::stranger().jwk()]});
    upstream(&others).rejects_text(&bearer(&one), "key_not_found");
}

#[test]
fn an_assertion_is_given_for_a_token() {
    let server = server("t");
    let url = format!("{}/token", server.url());
    let keys = format!(
        "kind = \"jwt_bearer\"\ntoken_endpoint = \"{url}\"\nissuer = \"gw\"\nsubject = {{ claim = \"sub\" }}\nscopes = [\"a\"]"
    );
    let stage = signed(&keys).start();
    let from = |sub: &str| get("/").bearer(mint::token().claim("sub", sub).sign());
    for sub in ["alice", "bob", "alice"] {
        assert_eq!(bearer(&stage.allows(&from(sub))), "t");
    }
    assert_eq!(server.count(), 2);
    for (number, sub) in ["alice", "bob"].into_iter().enumerate() {
        let asked = server.wait_for(number);
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        assert_eq!(parameter(&asked, "grant_type"), grant);
        assert_eq!(parameter(&asked, "scope"), "a");
        let claims = part(&parameter(&asked, "assertion"), 1);
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!("gw"), &json!(sub))
        );
        assert_eq!(
            (&claims["aud"], &claims["exp"]),
            (&json!(url), &json!(NOW + 300))
        );
    }
    says(&server, "400 No", &json!({"error": "invalid_grant"}));
    stage.refuses(&from("mallory"), 502, "credential_refused");
    stage.allows(&from("alice"));
}

#[test]
fn an_inbound_token_is_exchanged() {
    let server = server("t");
    let keys = "kind = \"token_exchange\"\nactor_token = \"own\"\nissuer = \"gw\"\nrequested_token_type = \"urn:x\"\nparameters = { audience = \"orders\" }";
    let stage = signed(&format!("{keys}\ntoken_endpoint = \"{}\"", server.url())).start();
    let token = good();
    let request = get("/").bearer(&token);
    assert_eq!(bearer(&stage.allows(&request)), "t");
    let asked = server.wait_for(0);
    let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(parameter(&asked, "grant_type"), grant);
    assert_eq!(parameter(&asked, "subject_token"), token);
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(parameter(&asked, "subject_token_type"), kind);
    assert_eq!(part(&parameter(&asked, "actor_token"), 1)["iss"], "gw");
    let kind = "urn:ietf:params:oauth:token-type:jwt";
    assert_eq!(parameter(&asked, "actor_token_type"), kind);
    assert_eq!(parameter(&asked, "requested_token_type"), "urn:x");
    assert_eq!(parameter(&asked, "audience"), "orders");
    // Another token is another's.
    stage.allows(&request);
    assert_eq!(server.count(), 1);
    let other = get("/").bearer(mint::token().claim("sub", "bob").sign());
    stage.allows(&other);
    assert_eq!(server.count(), 2);
}

#[test]
fn the_gateways_own_token_is_exchanged_too() {
    let server = server("t");
    let keys = "kind = \"token_exchange\"\nsubject_token = \"own\"\nsubject = { claim = \"sub\" }";
    let stage = signed(&format!("{keys}\ntoken_endpoint = \"{}\"", server.url()))
        .with("routes = [{ access = \"optional\" }]")
        .start();
    stage.allows(&with_token());
    let asked = server.wait_for(0);
    assert_eq!(part(&parameter(&asked, "subject_token"), 1)["sub"], "alice");
    assert!(form(&asked).iter().all(|(name, _)| name != "actor_token"));
    // Nobody's token cannot be made of anything.
    stage.refuses(&get("/"), 401, "token_missing");
}

#[test]
fn the_inbound_token_is_handed_on_as_it_came() {
    let keys = "kind = \"forward\"\nheader = \"X-Token\"\nscheme = \"\"";
    let stage = credential(keys)
        .with("routes = [{ access = \"optional\" }]")
        .start();
    let token = good();
    let seen = stage.allows(&get("/").bearer(&token).field("X-Token", "forged"));
    assert_eq!(seen.field("x-token"), Some(&*token));
    assert_eq!(seen.field("authorization"), None);
    let seen = stage.allows(&get("/").field("X-Token", "forged"));
    assert_eq!(seen.field("x-token"), None);
    stage.rejects(&mint::token().claim("exp", 1), "token_expired");
}

#[test]
fn a_reload_keeps_what_was_fetched_unless_the_settings_change() {
    let server = server("t");
    let mut stage = fetched_from(&server, CLIENT).in_a_file().start();
    stage.allows(&with_token());
    stage.rewrites("[upstream]\nresponse_timeout = \"7s\"");
    stage.applies();
    stage.allows(&with_token());
    assert_eq!(server.count(), 1);
    stage.rewrites("[upstream.credential]\nscopes = [\"a\"]");
    stage.applies();
    stage.allows(&with_token());
    assert_eq!(server.count(), 2);
}

#[test]
fn the_status_and_the_metrics_say_what_became_of_fetches() {
    let server = server("t");
    let stage = fetched_from(&server, CLIENT).start();
    stage.allows(&with_token());
    stage.clock.advance(7);
    let status = status(&stage);
    assert_eq!(status["upstream"], "default");
    assert_eq!(status["kind"], "client_credentials");
    assert_eq!(
        (&status["fetched"], &status["tokens"]),
        (&json!(1), &json!(1))
    );
    let metrics = get("/metrics").send(stage.gateway.admin()).text();
    for line in [
        "portcullis_credential_fetches_total{upstream=\"default\",outcome=\"success\"} 1\n",
        "portcullis_credential_fetches_total{upstream=\"default\",outcome=\"unavailable\"} 0\n",
        "portcullis_credential_age_seconds{upstream=\"default\"} 7\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn explain_says_what_would_be_shown_and_asks_nobody() {
    let server = server("t");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.toml");
    let config = |keys: &str| {
        let jwk = toml::Value::try_from(mint::es256().jwk()).unwrap();
        let text = format!(
            "[upstream]\nurl = \"http://127.0.0.1:9\"\n[upstream.credential]\n{keys}\n\
             [issuers.\"{ISSUER}\"]\naudiences = [\"{AUDIENCE}\"]\njwks = {{ keys = [{jwk}] }}\n"
        );
        std::fs::write(&file, text).unwrap();
    };
    let explain = || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["explain", "--at", &NOW.to_string(), "-c"])
            .args([file.to_str().unwrap(), &good()])
            .output();
        let output = output.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code(),
            text.split_whitespace().collect::<Vec<_>>().join(" "),
        )
    };
    config(&format!("token_endpoint = \"{}\"\n{CLIENT}", server.url()));
    let (code, text) = explain();
    let says = "pass credential client_credentials in authorization: would fetch it from 127.0.0.1";
    assert!(code == Some(0) && text.contains(says), "{text}");
    std::fs::write(
        folder.path().join("secret"),
        "0123456789abcdef0123456789abcdef",
    )
    .unwrap();
    config(&format!(
        "token_endpoint = \"{}\"\nkind = \"jwt_bearer\"\nissuer = \"a\"\nsubject = {{ claim = \"mail\" }}\nprivate_key_file = \"key.pem\"",
        server.url()
    ));
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    let (code, text) = explain();
    let says = "refused: 403 credential_claim_missing";
    assert!(code == Some(3) && text.contains(says), "{text}");
    server.saw_nothing();
}

#[test]
fn many_keys_at_once_are_fetched_each_once() {
    let server = server("t");
    let keys = "kind = \"token_exchange\"\nclient_id = \"gw\"\nauthentication = \"none\"";
    let stage = fetched_from(&server, keys).start();
    let address = stage.address();
    let tokens: Vec<_> = (0..20).map(|_| good()).collect();
    let threads: Vec<_> = (0..40)
        .map(|number| {
            let request = get("/").bearer(&tokens[number % 20]);
            thread::spawn(move || -> Response { request.send(address) })
        })
        .collect();
    for thread in threads {
        let response = thread.join().unwrap();
        assert_eq!(response.status, 200, "{}", response.text());
    }
    assert_eq!(server.count(), 20);
    let response = get("/").send(address);
    refused(&response, 401, "token_missing");
}

/// Runs `portcullis request-token` with a key; its exit code, its output, and its errors.
fn request_token(arguments: &[&str]) -> (Option<i32>, String, String) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args([
            "request-token",
            "--key",
            key.to_str().unwrap(),
            "--issuer",
            "gw",
        ])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_sample_client_prints_what_the_server_answers() {
    let server = server("t");
    let url = format!("{}/token", server.url());
    let (code, out, err) = request_token(&[
        "--endpoint",
        &url,
        "--subject",
        "alice",
        "--scope",
        "a",
        "--scope",
        "b",
        "--format",
        "xml",
    ]);
    assert_eq!((code, &*err), (Some(0), ""));
    assert!(out.contains("\"access_token\":\"t\"") && out.ends_with('\n'));
    let asked = server.wait_for(0);
    assert_eq!(parameter(&asked, "scope"), "a b");
    assert_eq!(parameter(&asked, "format"), "xml");
    let claims = part(&parameter(&asked, "assertion"), 1);
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!("gw"), &json!("alice"))
    );
    assert_eq!(claims["aud"], json!(url));
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 300);
    let (code, ..) = request_token(&["--endpoint", &url, "--client-credentials"]);
    let asked = server.wait_for(1);
    assert_eq!(
        (code, &*parameter(&asked, "grant_type")),
        (Some(0), "client_credentials")
    );
    assert_eq!(part(&parameter(&asked, "client_assertion"), 1)["sub"], "gw");
}

#[test]
fn the_sample_client_says_what_went_wrong() {
    let server = Upstream::start();
    says(&server, "400 No", &json!({"error": "invalid_grant"}));
    let url = format!("{}/token", server.url());
    let (code, out, err) = request_token(&["--endpoint", &url]);
    assert!(code == Some(1) && out.contains("invalid_grant"), "{out}");
    assert!(err.contains("its status is 400"), "{err}");
    let (code, out, err) = request_token(&["--endpoint", &nowhere()]);
    assert!(
        code == Some(1) && out.is_empty() && err.contains("no connection"),
        "{err}"
    );
    for wrong in [
        &["--endpoint", "http://as.example/token"][..],
        &["--endpoint", "ftp://as.example/token"],
        &["--endpoint", &url, "--algorithm", "RS256"],
        &["--endpoint", &url, "--ca-file", "/nowhere"],
        &["--endpoint", &url, "--lifetime", "0s"],
        &[],
    ] {
        let (code, out, _) = request_token(wrong);
        assert_eq!((code, &*out), (Some(2), ""), "{wrong:?}");
    }
    assert_eq!(server.count(), 1);
}
