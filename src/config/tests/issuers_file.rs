//! The issuers file, in Liberty Create's form.

use super::*;
use std::sync::Arc;

use crate::{
    claims::Audiences,
    issuer::{Issuer, KeySource, RegistryError},
};

const KEY: &str = r#"{ "kty": "EC", "crv": "P-256", "kid": "e1", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }"#;

fn parse_json(json: &str, toml: &str) -> Result<Config, Report> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("issuers.json"), json).unwrap();
    let text = format!("issuers_file = \"issuers.json\"\n{UPSTREAM}{toml}");
    parse_in(folder.path(), &text)
}

fn accept_json(json: &str) -> Config {
    parse_json(json, "").unwrap_or_else(|report| panic!("{report}\n{json}"))
}

/// One error, at `place` of the file.
#[track_caller]
fn refuse_json(json: &str, place: &str, says: &[&str]) {
    let report = parse_json(json, "")
        .err()
        .unwrap_or_else(|| panic!("accepted: {json}"))
        .to_string();
    let place = format!("issuers.json:{place}\n");
    for part in says.iter().copied().chain([place.as_str(), "\n1 error"]) {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
}

#[test]
fn the_form_is_taken_as_it_is() {
    for keys in [format!("{{ \"0\": {KEY} }}"), format!("[{KEY}]")] {
        let config = accept_json(&format!(
            r#"{{ "https%3A%2F%2Fsub.domain.tld%2Fauth%2Frealms%2Fmy-realm": {{
                "active": true,
                "claims": {{ "typ": ["Bearer"], "azp": ["realm-origin"] }},
                "key": {{ "keys": {keys} }} }} }}"#
        ));
        let issuer = config
            .policy
            .registry
            .find("https://sub.domain.tld/auth/realms/my-realm")
            .unwrap();
        assert_eq!(issuer.rules.allowed.len(), 2);
        assert!(matches!(issuer.keys.source(), KeySource::Fixed(set) if set.keys.len() == 1));
        for other in [
            "https://sub.domain.tld/auth/realms/My-Realm",
            "https://sub.domain.tld:443/auth/realms/my-realm",
        ] {
            let found = config.policy.registry.find(other).map(|_| ());
            assert_eq!(found, Err(RegistryError::Unknown));
        }
    }
}

#[test]
fn inactive_issuers_are_known_even_without_usable_keys() {
    let config = accept_json(r#"{ "a": { "active": false, "key": { "keys": {} } } }"#);
    let found = config.policy.registry.find("a").map(|_| ());
    assert_eq!(found, Err(RegistryError::Inactive));
    refuse_json(
        r#"{ "a": { "active": true, "key": { "keys": {} } } }"#,
        "1:43",
        &["no key that can be used"],
    );
}

#[test]
fn other_keys_stand_beside_with_the_same_checks() {
    let config = accept_json(
        r#"{ "a": { "jwks_uri": "https://x/", "clock_skew": "5s", "fetch": { "timeout": "1s" } } }"#,
    );
    assert_eq!(
        config.policy.registry.find("a").unwrap().rules.clock_skew,
        5
    );
    refuse_json(
        r#"{ "a": { "jwks_uri": "https://x/", "clock_skew": 5 } }"#,
        "1:50",
        &["write \"5s\""],
    );
    refuse_json(
        r#"{ "a": { "jwks_uri": "http://x/" } }"#,
        "1:22",
        &["must be https"],
    );
    refuse_json(
        r#"{ "a": { "jwks_uri": "https://x/", "clock_skw": "5s" } }"#,
        "1:36",
        &["did you mean \"clock_skew\"?"],
    );
    refuse_json(
        "{\n \"a\": {\n  \"active\": 1,\n  \"jwks_uri\": \"https://x/\" } }",
        "3:13",
        &["true or false"],
    );
    refuse_json(r#"{ "a": {} }"#, "1:3", &["no source of keys"]);
    refuse_json(r#"{ "a": null }"#, "1:8", &["must be a table, not null"]);
}

#[test]
fn what_issuers_have_in_common_is_kept_once() {
    let one = |name: &str, azp: &str| {
        format!(
            r#""{name}": {{ "claims": {{ "azp": ["{azp}"] }}, "audiences": ["x"], "key": {{ "keys": [{KEY}] }} }}"#
        )
    };
    let json = format!(
        "{{ {}, {}, {} }}",
        one("a", "p"),
        one("b", "p"),
        one("c", "q")
    );
    let registry = accept_json(&json).policy.registry;
    let [a, b, c] = ["a", "b", "c"].map(|name| registry.find(name).unwrap());
    let audiences = |issuer: &Issuer| match &issuer.rules.audiences {
        Audiences::OneOf(audiences) => Arc::clone(audiences),
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(&a.headers, &c.headers) && Arc::ptr_eq(&a.identity, &c.identity));
    assert!(Arc::ptr_eq(&audiences(a), &audiences(c)));
    assert!(Arc::ptr_eq(&a.rules.require, &c.rules.require));
    assert!(Arc::ptr_eq(&a.rules.allowed, &b.rules.allowed));
    assert_ne!(a.rules.allowed, c.rules.allowed);
    assert_eq!((&*a.rules.issuer, &*b.rules.issuer), ("a", "b"));
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("issuers.json"), b"{\xff}").unwrap();
    let text = format!("issuers_file = \"issuers.json\"\n{UPSTREAM}");
    let report = parse_in(folder.path(), &text).err().unwrap().to_string();
    assert!(report.contains("is not valid UTF-8"), "{report}");
}

#[test]
fn an_issuer_in_both_files_is_an_error() {
    let json = r#"{ "https%3A%2F%2Fidp.example": { "jwks_uri": "https://x/" } }"#;
    let report = parse_json(json, ISSUER).err().unwrap().to_string();
    assert!(
        report.contains("issuers.json:1:3\n") && report.contains("portcullis.toml:4:10"),
        "{report}"
    );
    let twice = r#"{ "a": { "jwks_uri": "https://x/" }, "a": { "jwks_uri": "https://x/" } }"#;
    refuse_json(twice, "1:38", &["already there"]);
    assert!(parse_json(&json.replace("idp", "other"), ISSUER).is_ok());
}

#[test]
fn json_is_strict() {
    refuse_json("{\n \"a\": {,\n}", "2:8", &["not valid JSON"]);
    refuse_json("[]", "1:1", &["not valid JSON"]);
    refuse_json("{} {}", "1:4", &["not valid JSON"]);
    refuse_json(
        r#"{ "a": { "jwks_uri": "https://x/", "active": true, "\u0061ctive": false } }"#,
        "1:52",
        &["stands twice"],
    );
    let deep = format!(
        r#"{{ "a": {{ "jwks_uri": "https://x/", "claims": {{ "a": {}1{} }} }} }}"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    let report = parse_json(&deep, "").err().unwrap().to_string();
    assert!(report.contains("nested deeper than 32 levels"), "{report}");
    assert!(accept_json("{}").policy.registry.iter().next().is_none());
}

#[test]
fn private_keys_and_secrets_are_not_shown() {
    let json = r#"{ "a": { "key": { "keys": [{ "kty": "oct", "k": "hunter2" }], "x": 1 } }, "b": { "shared_secret": "hunter2" } }"#;
    let report = parse_json(json, "").err().unwrap().to_string();
    assert!(
        report.contains("[redacted]") && !report.contains("hunter2"),
        "{report}"
    );
}

#[test]
fn many_issuers_are_read() {
    let issuer = |n| {
        format!(r#""https%3A%2F%2Fidp{n}.example": {{ "jwks_uri": "https://idp{n}.example/" }}"#)
    };
    let json = format!(
        "{{{}}}",
        (0..2_000).map(issuer).collect::<Vec<_>>().join(",\n")
    );
    let config = accept_json(&json);
    assert_eq!(config.policy.registry.iter().count(), 2_000);
    assert!(
        config.warnings[0].ends_with("and 1997 more"),
        "{:?}",
        config.warnings
    );
}
