//! The grant of RFC 7523: what an assertion must be.

use super::*;

#[test]
fn a_good_assertion_becomes_an_access_token() {
    let stage = stage();
    let (token, answer) = granted(&stage, &grant(&assertion().sign(), &[]));
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer["scope"], "orders:read orders:write");
    assert_eq!(answer.get("refresh_token"), None);
    let header = part(&token, 0);
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("at+jwt"), &json!("ES256"))
    );
    let said = claims(&token);
    assert_eq!(said["iss"], AUDIENCE);
    assert_eq!(said["aud"], AUDIENCE);
    assert_eq!(said["sub"], "alice");
    assert_eq!(said["client_id"], "erp");
    assert_eq!(
        (&said["iat"], &said["exp"]),
        (&json!(NOW), &json!(NOW + 3600))
    );
    assert_eq!(said["jti"].as_str().unwrap().len(), 22);
    assert_eq!(said["scope"], "orders:read orders:write");
    // By a certificate, and as the sample of another product writes its times.
    let strings = Token::of(mint::rsa())
        .claim("iss", "crm")
        .claim("aud", json!(["https://other.example.com", ENDPOINT]))
        .claim("iat", NOW.to_string())
        .claim("exp", (NOW + 300).to_string());
    let (token, _) = granted(&stage, &grant(&strings.sign(), &[]));
    assert_eq!(claims(&token)["client_id"], "crm");
    stage.upstream.saw_nothing();
}

#[test]
fn an_assertion_of_nobody_known_is_refused_and_nobody_learns_why() {
    let stage = stage();
    let mut texts = Vec::new();
    for (token, why) in [
        (assertion().claim("iss", "nobody"), "unknown"),
        (assertion().claim("iss", "old"), "not active"),
        (assertion().claim("iss", "auditor"), "without a key"),
        (assertion().claim("iss", "crm"), "another client's key"),
        (assertion().without("iss"), "no iss"),
        (assertion().header("typ", "at+jwt"), "an access token"),
        (assertion().header("kid", "other"), "another kid"),
        (
            assertion().header("crit", json!(["x"])).header("x", 1),
            "crit",
        ),
    ] {
        let response = fails(&stage, &grant(&token.sign(), &[]), 400, "invalid_grant");
        texts.push((response.json(), why));
    }
    let stranger = Token::of(mint::stranger())
        .claim("iss", "erp")
        .claim("aud", ENDPOINT);
    for text in [
        stranger.sign(),
        assertion().raw_header(r#"{"alg":"none"}"#).sign(),
        "a.b.c".to_owned(),
        "x".repeat(7000),
    ] {
        let response = fails(&stage, &grant(&text, &[]), 400, "invalid_grant");
        texts.push((response.json(), "stranger"));
    }
    for (text, why) in &texts {
        assert_eq!(text, &texts[0].0, "{why}");
    }
}

#[test]
fn the_times_of_an_assertion_are_within_five_minutes() {
    let stage = stage();
    for good in [
        assertion().claim("exp", NOW - 59).claim("iat", NOW - 300),
        assertion().without("iat").claim("exp", NOW + 360),
        assertion().claim("iat", NOW + 60),
    ] {
        granted(&stage, &grant(&good.sign(), &[]));
    }
    for bad in [
        assertion().claim("exp", NOW - 60).claim("iat", NOW - 300),
        assertion().without("iat").claim("exp", NOW + 361),
        assertion().claim("exp", NOW + 301),
        assertion().claim("iat", NOW + 61),
        assertion().without("exp"),
        assertion().claim("exp", "soon"),
        assertion().claim("nbf", NOW + 61),
    ] {
        fails(&stage, &grant(&bad.sign(), &[]), 400, "invalid_grant");
    }
}

#[test]
fn the_audience_is_that_of_the_endpoint() {
    let stage = stage();
    for other in [
        json!(AUDIENCE),
        json!("https://api.example.com/oauth/token/"),
        json!([]),
        json!([ENDPOINT, 1]),
    ] {
        let token = assertion().claim("aud", other);
        fails(&stage, &grant(&token.sign(), &[]), 400, "invalid_grant");
    }
    let configured = builder("assertion_audience = \"urn:tokens\"").start();
    granted(
        &configured,
        &grant(&assertion().claim("aud", "urn:tokens").sign(), &[]),
    );
    fails(
        &configured,
        &grant(&assertion().sign(), &[]),
        400,
        "invalid_grant",
    );
}

#[test]
fn a_jti_is_good_once_and_only_when_a_token_was_issued() {
    let stage = stage();
    let named = assertion().claim("jti", "one").sign();
    // A request that fails does not use it up.
    let wrong = grant(&named, &[("scope", "admin")]);
    fails(&stage, &wrong, 400, "invalid_scope");
    granted(&stage, &grant(&named, &[]));
    fails(&stage, &grant(&named, &[]), 400, "invalid_grant");
    let others = assertion().claim("jti", "two").sign();
    granted(&stage, &grant(&others, &[]));
    // Of another client it is another one.
    let crm = Token::of(mint::rsa())
        .claim("iss", "crm")
        .claim("aud", ENDPOINT)
        .claim("exp", NOW + 200)
        .claim("jti", "one");
    granted(&stage, &grant(&crm.sign(), &[]));
    let nameless = assertion().sign();
    granted(&stage, &grant(&nameless, &[]));
    granted(&stage, &grant(&nameless, &[]));
}

#[test]
fn scopes_are_the_clients_any_or_all() {
    let stage = stage();
    let token = assertion().sign();
    for (asked, got) in [
        ("orders:read", "orders:read"),
        ("orders:write orders:read", "orders:write orders:read"),
        ("orders:read,orders:write", "orders:read orders:write"),
        ("", "orders:read orders:write"),
    ] {
        let (access, answer) = granted(&stage, &grant(&token, &[("scope", asked)]));
        assert_eq!(answer["scope"], got);
        assert_eq!(claims(&access)["scope"], got);
    }
    for asked in ["admin", "orders:read admin", "ORDERS:READ", "\""] {
        let request = grant(&token, &[("scope", asked)]);
        fails(&stage, &request, 400, "invalid_scope");
    }
}

#[test]
fn a_client_may_be_held_to_some_subjects_and_grants() {
    let stage = builder("")
        .with("[token_service.clients.erp]\nsubjects = [\"alice\"]\n")
        .start();
    granted(&stage, &grant(&assertion().sign(), &[]));
    let bob = assertion().claim("sub", "bob").sign();
    fails(&stage, &grant(&bob, &[]), 400, "invalid_grant");
    fails(
        &stage,
        &grant(&assertion().without("sub").sign(), &[]),
        400,
        "invalid_grant",
    );
    let stage = builder("")
        .with("[token_service.clients.erp]\ngrants = [\"refresh_token\"]\n")
        .start();
    fails(
        &stage,
        &grant(&assertion().sign(), &[]),
        400,
        "unauthorized_client",
    );
}

#[test]
fn a_request_that_is_no_grant_is_refused() {
    let stage = stage();
    let token = assertion().sign();
    for (request, error) in [
        (form(TOKEN, &[]), "invalid_request"),
        (form(TOKEN, &[("assertion", &token)]), "invalid_request"),
        (form(TOKEN, &[("grant_type", BEARER)]), "invalid_request"),
        (
            form(TOKEN, &[("grant_type", "client_credentials")]),
            "unsupported_grant_type",
        ),
        (
            form(
                TOKEN,
                &[("grant_type", "refresh_token"), ("refresh_token", "x")],
            ),
            "unsupported_grant_type",
        ),
        (grant(&token, &[("assertion", &token)]), "invalid_request"),
        (grant(&token, &[("x", "1"), ("x", "2")]), "invalid_request"),
        (grant(&token, &[("format", "yaml")]), "invalid_request"),
        (request("POST", TOKEN).form("a=%zz"), "invalid_request"),
        (grant(&token, &[("client_id", "crm")]), "invalid_grant"),
    ] {
        fails(&stage, &request, 400, error);
    }
    // What nobody knows is passed over, and the query is not looked at.
    granted(
        &stage,
        &grant(&token, &[("resource", "x"), ("client_id", "erp")]),
    );
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("grant_type", BEARER)
        .append_pair("assertion", &token);
    let body = body.finish();
    fails(
        &stage,
        &form(&format!("{TOKEN}?{body}"), &[]),
        400,
        "invalid_request",
    );
    fails(&stage, &post(TOKEN, body.clone()), 415, "invalid_request");
    let typed = post(TOKEN, body).field("Content-Type", "application/json");
    fails(&stage, &typed, 415, "invalid_request");
}

#[test]
fn only_a_post_of_a_short_form_is_read() {
    let stage = stage();
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let response = stage.send(&request(method, TOKEN));
        refused(&response, 405, "method_not_allowed");
        assert_eq!(response.field("allow"), Some("POST"));
    }
    let long = grant(&"x".repeat(9000), &[]);
    refused(&stage.send(&long), 413, "body_too_large");
    // Other paths are those of routes.
    for path in ["/oauth/token/", "/oauth", "/oauth/tokens", "/OAUTH/token"] {
        stage.refuses(&request("POST", path), 401, "token_missing");
    }
    stage.upstream.saw_nothing();
}
