//! What is issued is taken by the gateway's own routes, and by nobody's leave.

use super::*;

const ROUTES: &str = "[[routes]]\npath = \"/orders\"\nscopes = [\"orders:write\"]\n\
                      [[routes]]\npath = \"/{*rest}\"\n";

fn with_routes(form: &str) -> Stage {
    builder(&format!("access_token = \"{form}\""))
        .with(ROUTES)
        .start()
}

#[test]
fn an_issued_token_is_accepted_until_it_expires() {
    for form in ["jwt", "opaque"] {
        let stage = with_routes(form);
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        assert_eq!(token.contains('.'), form == "jwt");
        let seen = stage.allows(&get("/").bearer(&token).field("x-auth-subject", "mallory"));
        assert_eq!(seen.field("x-auth-subject"), Some("alice"));
        assert_eq!(seen.field("x-auth-issuer"), Some(AUDIENCE));
        assert_eq!(seen.field("authorization"), None);
        stage.allows(&get("/orders").bearer(&token));
        stage.clock.advance(3600 + 59);
        stage.allows(&get("/").bearer(&token));
        stage.clock.advance(1);
        stage.refuses(&get("/").bearer(&token), 401, "token_expired");
    }
}

#[test]
fn out_of_scope_is_forbidden_and_unknown_is_not_let_in() {
    for form in ["jwt", "opaque"] {
        let stage = with_routes(form);
        let narrow = grant(&assertion().sign(), &[("scope", "orders:read")]);
        let (token, _) = granted(&stage, &narrow);
        stage.allows(&get("/").bearer(&token));
        stage.refuses(&get("/orders").bearer(&token), 403, "scope_insufficient");
        let unknown = format!("pat_{}", "A".repeat(43));
        stage.refuses(&get("/").bearer(&unknown), 401, "token_inactive");
        // A refresh token, or what only begins like one of ours, is no token of any issuer.
        let refresh = format!("prt_{}", "A".repeat(43));
        stage.refuses(&get("/").bearer(&refresh), 401, "token_malformed");
    }
}

#[test]
fn nobody_else_signs_in_its_name() {
    let stage = with_routes("jwt");
    let forged = Token::of(mint::es256())
        .claim("iss", AUDIENCE)
        .claim("aud", AUDIENCE)
        .claim("client_id", "erp")
        .claim("jti", "1");
    let typed = forged.clone().header("typ", "at+jwt");
    stage.rejects(&typed, "key_not_found");
    stage.rejects(&typed.without_header("kid"), "signature_invalid");
    stage.rejects(&forged, "type_not_allowed");
    // An assertion is no access token either, and the other way round.
    stage.rejects(&assertion(), "issuer_unknown");
    let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
    fails(&stage, &grant(&token, &[]), 400, "invalid_grant");
}

#[test]
fn a_route_that_names_its_issuers_names_this_one_too() {
    let named = format!("[[routes]]\npath = \"/{{*rest}}\"\nissuers = [\"{AUDIENCE}\"]\n");
    let other = format!(
        "[[routes]]\npath = \"/{{*rest}}\"\nissuers = [\"{}\"]\n",
        super::super::harness::ISSUER
    );
    for form in ["jwt", "opaque"] {
        let more = format!("access_token = \"{form}\"");
        let stage = builder(&more).with(&named).start();
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        stage.allows(&get("/").bearer(&token));
        stage.rejects(&mint::token(), "issuer_unknown");
        let stage = builder(&more).with(&other).start();
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        stage.refuses(&get("/").bearer(&token), 401, "issuer_unknown");
    }
}

#[test]
fn a_clients_own_audience_is_for_another_api() {
    let more =
        "[token_service.clients.erp]\naudiences = [\"https://b.example\", \"https://c.example\"]\n";
    for form in ["jwt", "opaque"] {
        let stage = builder(&format!("access_token = \"{form}\""))
            .with(more)
            .start();
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        stage.refuses(&get("/").bearer(&token), 401, "audience_not_allowed");
        if form == "jwt" {
            assert_eq!(
                claims(&token)["aud"],
                json!(["https://b.example", "https://c.example"])
            );
        }
    }
}

#[test]
fn explain_shows_how_far_a_token_of_ours_comes() {
    let stage = builder("").with(ROUTES).in_a_file().start();
    let explain = |token: &str, url: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["explain", "--format", "json", "--at", &NOW.to_string()])
            .args(["--request", &format!("GET {url}"), "-c"])
            .arg(stage.file(super::super::harness::FILE))
            .arg(token)
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let narrow = grant(&assertion().sign(), &[("scope", "orders:read")]);
    let (token, _) = granted(&stage, &narrow);
    assert_eq!(explain(&token, "/")["verdict"], "allow");
    let said = explain(&token, "/orders");
    assert_eq!(said["code"], "scope_insufficient");
    // The records are the running gateway's: nobody else knows an opaque token.
    let unknown = format!("pat_{}", "A".repeat(43));
    let said = explain(&unknown, "/");
    assert_eq!(
        (&said["status"], &said["code"]),
        (&json!(401), &json!("token_inactive"))
    );
    stage.upstream.saw_nothing();
}
