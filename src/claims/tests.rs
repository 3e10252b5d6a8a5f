//! The steps together: their order, and what their errors say.

use serde_json::json;

use super::*;

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://idp.example.com/realms/orders";
const RESOURCE: &str = "https://api.example.com/orders/42";

/// The rules of an issuer that is configured with nothing but its keys.
pub(super) fn rules() -> Rules {
    Rules {
        issuer: ISSUER.into(),
        require: ["iss", "sub", "exp"].map(ClaimPath::named).into(),
        audiences: Audiences::ResourcePrefix,
        allowed: [].into(),
        clock_skew: 60,
        max_age: None,
    }
}

fn good() -> Value {
    json!({"iss": ISSUER, "sub": "alice", "exp": NOW + 300, "azp": "web", "extra": {"any": 1}})
}

/// The good claims with these members set instead; a null here removes one.
fn but(changes: &Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn ask(rules: &Rules, claims: &Value) -> Result<(), ClaimsError> {
    accept(&Object::of(claims), rules, UnixTime(NOW), Some(RESOURCE)).map(drop)
}

#[test]
fn good_claims_pass_and_unknown_ones_do_not_matter() {
    assert_eq!(ask(&rules(), &good()), Ok(()));
}

#[test]
fn the_issuer_is_compared_once_more_and_exactly() {
    let strangers = [
        json!("https://idp.example.com/realms/orders/"),
        json!("https://IDP.example.com/realms/orders"),
        json!("https://idp.example.com/realms/order"),
        json!("https://idp.ex\u{430}mple.com/realms/orders"),
        json!("http://idp.example.com/realms/orders"),
        json!(""),
        json!(null),
        json!("https://idp.example.com:443/realms/orders"),
        json!(format!(" {ISSUER}")),
    ];
    for iss in strangers {
        assert_eq!(
            ask(&rules(), &but(&json!({"iss": iss}))),
            Err(ClaimsError::Issuer),
            "{iss}"
        );
    }
    for iss in [
        json!([ISSUER]),
        json!(1),
        json!({"iss": ISSUER}),
        json!(true),
    ] {
        let error = ask(&rules(), &but(&json!({"iss": iss}))).unwrap_err();
        assert!(
            matches!(error, ClaimsError::Malformed { claim: "iss", .. }),
            "{iss}"
        );
    }
}

#[test]
fn a_token_without_exp_or_sub_is_refused() {
    for claim in ["exp", "sub"] {
        let missing = Err(ClaimsError::Missing(ClaimPath::named(claim)));
        assert_eq!(ask(&rules(), &but(&json!({claim: null}))), missing);
    }
    let lenient = Rules {
        require: [].into(),
        ..rules()
    };
    assert_eq!(
        ask(&lenient, &but(&json!({"exp": null, "sub": null}))),
        Ok(())
    );
}

#[test]
fn the_first_step_that_fails_is_the_one_that_is_named() {
    let rules = Rules {
        allowed: [(ClaimPath::named("azp"), vec![json!("app")])].into(),
        ..rules()
    };
    let mut wrong = but(&json!({"iss": "x", "exp": 1, "aud": "x"}));
    for (repair, step) in [
        (json!({"iss": ISSUER}), Step::Issuer),
        (json!({"exp": NOW}), Step::Time),
        (json!({"aud": "https://api.example.com"}), Step::Audience),
        (json!({"azp": "app"}), Step::Claims),
    ] {
        assert_eq!(ask(&rules, &wrong).unwrap_err().step(), step);
        wrong
            .as_object_mut()
            .unwrap()
            .extend(repair.as_object().unwrap().clone());
    }
    assert_eq!(ask(&rules, &wrong), Ok(()));
}

#[test]
fn a_malformed_claim_belongs_to_its_step() {
    for (claim, step) in [
        ("iss", Step::Issuer),
        ("exp", Step::Time),
        ("nbf", Step::Time),
        ("iat", Step::Time),
        ("aud", Step::Audience),
    ] {
        let error = ask(&rules(), &but(&json!({claim: [[]]}))).unwrap_err();
        assert!(matches!(error, ClaimsError::Malformed { claim: c, .. } if c == claim));
        assert_eq!(error.step(), step);
    }
}

#[test]
fn errors_name_claims_and_never_their_values() {
    let rules = Rules {
        audiences: Audiences::OneOf(["secret-audience".into()].into()),
        allowed: [(ClaimPath::named("azp"), vec![json!("secret-value")])].into(),
        ..rules()
    };
    let audience = json!("secret-audience");
    for changes in [
        json!({"iss": "secret-issuer"}),
        json!({"iss": ["secret-issuer"]}),
        json!({"exp": "secret-time"}),
        json!({"aud": "secret-other"}),
        json!({"aud": {"secret": 1}}),
        json!({"aud": audience, "azp": "secret-other"}),
    ] {
        let text = ask(&rules, &but(&changes)).unwrap_err().to_string();
        assert!(!text.contains("secret"), "{text}");
        assert!(!text.contains(ISSUER), "{text}");
    }
    let text = ask(&rules, &but(&json!({"aud": audience})))
        .unwrap_err()
        .to_string();
    assert_eq!(text, "the claim \"azp\" does not have an allowed value");
    let text = ask(&rules, &but(&json!({"exp": 0})))
        .unwrap_err()
        .to_string();
    assert_eq!(text, "the token expired at 1970-01-01T00:00:00Z");
}
