//! Refresh tokens: rotating, and all of a family end when one comes again.

use super::*;

fn refreshing() -> Stage {
    builder("refresh_tokens = true\nrefresh_token_lifetime = \"4h\"").start()
}

/// A request of `client` with the refresh token `token`.
fn refresh(signer: &'static Signer, client: &str, now: i64, token: &str, scope: &str) -> Request {
    let proof = Token::of(signer)
        .claim("iss", client)
        .claim("sub", client)
        .claim("aud", ENDPOINT)
        .claim("exp", now + 300)
        .claim("iat", now)
        .claim("jti", fastrand::u64(..).to_string());
    form(
        TOKEN,
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
            ("client_assertion_type", JWT_CLIENT),
            ("client_assertion", &proof.sign()),
        ],
    )
}

fn of_erp(token: &str) -> Request {
    refresh(mint::es256(), "erp", NOW, token, "")
}

#[track_caller]
fn both(stage: &Stage, request: &Request) -> (String, String) {
    let (access, answer) = granted(stage, request);
    (access, answer["refresh_token"].as_str().unwrap().to_owned())
}

#[test]
fn each_refresh_token_is_good_once_and_gives_the_next() {
    let stage = refreshing();
    let (first, one) = both(&stage, &grant(&assertion().sign(), &[]));
    let (second, two) = both(&stage, &of_erp(&one));
    assert_ne!(first, second);
    assert_ne!(one, two);
    assert_eq!(claims(&second)["sub"], "alice");
    assert_eq!(claims(&second)["scope"], "orders:read orders:write");
    stage.allows(&get("/").bearer(&first));
    stage.allows(&get("/").bearer(&second));
    let narrow = refresh(mint::es256(), "erp", NOW, &two, "orders:read");
    let (third, three) = both(&stage, &narrow);
    assert_eq!(claims(&third)["scope"], "orders:read");
    // More than was granted is refused, and the token is not used up by that.
    let more = refresh(mint::es256(), "erp", NOW, &three, "orders:read admin");
    fails(&stage, &more, 400, "invalid_scope");
    both(&stage, &of_erp(&three));
}

#[test]
fn one_that_comes_again_ends_its_family() {
    for form in ["jwt", "opaque"] {
        let more = format!("refresh_tokens = true\naccess_token = \"{form}\"");
        let stage = builder(&more).start();
        let (first, one) = both(&stage, &grant(&assertion().sign(), &[]));
        let (second, two) = both(&stage, &of_erp(&one));
        let (other, others) = both(&stage, &grant(&assertion().sign(), &[]));
        fails(&stage, &of_erp(&one), 400, "invalid_grant");
        fails(&stage, &of_erp(&two), 400, "invalid_grant");
        for token in [&first, &second] {
            stage.refuses(&get("/").bearer(token), 401, "token_revoked");
        }
        stage.allows(&get("/").bearer(&other));
        both(&stage, &of_erp(&others));
    }
}

#[test]
fn a_refresh_token_is_its_clients_who_says_who_it_is() {
    let stage = refreshing();
    let (_, token) = both(&stage, &grant(&assertion().sign(), &[]));
    let crm = refresh(mint::rsa(), "crm", NOW, &token, "");
    fails(&stage, &crm, 400, "invalid_grant");
    let stranger = refresh(mint::stranger(), "erp", NOW, &token, "");
    fails(&stage, &stranger, 401, "invalid_client");
    let nobody = form(
        TOKEN,
        &[("grant_type", "refresh_token"), ("refresh_token", &token)],
    );
    fails(&stage, &nobody, 401, "invalid_client");
    for wrong in [format!("prt_{}", "A".repeat(43)), "x".to_owned()] {
        fails(&stage, &of_erp(&wrong), 400, "invalid_grant");
    }
    both(&stage, &of_erp(&token));
}

#[test]
fn a_family_ends_with_its_time_or_when_it_is_revoked() {
    let stage = refreshing();
    let (_, one) = both(&stage, &grant(&assertion().sign(), &[]));
    stage.clock.advance(3 * 3600);
    let now = NOW + 3 * 3600;
    let again = refresh(mint::es256(), "erp", now, &one, "");
    let (_, two) = both(&stage, &again);
    // The second one lives no longer than the first would have.
    stage.clock.advance(3600);
    let late = refresh(mint::es256(), "erp", now + 3600, &two, "");
    fails(&stage, &late, 400, "invalid_grant");
    let stage = refreshing();
    let (access, one) = both(&stage, &grant(&assertion().sign(), &[]));
    about::revoke(&stage, &one, "1");
    fails(&stage, &of_erp(&one), 400, "invalid_grant");
    stage.refuses(&get("/").bearer(&access), 401, "token_revoked");
}

#[test]
fn there_are_none_unless_they_are_turned_on_and_granted() {
    let stage = stage();
    let (_, answer) = granted(&stage, &grant(&assertion().sign(), &[]));
    assert_eq!(answer.get("refresh_token"), None);
    let only = "[token_service.clients.erp]\ngrants = [\"jwt-bearer\"]\n";
    let stage = builder("refresh_tokens = true").with(only).start();
    let (_, answer) = granted(&stage, &grant(&assertion().sign(), &[]));
    assert_eq!(answer.get("refresh_token"), None);
    fails(&stage, &of_erp("x"), 400, "unauthorized_client");
}
