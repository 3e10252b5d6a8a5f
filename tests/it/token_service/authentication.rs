//! How clients say who they are, and how often they may be wrong.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;

fn asking(more: &[(&str, &str)]) -> Request {
    let mut parameters = vec![("token", "x")];
    parameters.extend_from_slice(more);
    form("/oauth/introspect", &parameters)
}

fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

#[test]
fn a_secret_is_taken_in_either_place() {
    let stage = stage();
    let good = [("client_id", "auditor"), ("client_secret", SECRET)];
    assert_eq!(stage.send(&asking(&good)).status, 200);
    let encoded = SECRET.replace(' ', "+").replace('\'', "%27");
    let field = asking(&[]).field("Authorization", basic("auditor", &encoded));
    assert_eq!(stage.send(&field).status, 200);
    for wrong in [
        asking(&[("client_id", "auditor"), ("client_secret", "wrong")]),
        asking(&[("client_id", "erp"), ("client_secret", SECRET)]),
        asking(&[("client_id", "nobody"), ("client_secret", SECRET)]),
        asking(&[("client_id", "auditor")]),
        asking(&[]),
    ] {
        let response = fails(&stage, &wrong, 401, "invalid_client");
        assert_eq!(response.field("www-authenticate"), None);
    }
    for value in [
        basic("auditor", "wrong"),
        "Bearer x".to_owned(),
        "Basic %".to_owned(),
    ] {
        let wrong = asking(&[]).field("Authorization", value);
        let response = fails(&stage, &wrong, 401, "invalid_client");
        assert!(
            response
                .field("www-authenticate")
                .unwrap()
                .starts_with("Basic ")
        );
    }
    let both = asking(&good).field("Authorization", basic("auditor", &encoded));
    fails(&stage, &both, 400, "invalid_request");
    let nameless = asking(&[("client_secret", SECRET)]);
    fails(&stage, &nameless, 400, "invalid_request");
}

#[test]
fn a_client_assertion_is_good_once_and_for_its_client() {
    let stage = stage();
    let with = |proof: &str, more: &[(&str, &str)]| {
        let mut parameters = vec![
            ("client_assertion_type", JWT_CLIENT),
            ("client_assertion", proof),
        ];
        parameters.extend_from_slice(more);
        asking(&parameters)
    };
    let good = client_assertion(mint::es256(), "erp", "1");
    assert_eq!(
        stage.send(&with(&good, &[("client_id", "erp")])).status,
        200
    );
    fails(&stage, &with(&good, &[]), 401, "invalid_client");
    let of = || assertion().claim("sub", "erp").claim("jti", "2");
    for wrong in [
        assertion().claim("sub", "erp"),
        of().claim("sub", "alice"),
        of().claim("aud", "https://other.example.com"),
        of().claim("exp", (NOW + 300).to_string()),
        of().claim("exp", NOW + 600),
        of().header("typ", "at+jwt"),
        of().claim("iss", "crm").claim("sub", "crm"),
        of().claim("iss", "old").claim("sub", "old"),
    ] {
        fails(&stage, &with(&wrong.sign(), &[]), 401, "invalid_client");
    }
    let other = with(&of().sign(), &[("client_id", "crm")]);
    fails(&stage, &other, 401, "invalid_client");
    let issuer = of().claim("aud", AUDIENCE).claim("jti", "3").sign();
    assert_eq!(stage.send(&with(&issuer, &[])).status, 200);
    let untyped = asking(&[("client_assertion", &good)]);
    fails(&stage, &untyped, 400, "invalid_request");
}

#[test]
fn a_grant_with_client_credentials_is_of_that_client() {
    let stage = stage();
    let with = |client: &str, signer: &'static Signer, jti: &str| {
        let proof = client_assertion(signer, client, jti);
        let parameters = [
            ("client_assertion_type", JWT_CLIENT),
            ("client_assertion", &*proof),
        ];
        grant(&assertion().sign(), &parameters)
    };
    granted(&stage, &with("erp", mint::es256(), "1"));
    fails(&stage, &with("crm", mint::rsa(), "2"), 400, "invalid_grant");
    fails(
        &stage,
        &with("erp", mint::rsa(), "3"),
        401,
        "invalid_client",
    );
}

#[test]
fn who_fails_too_often_has_to_wait() {
    let stage = stage();
    let wrong = grant("a.b.c", &[]);
    for _ in 0..20 {
        fails(&stage, &wrong, 400, "invalid_grant");
    }
    let response = stage.send(&wrong);
    refused(&response, 429, "rate_limited");
    assert_eq!(response.field("retry-after"), Some("3"));
    // So has whoever comes from there with a good one: it may be the next guess.
    refused(
        &stage.send(&grant(&assertion().sign(), &[])),
        429,
        "rate_limited",
    );
    // Routes are not concerned.
    stage.accepts(&mint::token());
    stage.clock.advance(3);
    granted(&stage, &grant(&assertion().sign(), &[]));
    // A mistake that no stranger could make is no guess.
    let late = assertion().claim("exp", NOW + 1000).sign();
    for _ in 0..30 {
        fails(&stage, &grant(&late, &[]), 400, "invalid_grant");
    }
}
