//! What the endpoint's answer says.

use std::sync::Arc;

use super::{CallError, IntrospectionError, Outcome, Vouched};
use crate::jose::json::Object;

/// Reads the answer of an introspection endpoint (RFC 7662 §2.2).
pub(super) fn introspected(body: Vec<u8>, issuer: &str) -> Outcome {
    let answer = Object::parse(body).map_err(CallError::Json)?;
    match answer.get("active").and_then(|active| active.boolean()) {
        Some(true) => {}
        Some(false) => return Err(IntrospectionError::Inactive),
        None => return Err(CallError::Lacks("boolean \"active\"").into()),
    }
    if !is_access_token(&answer) {
        return Err(IntrospectionError::OtherType);
    }
    vouched(answer, issuer)
}

/// Reads the answer of a userinfo endpoint (OpenID Connect Core 1.0 §5.3.2).
pub(super) fn userinfo(body: Vec<u8>, issuer: &str) -> Outcome {
    let answer = Object::parse(body).map_err(CallError::Json)?;
    let subject = answer
        .get("sub")
        .and_then(|sub| Some(!sub.string()?.is_empty()));
    if subject != Some(true) {
        return Err(CallError::Lacks("\"sub\"").into());
    }
    vouched(answer, issuer)
}

/// A refresh token may be active too, and one that is bound to a key is nobody's bearer. Where an issuer
/// tells them apart, `token_type` (RFC 7662 §2.2) or `token_use` says so.
fn is_access_token(answer: &Object) -> bool {
    let is = |name, names: &[&str]| match answer.get(name) {
        None => true,
        Some(kind) if kind.is_null() => true,
        Some(kind) => kind
            .string()
            .is_some_and(|kind| names.iter().any(|n| kind.eq_ignore_ascii_case(n))),
    };
    is("token_type", &["bearer", "access_token"]) && is("token_use", &["access_token", "access"])
}

/// The answer, with `iss` if it had none. One that it has is compared where claims are checked.
fn vouched(answer: Object, issuer: &str) -> Outcome {
    if answer.get("iss").is_some() {
        return Ok(Vouched(Arc::new(answer)));
    }
    let name = serde_json::Value::from(issuer);
    let rest = answer.as_written().strip_prefix('{').unwrap_or_default();
    let text = format!("{{\"iss\":{name},{rest}");
    let answer = Object::parse(text).map_err(CallError::Json)?;
    Ok(Vouched(Arc::new(answer)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://idp.example.com/\"x\"";

    fn said(outcome: Outcome) -> Result<Value, IntrospectionError> {
        outcome.map(|vouched| vouched.claims().to_map().into())
    }

    fn introspect(answer: impl ToString) -> Result<Value, IntrospectionError> {
        said(introspected(answer.to_string().into(), ISSUER))
    }

    fn about_user(answer: impl ToString) -> Result<Value, IntrospectionError> {
        said(userinfo(answer.to_string().into(), ISSUER))
    }

    #[test]
    fn an_active_token_has_the_answers_members_for_claims() {
        let said = introspect(json!({"active": true, "sub": "alice", "scope": "a b"})).unwrap();
        let expected = json!({"iss": ISSUER, "active": true, "sub": "alice", "scope": "a b"});
        assert_eq!(said, expected);
        let said = introspect(" { \"active\" : true } ").unwrap();
        assert_eq!(said, json!({"iss": ISSUER, "active": true}));
    }

    #[test]
    fn an_issuer_that_stands_there_stays_for_the_rules_to_compare() {
        for iss in [
            json!("https://other.example.com"),
            json!(null),
            json!([ISSUER]),
        ] {
            let said = introspect(json!({"active": true, "iss": iss})).unwrap();
            assert_eq!(said["iss"], iss);
        }
    }

    #[test]
    fn only_false_is_inactive_and_nothing_but_true_is_active() {
        let inactive = Err(IntrospectionError::Inactive);
        assert_eq!(
            introspect(json!({"active": false, "sub": "alice"})),
            inactive
        );
        for answer in [
            json!({}),
            json!({"active": "true"}),
            json!({"active": 1}),
            json!({"active": null}),
            json!({"active": [true]}),
            json!({"Active": true}),
        ] {
            let error = introspect(&answer).unwrap_err();
            assert!(
                matches!(error, IntrospectionError::Unavailable(_)),
                "{answer}"
            );
        }
    }

    #[test]
    fn what_is_not_strict_json_says_nothing() {
        for answer in [
            "",
            "true",
            "[]",
            "<html>",
            "{\"active\":true",
            "{\"active\":true} x",
            "{\"active\":false,\"active\":true}",
            "{\"active\":true,\"sub\":\"a\",\"sub\":\"b\"}",
        ] {
            let unavailable = |error| matches!(error, IntrospectionError::Unavailable(_));
            assert!(unavailable(introspect(answer).unwrap_err()), "{answer}");
            assert!(unavailable(about_user(answer).unwrap_err()), "{answer}");
        }
    }

    #[test]
    fn a_refresh_token_and_a_bound_one_are_other_types() {
        for kind in [
            json!({}),
            json!({"token_type": "Bearer"}),
            json!({"token_type": "bearer", "token_use": "access_token"}),
            json!({"token_type": null}),
        ] {
            let mut answer = kind;
            answer["active"] = true.into();
            assert!(introspect(&answer).is_ok(), "{answer}");
        }
        for kind in [
            json!({"token_type": "DPoP"}),
            json!({"token_type": "refresh_token"}),
            json!({"token_type": ""}),
            json!({"token_type": ["Bearer"]}),
            json!({"token_use": "refresh_token"}),
            json!({"token_type": "Bearer", "token_use": "id_token"}),
        ] {
            let mut answer = kind;
            answer["active"] = true.into();
            assert_eq!(
                introspect(&answer),
                Err(IntrospectionError::OtherType),
                "{answer}"
            );
        }
    }

    #[test]
    fn userinfo_names_its_subject() {
        let said = about_user(json!({"sub": "alice"})).unwrap();
        assert_eq!(said, json!({"iss": ISSUER, "sub": "alice"}));
        for answer in [
            json!({}),
            json!({"sub": ""}),
            json!({"sub": 1}),
            json!({"sub": null}),
        ] {
            let error = about_user(&answer).unwrap_err();
            let lacks = IntrospectionError::Unavailable(CallError::Lacks("\"sub\""));
            assert_eq!(error, lacks, "{answer}");
        }
    }
}
