//! The service while its configuration changes.

use super::*;

#[test]
fn a_client_that_is_switched_off_takes_its_tokens_along() {
    for form in ["jwt", "opaque"] {
        let more = format!("access_token = \"{form}\"");
        let mut stage = builder(&more).in_a_file().start();
        let (token, _) = granted(&stage, &grant(&assertion().sign(), &[]));
        stage.allows(&get("/").bearer(&token));
        stage.rewrites("[token_service.clients.erp]\nactive = false\n");
        stage.applies();
        stage.refuses(&get("/").bearer(&token), 401, "token_inactive");
        fails(
            &stage,
            &grant(&assertion().sign(), &[]),
            400,
            "invalid_grant",
        );
        stage.rewrites("[token_service.clients.erp]\nactive = true\n");
        stage.applies();
        stage.allows(&get("/").bearer(&token));
        granted(&stage, &grant(&assertion().sign(), &[]));
        // Without the service nobody knows its tokens.
        stage.rewrites("[token_service]\nenabled = false\n");
        stage.applies();
        let code = if form == "jwt" {
            "issuer_unknown"
        } else {
            "token_malformed"
        };
        stage.refuses(&get("/").bearer(&token), 401, code);
        stage.refuses(&grant(&assertion().sign(), &[]), 401, "token_missing");
    }
}

#[test]
fn a_rotation_leaves_live_tokens_good_and_signs_with_the_new_key() {
    let stage = builder("").in_a_file().start();
    let (old, _) = granted(&stage, &grant(&assertion().sign(), &[]));
    let keys = Directory::new(stage.file("keys"));
    keys.rotate(None, 0, None, UnixTime(NOW)).unwrap();
    stage.applies();
    let (new, _) = granted(&stage, &grant(&assertion().sign(), &[]));
    assert_ne!(part(&old, 0)["kid"], part(&new, 0)["kid"]);
    stage.allows(&get("/").bearer(&old));
    stage.allows(&get("/").bearer(&new));
    let jwks = stage.send(&get("/.well-known/jwks.json")).json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    stage.clock.advance(2 * 3600);
    let jwks = stage.send(&get("/.well-known/jwks.json")).json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn the_keys_of_a_client_are_followed() {
    let stage = builder("").in_a_file().start();
    granted(&stage, &grant(&assertion().sign(), &[]));
    let stranger = || {
        Token::of(mint::stranger())
            .claim("iss", "erp")
            .claim("aud", ENDPOINT)
            .claim("iat", NOW)
    };
    fails(
        &stage,
        &grant(&stranger().sign(), &[]),
        400,
        "invalid_grant",
    );
    let jwks = json!({"keys": [mint::stranger().jwk()]}).to_string();
    std::fs::write(stage.file("erp.json"), jwks).unwrap();
    let snapshot = stage.gateway.running().gateway().snapshot();
    let service = snapshot.policy.token_service.as_ref().unwrap();
    let keys = &service.keys.get("client erp").unwrap().keys;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(keys.refresh_now());
    granted(&stage, &grant(&stranger().sign(), &[]));
    fails(
        &stage,
        &grant(&assertion().sign(), &[]),
        400,
        "invalid_grant",
    );
}

#[test]
fn the_status_lists_the_clients_and_no_secret() {
    let stage = stage();
    granted(&stage, &grant(&assertion().sign(), &[]));
    let response = get("/status").send(stage.gateway.admin());
    let service = &response.json()["token_service"];
    assert_eq!(service["issuer"], AUDIENCE);
    assert_eq!(service["access_token"], "jwt");
    assert!(service["signing_key"].is_string());
    let clients = service["clients"].as_array().unwrap();
    let erp = clients
        .iter()
        .find(|client| client["client"] == "erp")
        .unwrap();
    assert_eq!((&erp["active"], &erp["keys"]), (&json!(true), &json!(1)));
    assert_eq!(clients.len(), 4);
    assert!(!response.text().contains(SECRET));
    let plain = get("/status").send(Stage::new().gateway.admin());
    assert_eq!(plain.json().get("token_service"), None);
}
