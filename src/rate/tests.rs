use std::time::Duration;

use serde_json::json;

use super::*;

fn limit(by: By) -> RateLimit {
    RateLimit {
        name: "fair".into(),
        by,
        rate: Rate::new(100, Duration::from_secs(1), 200).unwrap(),
        text: "100/s".into(),
        shared: false,
        told: true,
        scope: Key::of("test", &[]),
    }
}

fn known<'a>(issuer: &'a str, subject: &'a str, claims: &'a Object) -> Asker<'a> {
    let who = Known {
        issuer,
        subject: Some(subject),
        claims,
    };
    Asker {
        who: Some(who),
        address: None,
    }
}

fn from(address: &str) -> Asker<'static> {
    Asker {
        who: None,
        address: address.parse().ok(),
    }
}

#[test]
fn a_subject_is_one_of_its_issuer() {
    let (limit, none) = (limit(By::Subject), Object::of(&json!({})));
    let key = |issuer, subject| limit.count(&known(issuer, subject, &none)).unwrap();
    assert_eq!(key("a", "1"), key("a", "1"));
    assert!(!key("a", "1").is_address);
    for (issuer, subject) in [("a", "2"), ("b", "1"), ("a1", ""), ("", "a1")] {
        if subject.is_empty() {
            let missing = limit.count(&known(issuer, subject, &none));
            assert_eq!(missing, Err(NotCounted::Missing("fair".into())));
        } else {
            assert_ne!(key("a", "1"), key(issuer, subject));
        }
    }
}

#[test]
fn a_claim_counts_by_its_value() {
    let limit = limit(By::Claim("/account/id".parse().unwrap()));
    let count = |id| {
        let claims = Object::of(&json!({ "account": { "id": id } }));
        limit.count(&known("a", "1", &claims))
    };
    assert_eq!(count(json!("7")), count(json!("7")));
    let others = [json!("8"), json!(7), json!(8), json!(true), json!("true")];
    for other in others {
        assert_ne!(count(json!("7")), count(other.clone()), "{other}");
        assert!(count(other).is_ok());
    }
    assert_eq!(count(json!(null)), Err(NotCounted::Missing("fair".into())));
    for wrong in [json!([]), json!(["7"]), json!({}), json!({"id": 7})] {
        assert_eq!(count(wrong), Err(NotCounted::Malformed("fair".into())));
    }
}

#[test]
fn an_address_of_ipv6_is_a_network() {
    let limit = limit(By::Address);
    let key = |address| limit.count(&from(address)).unwrap();
    assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
    assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    assert_ne!(key("192.0.2.1"), key("not known"));
    assert!(key("192.0.2.1").is_address);
}

#[test]
fn nobody_in_particular_counts_by_address() {
    for by in [By::Subject, By::Issuer, By::Claim("azp".parse().unwrap())] {
        let limit = limit(by);
        let one = limit.count(&from("192.0.2.1")).unwrap();
        assert!(one.is_address);
        assert_ne!(one, limit.count(&from("192.0.2.2")).unwrap());
    }
    let other = RateLimit {
        scope: Key::of("another", &[]),
        ..limit(By::Address)
    };
    let one = limit(By::Address).count(&from("192.0.2.1"));
    assert_ne!(one, other.count(&from("192.0.2.1")));
}

#[test]
fn the_fields_are_lists_of_structured_fields() {
    let slow = RateLimit {
        name: "slow".into(),
        rate: Rate::new(7, Duration::from_hours(1), 7).unwrap(),
        ..limit(By::Issuer)
    };
    let silent = RateLimit {
        told: false,
        ..limit(By::Subject)
    };
    let limits = RateLimits::new(vec![limit(By::Subject), silent.clone(), slow]);
    let level = |allowed, reset, retry| Level {
        allowed,
        remaining: 6,
        reset_after: Duration::from_millis(reset),
        retry_after: Duration::from_millis(retry),
    };
    let levels = [
        level(true, 1_001, 0),
        level(true, 0, 0),
        level(false, 9_000, 500),
    ];
    let fields = limits.fields(&levels).unwrap();
    assert_eq!(fields.policy, "\"fair\";q=200;w=2, \"slow\";q=7;w=3600");
    assert_eq!(fields.left, "\"fair\";r=6;t=2, \"slow\";r=0;t=1");
    assert_eq!(RateLimits::new(vec![silent]).fields(&levels), None);
    assert!(RateLimits::default().is_empty());
}
