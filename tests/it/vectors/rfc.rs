//! The signed examples of RFC 7515 appendix A, RFC 7520 section 4, RFC 8037 appendix A and RFC 9964.

use std::sync::Arc;

use portcullis::jose::{
    Key,
    compact::CompactError,
    header::HeaderError,
    jwk::{JwkError, Symmetric},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refused, accept, accept_any_payload, read};

#[derive(Deserialize)]
struct Example {
    name: String,
    key: Option<Value>,
    compact: String,
    outcome: Outcome,
}

/// What becomes of the published token as a JWT.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// It is accepted: its payload is a claims set.
    Claims,
    /// Its signature is good, and its payload is no claims set.
    Payload,
    /// It says itself that nobody signed it.
    Unsigned,
}

fn key(jwk: &Value) -> Vec<Arc<Key>> {
    vec![Arc::new(Key::from_jwk(jwk, Symmetric::Allowed).unwrap())]
}

/// The token with one character of the part changed, such that it still decodes.
fn corrupted(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let other = if &parts[part][middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    parts[part].replace_range(middle..=middle, other);
    parts.join(".")
}

fn check(example: &Example) {
    let name = &example.name;
    let Some(jwk) = &example.key else {
        assert!(example.outcome == Outcome::Unsigned, "{name}");
        let refused = accept(&example.compact, &[]).unwrap_err();
        assert_eq!(
            refused,
            Refused::Parse(CompactError::Header(HeaderError::AlgorithmUnknown)),
            "{name}"
        );
        return;
    };
    let keys = key(jwk);
    assert_eq!(
        accept_any_payload(&example.compact, &keys),
        Ok(()),
        "{name}"
    );
    let forged = corrupted(&example.compact, 2);
    assert_eq!(
        accept_any_payload(&forged, &keys),
        Err(Refused::Signature),
        "{name}"
    );
    for part in 0..3 {
        let forged = corrupted(&example.compact, part);
        assert!(accept(&forged, &keys).is_err(), "{name}: part {part}");
    }
    match accept(&example.compact, &keys) {
        Ok(verified) => {
            assert!(example.outcome == Outcome::Claims, "{name}");
            assert_eq!(
                verified.claims().get("iss").unwrap().string().unwrap(),
                "joe",
                "{name}"
            );
        }
        Err(Refused::Parse(CompactError::Payload(_))) => {
            assert!(example.outcome == Outcome::Payload, "{name}");
        }
        Err(refused) => panic!("{name}: {refused:?}"),
    }
}

#[test]
fn rfc_7515_appendix_a() {
    let examples: Vec<Example> = read("rfc7515/appendix_a.json");
    assert_eq!(examples.len(), 5);
    examples.iter().for_each(check);
}

#[test]
fn rfc_8037_appendix_a() {
    let examples: Vec<Example> = read("rfc8037/appendix_a.json");
    assert_eq!(examples.len(), 1);
    examples.iter().for_each(check);
}

#[test]
fn rfc_9964_and_the_kid_of_its_keys_is_their_thumbprint() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let examples: Vec<Example> = read("rfc9964/appendix_a.json");
    assert_eq!(examples.len(), 3);
    for example in &examples {
        check(example);
        let jwk = example.key.as_ref().unwrap();
        let thumbprint = key(jwk)[0].thumbprint();
        assert_eq!(jwk["kid"], URL_SAFE_NO_PAD.encode(thumbprint.0));
        for other in ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"] {
            let mut relabelled = jwk.clone();
            relabelled["alg"] = other.into();
            let read = Key::from_jwk(&relabelled, Symmetric::Refused);
            assert_eq!(read.is_ok(), other == example.name, "{other}");
        }
    }
}

#[test]
fn rfc_7520_section_4() {
    for file in [
        "4_1.rsa_v15_signature",
        "4_2.rsa-pss_signature",
        "4_3.ecdsa_signature",
        "4_4.hmac-sha2_integrity_protection",
    ] {
        let example: Value = read(&format!("rfc7520/{file}.json"));
        let mut jwk = example["input"]["key"].clone();
        if jwk["kty"] != "oct" {
            // The examples print the private key, and a published private key is not used.
            let refused = Key::from_jwk(&jwk, Symmetric::Allowed).unwrap_err();
            assert_eq!(refused, JwkError::Private, "{file}");
            for member in ["d", "p", "q", "dp", "dq", "qi"] {
                jwk.as_object_mut().unwrap().remove(member);
            }
        }
        let compact = example["output"]["compact"].as_str().unwrap().to_owned();
        let key = Some(jwk);
        check(&Example {
            name: file.into(),
            key,
            compact,
            outcome: Outcome::Payload,
        });
    }
}

#[test]
fn an_example_is_not_verified_by_another_examples_key() {
    let examples: Vec<Example> = read("rfc7515/appendix_a.json");
    let jwks: Vec<_> = examples
        .iter()
        .filter_map(|example| example.key.clone())
        .collect();
    for (place, example) in examples.iter().take(jwks.len()).enumerate() {
        for (other, jwk) in jwks.iter().enumerate().filter(|(other, _)| *other != place) {
            let refused = accept_any_payload(&example.compact, &key(jwk));
            assert_eq!(
                refused,
                Err(Refused::Signature),
                "{} with key {other}",
                example.name
            );
        }
    }
    assert!(Key::from_jwk(&json!({}), Symmetric::Allowed).is_err());
}
