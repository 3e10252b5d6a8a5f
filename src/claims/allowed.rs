//! Required claims, claims that are strings, and claims restricted to a list of values.

use serde_json::{Number, Value};

use super::{ClaimPath, ClaimsError, Rules};
use crate::jose::json::{Object, Text};

/// Registered claims that are strings when they are there (RFC 7519 §4.1.2 and §4.1.7).
const STRINGS: [&str; 2] = ["sub", "jti"];

/// Checks that what must be there is there, that what must be a string is one, then that what is
/// restricted is in its list.
///
/// An `iat` that only `max_age` asks for is looked for here too: absence is this step's matter.
pub(super) fn check(claims: &Object, rules: &Rules) -> Result<(), ClaimsError> {
    for path in &*rules.require {
        present(claims, path)?;
    }
    if rules.max_age.is_some() {
        present(claims, &ClaimPath::named("iat"))?;
    }
    for claim in STRINGS {
        let wrong = |value: &Text<'_>| !value.is_null() && value.string().is_none();
        if claims.get(claim).as_ref().is_some_and(wrong) {
            let why = "not a string";
            return Err(ClaimsError::Malformed { claim, why });
        }
    }
    for (path, allowed) in &*rules.allowed {
        let value = present(claims, path)?;
        if !is_allowed(&value, allowed) {
            return Err(ClaimsError::NotAllowed(path.clone()));
        }
    }
    Ok(())
}

fn present<'c>(claims: &'c Object, path: &ClaimPath) -> Result<Text<'c>, ClaimsError> {
    path.find(claims)
        .ok_or_else(|| ClaimsError::Missing(path.clone()))
}

/// Whether `value` itself, or one of its elements if it is an array, is in the list.
fn is_allowed(value: &Text<'_>, allowed: &[Value]) -> bool {
    is_listed(value, allowed)
        || value
            .elements()
            .is_some_and(|mut elements| elements.any(|element| is_listed(&element, allowed)))
}

fn is_listed(value: &Text<'_>, allowed: &[Value]) -> bool {
    if let Some(text) = value.string() {
        let equal = |allowed: &Value| allowed.as_str() == Some(&*text);
        return allowed.iter().any(equal);
    }
    let value = value.to_value();
    allowed.iter().any(|allowed| same(allowed, &value))
}

/// JSON equality, in which `1` and `1.0` are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(has)
        }
        _ => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

/// The exact integer that `number` is. Above 2^53 two integers can share one `f64`, so integers are
/// never compared as floats.
fn integer(number: &Number) -> Option<i128> {
    // Beyond this no claim of ours is an integer, and a cast would no longer be exact.
    const EXACT: f64 = 1e37;
    if let Some(number) = number.as_i128() {
        return Some(number);
    }
    let number = number.as_f64()?;
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i128)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::claims::tests::rules;

    #[test]
    fn who_and_which_are_strings() {
        let check = |claims: Value| {
            let rules = Rules {
                require: [].into(),
                ..rules()
            };
            check(&Object::of(&claims), &rules)
        };
        assert_eq!(check(json!({"sub": "alice", "jti": ""})), Ok(()));
        assert_eq!(check(json!({"sub": null})), Ok(()));
        for bad in [json!(1), json!(false), json!(["alice"]), json!({})] {
            for claim in STRINGS {
                let why = "not a string";
                let error = ClaimsError::Malformed { claim, why };
                assert_eq!(check(json!({claim: bad})), Err(error));
            }
        }
    }

    fn allows(allowed: &Value, value: &Value) -> bool {
        let rules = Rules {
            require: [].into(),
            allowed: [("c".parse().unwrap(), allowed.as_array().unwrap().clone())].into(),
            ..rules()
        };
        match check(&Object::of(&json!({"c": value})), &rules) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, ClaimsError::NotAllowed(ClaimPath::named("c")));
                false
            }
        }
    }

    #[test]
    fn a_value_or_one_element_is_in_the_list() {
        let list = json!(["web", "app", 7, true]);
        for good in [
            json!("web"),
            json!(["x", "app"]),
            json!(7),
            json!([true]),
            json!(7.0),
        ] {
            assert!(allows(&list, &good), "{good}");
        }
        let bad = [
            json!("we"),
            json!("web "),
            json!("Web"),
            json!("webapp"),
            json!([]),
            json!(["x"]),
            json!("7"),
            json!(8),
            json!(7.5),
            json!(1),
            json!("true"),
            json!(false),
            json!({"web": 1}),
            json!([["web"]]),
            json!(""),
        ];
        for value in bad {
            assert!(!allows(&list, &value), "{value}");
        }
        assert!(!allows(&json!([]), &json!("web")));
    }

    #[test]
    fn numbers_are_equal_by_their_value() {
        let big = json!(9_007_199_254_740_993_i64);
        assert!(allows(&json!([big]), &big));
        assert!(!allows(&json!([big]), &json!(9_007_199_254_740_992_i64)));
        assert!(!allows(&json!([big]), &json!(9_007_199_254_740_992.0)));
        assert!(allows(&json!([1.0, -0.0]), &json!(0)));
        assert!(allows(&json!([0.5]), &json!(0.5)));
        assert!(allows(&json!([1e300]), &json!(1e300)));
        assert!(!allows(&json!([1e300]), &json!(2e300)));
        assert!(allows(&json!([u64::MAX]), &json!(u64::MAX)));
        assert!(!allows(&json!([u64::MAX]), &json!(-1)));
    }

    #[test]
    fn structures_are_equal_member_by_member() {
        let list = json!([{"a": [1, 2]}, [1]]);
        assert!(allows(&list, &json!({"a": [1.0, 2]})));
        assert!(allows(&list, &json!([1])));
        for bad in [
            json!({"a": [1]}),
            json!({"a": [1, 2], "b": 0}),
            json!({}),
            json!([2]),
            json!(1),
        ] {
            assert!(!allows(&list, &bad), "{bad}");
        }
    }

    #[test]
    fn an_absent_or_null_claim_is_missing() {
        let paths: Vec<ClaimPath> = vec!["sub".parse().unwrap(), "/a/b".parse().unwrap()];
        let rules = Rules {
            require: paths.clone().into(),
            ..rules()
        };
        let ask = |claims: Value| check(&Object::of(&claims), &rules);
        assert_eq!(ask(json!({"sub": "s", "a": {"b": 0}})), Ok(()));
        let missing = |at: usize| Err(ClaimsError::Missing(paths[at].clone()));
        assert_eq!(ask(json!({"a": {"b": 0}})), missing(0));
        assert_eq!(ask(json!({"sub": null, "a": {"b": 0}})), missing(0));
        assert_eq!(ask(json!({"sub": "s", "a": {"b": null}})), missing(1));
        assert_eq!(ask(json!({"sub": "s", "a": "b"})), missing(1));
        let restricted = Rules {
            require: [].into(),
            allowed: [(paths[0].clone(), vec![Value::Null, json!("s")])].into(),
            ..rules.clone()
        };
        for claims in [json!({}), json!({"sub": null})] {
            assert_eq!(check(&Object::of(&claims), &restricted), missing(0));
        }
    }

    #[test]
    fn max_age_asks_for_iat() {
        let rules = Rules {
            require: [].into(),
            max_age: Some(1),
            ..rules()
        };
        let claims = json!({"iat": 1});
        assert_eq!(check(&Object::of(&claims), &rules), Ok(()));
        let missing = Err(ClaimsError::Missing(ClaimPath::named("iat")));
        assert_eq!(check(&Object::of(&json!({})), &rules), missing);
    }
}
