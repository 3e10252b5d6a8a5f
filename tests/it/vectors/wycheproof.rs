//! Project Wycheproof: `json_web_signature_test` and `json_web_key_test`.

use std::collections::BTreeMap;

use portcullis::jose::jwk::{self, JwkError, Symmetric};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{accept_any_payload, read};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suite {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    comment: String,
    public: Option<Value>,
    private: Value,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u64,
    comment: String,
    jws: String,
    result: Expected,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Valid,
    Invalid,
}

/// Suite -> vector -> reason.
type Skips = BTreeMap<String, BTreeMap<String, String>>;

fn skips() -> Skips {
    toml::from_str(include_str!("../../vectors/skips.toml")).unwrap()
}

/// The group's keys as a set: the public ones, or the shared secrets.
fn document(group: &Group) -> Vec<u8> {
    let keys = group.public.as_ref().unwrap_or(&group.private);
    let set = if keys.get("keys").is_some() {
        keys.clone()
    } else {
        json!({ "keys": [keys] })
    };
    set.to_string().into_bytes()
}

fn run(name: &str) {
    let suite: Suite = read(&format!("wycheproof/{name}.json"));
    let mut skips = skips().remove(name).unwrap_or_default();
    let (mut seen, mut wrong) = (0, Vec::new());
    for group in &suite.test_groups {
        let set = jwk::parse_set(&document(group), Symmetric::Allowed).unwrap();
        for case in &group.tests {
            seen += 1;
            let outcome = accept_any_payload(&case.jws, &set.keys);
            let agrees = outcome.is_ok() == (case.result == Expected::Valid);
            let skip = skips.remove(&case.tc_id.to_string());
            let label = format!("{} {}/{}", case.tc_id, group.comment, case.comment);
            match (agrees, skip) {
                (true, None) => {}
                (true, Some(reason)) => wrong.push(format!("{label}: stale skip: {reason}")),
                (false, Some(reason)) => assert!(reason.len() > 20, "{label}: say why"),
                (false, None) => wrong.push(format!("{label}: {outcome:?} {:?}", set.skipped)),
            }
        }
    }
    assert_eq!(seen, suite.number_of_tests, "{name}");
    assert!(
        skips.is_empty(),
        "{name}: skips of vectors that are not there: {skips:?}"
    );
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

#[test]
fn json_web_signature_test() {
    run("json_web_signature_test");
}

#[test]
fn json_web_key_test() {
    run("json_web_key_test");
}

#[test]
fn skips_name_known_suites_only() {
    let skips = skips();
    let suites: Vec<_> = skips.keys().map(String::as_str).collect();
    // That of encryption is run beside its code, which no token reaches with a foreign content.
    assert_eq!(
        suites,
        [
            "json_web_encryption_test",
            "json_web_key_test",
            "json_web_signature_test"
        ]
    );
}

#[test]
fn keys_are_refused_for_the_reason_that_their_vector_is_about() {
    let suite: Suite = read("wycheproof/json_web_key_test.json");
    for (comment, reason) in [
        ("jws_rsa_roca_key", JwkError::ModulusWeak),
        ("keysize_too_small", JwkError::ModulusLength { bits: 1024 }),
        ("exponentOne", JwkError::Exponent),
        ("wrong_algorithm", JwkError::AlgorithmUnknown),
        ("invalid_use", JwkError::Use),
        ("invalid_point", JwkError::PointInvalid),
        ("wrong_curve", JwkError::Length("x")),
        ("wrong_kty", JwkError::Missing("n")),
        ("invalid_aes_gcm_key", JwkError::AlgorithmUnknown),
    ] {
        let group = suite
            .test_groups
            .iter()
            .find(|group| group.comment == comment)
            .unwrap();
        let set = jwk::parse_set(&document(group), Symmetric::Allowed).unwrap();
        let reasons: Vec<_> = set.skipped.iter().map(|skipped| &skipped.reason).collect();
        assert_eq!(reasons, [&reason], "{comment}");
    }
}
