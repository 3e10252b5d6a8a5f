//! Revocation, introspection and tokeninfo.

use super::*;

/// `erp` revokes `token`, with a client assertion of this `jti`.
#[track_caller]
pub(super) fn revoke(stage: &Stage, token: &str, jti: &str) {
    let proof = client_assertion(mint::es256(), "erp", jti);
    let parameters = [
        ("token", token),
        ("client_assertion_type", JWT_CLIENT),
        ("client_assertion", &proof),
    ];
    let response = stage.send(&form("/oauth/revoke", &parameters));
    assert_eq!((response.status, &*response.body), (200, &b""[..]));
}

fn introspect(stage: &Stage, token: &str) -> Value {
    let parameters = [
        ("token", token),
        ("client_id", "auditor"),
        ("client_secret", SECRET),
    ];
    let response = stage.send(&form("/oauth/introspect", &parameters));
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

#[test]
fn a_revoked_token_is_refused_from_then_on() {
    for kind in ["jwt", "opaque"] {
        let stage = builder(&format!("access_token = \"{kind}\"")).start();
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        let (other, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        stage.allows(&get("/").bearer(&token));
        revoke(&stage, &token, "1");
        stage.refuses(&get("/").bearer(&token), 401, "token_revoked");
        stage.allows(&get("/").bearer(&other));
        assert_eq!(introspect(&stage, &token), json!({"active": false}));
        assert_eq!(introspect(&stage, &other)["active"], true);
        // Once more, and for what was never there: the same answer.
        revoke(&stage, &token, "2");
        revoke(&stage, "never issued", "3");
        revoke(&stage, &format!("pat_{}", "A".repeat(43)), "4");
        let metrics = get("/metrics").send(stage.gateway.admin()).text();
        let line = "portcullis_tokens_revoked_total{kind=\"access_token\"} 1\n";
        assert!(metrics.contains(line), "{metrics}");
        let issued = format!("grant=\"jwt_bearer\",form=\"{kind}\"}} 2\n");
        assert!(metrics.contains(&issued), "{metrics}");
    }
}

#[test]
fn nobody_revokes_the_tokens_of_others() {
    for kind in ["jwt", "opaque"] {
        let stage = builder(&format!("access_token = \"{kind}\"")).start();
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        let crm = client_assertion(mint::rsa(), "crm", "1");
        let parameters = [
            ("token", &*token),
            ("client_assertion_type", JWT_CLIENT),
            ("client_assertion", &crm),
        ];
        assert_eq!(stage.send(&form("/oauth/revoke", &parameters)).status, 200);
        stage.allows(&get("/").bearer(&token));
        fails(
            &stage,
            &form("/oauth/revoke", &[("token", &token)]),
            401,
            "invalid_client",
        );
        stage.allows(&get("/").bearer(&token));
        let nothing = &parameters[1..2];
        fails(
            &stage,
            &form("/oauth/revoke", nothing),
            400,
            "invalid_request",
        );
    }
}

#[test]
fn introspection_tells_what_a_token_says_to_those_who_may_know() {
    for kind in ["jwt", "opaque"] {
        let stage = builder(&format!("access_token = \"{kind}\"")).start();
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        let said = introspect(&stage, &token);
        assert_eq!(said["active"], true);
        assert_eq!(said["sub"], "alice");
        assert_eq!(said["client_id"], "erp");
        assert_eq!(said["scope"], "orders:read orders:write");
        assert_eq!(said["token_type"], "Bearer");
        assert_eq!(
            (&said["exp"], &said["iss"]),
            (&json!(NOW + 3600), &json!(AUDIENCE))
        );
        for other in ["", "x", "a.b.c", &mint::token().sign(), &assertion().sign()] {
            if !other.is_empty() {
                assert_eq!(
                    introspect(&stage, other),
                    json!({"active": false}),
                    "{other}"
                );
            }
        }
        // A client asks about its own, and learns nothing of others'.
        for (signer, client, active) in [(mint::es256(), "erp", true), (mint::rsa(), "crm", false)]
        {
            let proof = client_assertion(signer, client, "x");
            let parameters = [
                ("token", &*token),
                ("client_assertion_type", JWT_CLIENT),
                ("client_assertion", &proof),
            ];
            let answer = stage.send(&form("/oauth/introspect", &parameters)).json();
            assert_eq!(answer["active"], active);
            assert_eq!(answer.get("sub").is_some(), active);
        }
        stage.clock.advance(3661);
        assert_eq!(introspect(&stage, &token), json!({"active": false}));
        fails(
            &stage,
            &form("/oauth/introspect", &[("token", &token)]),
            401,
            "invalid_client",
        );
    }
}

#[test]
fn tokeninfo_tells_whoever_has_the_token() {
    for kind in ["jwt", "opaque"] {
        let stage = builder(&format!("access_token = \"{kind}\"")).start();
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        stage.clock.advance(100);
        for request in [
            form("/oauth/tokeninfo", &[("access_token", &token)]),
            get("/oauth/tokeninfo").bearer(&token),
            request("POST", "/oauth/tokeninfo").body("").bearer(&token),
            get(&format!("/oauth/tokeninfo?access_token={token}")),
        ] {
            let response = stage.send(&request);
            assert_eq!(response.status, 200, "{}", response.text());
            let said = response.json();
            assert_eq!(
                (&said["sub"], &said["expires_in"]),
                (&json!("alice"), &json!(3500))
            );
        }
        let both = form("/oauth/tokeninfo", &[("access_token", &token)]).bearer(&token);
        fails(&stage, &both, 400, "invalid_request");
        fails(&stage, &get("/oauth/tokeninfo"), 400, "invalid_request");
        revoke(&stage, &token, "1");
        fails(
            &stage,
            &get("/oauth/tokeninfo").bearer(&token),
            400,
            "invalid_token",
        );
    }
}

#[test]
fn the_documents_say_where_everything_is() {
    let stage = builder("refresh_tokens = true").start();
    let response = stage.send(&get("/.well-known/oauth-authorization-server"));
    assert_eq!(response.field("content-type"), Some("application/json"));
    let metadata = response.json();
    assert_eq!(metadata["issuer"], AUDIENCE);
    assert_eq!(metadata["token_endpoint"], ENDPOINT);
    assert_eq!(
        metadata["grant_types_supported"],
        json!([BEARER, "refresh_token"])
    );
    let uri = metadata["jwks_uri"].as_str().unwrap();
    let response = stage.send(&get(uri.strip_prefix(AUDIENCE).unwrap()));
    let keys = response.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].get("d"), None);
    let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
    assert_eq!(part(&token, 0)["kid"], keys[0]["kid"]);
    refused(
        &stage.send(&post("/.well-known/jwks.json", "")),
        405,
        "method_not_allowed",
    );
    // The twin: without the service these are paths like any other.
    let plain = Stage::new();
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        TOKEN,
    ] {
        plain.refuses(&get(path), 401, "token_missing");
    }
}
