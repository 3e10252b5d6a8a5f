use serde_json::{Value, json};

use crate::jose::{
    fixtures::{ED25519, P256, P384, RSA, SECRET, with},
    json::JsonError,
    jwk::{JwkError, JwkSet, JwkSetError, MAX_KEYS, Symmetric, from_values, parse_set},
};

fn read(keys: Value, symmetric: Symmetric) -> JwkSet {
    parse_set(json!({ "keys": keys }).to_string().as_bytes(), symmetric).unwrap()
}

fn kids(set: &JwkSet) -> Vec<&str> {
    set.keys
        .iter()
        .map(|key| key.kid().unwrap_or("-"))
        .collect()
}

fn reasons(set: &JwkSet) -> Vec<(usize, JwkError)> {
    set.skipped
        .iter()
        .map(|skipped| (skipped.position, skipped.reason.clone()))
        .collect()
}

fn named(jwk: &Value, kid: &str) -> Value {
    with(jwk, json!({ "kid": kid }))
}

#[test]
fn an_unusable_key_does_not_spoil_the_others() {
    let keys = json!([
        null,
        named(&RSA.jwk, "a"),
        "text",
        {"kid": 7, "kty": "EC"},
        with(&P384.jwk, json!({"kid": "\u{1b}enc", "use": "enc"})),
        {"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA"},
        named(&P256.jwk, "b"),
        SECRET.jwk,
        ED25519.jwk,
    ]);
    let set = read(keys, Symmetric::Refused);
    assert_eq!(kids(&set), ["a", "b", "-"]);
    let expected = [
        (0, JwkError::NotAnObject),
        (2, JwkError::NotAnObject),
        (3, JwkError::WrongType("kid")),
        (4, JwkError::Use),
        (5, JwkError::Length("pub")),
        (7, JwkError::SymmetricRefused),
    ];
    assert_eq!(reasons(&set), expected);
    assert_eq!(set.skipped[3].kid.as_deref(), Some("\\u{1b}enc"));
    assert_eq!(set.skipped[2].kid, None);
}

#[test]
fn an_object_of_keys_is_a_set_too() {
    let keys = json!({"1": named(&P256.jwk, "b"), "0": named(&RSA.jwk, "a"), "2": {}});
    let set = read(keys.clone(), Symmetric::Refused);
    assert_eq!(kids(&set), ["a", "b"]);
    assert_eq!(reasons(&set), [(2, JwkError::Missing("kty"))]);
    assert_eq!(
        kids(&from_values(&keys, Symmetric::Refused).unwrap()),
        ["a", "b"]
    );
}

#[test]
fn what_is_no_set_is_refused_as_a_whole() {
    let parse =
        |text: &str| parse_set(text.as_bytes(), Symmetric::Allowed).map(|set| set.keys.len());
    assert_eq!(parse(r#"{"keys":[]}"#), Ok(0));
    for text in [
        "{}",
        r#"{"keys":null}"#,
        r#"{"keys":"x"}"#,
        r#"{"keys":1}"#,
        r#"{"Keys":[]}"#,
    ] {
        assert_eq!(parse(text), Err(JwkSetError::NoKeys), "{text}");
    }
    assert_eq!(parse("[]"), Err(JwkSetError::Json(JsonError::NotAnObject)));
    assert!(matches!(
        parse("<html>"),
        Err(JwkSetError::Json(JsonError::Syntax(_)))
    ));
    let twice = r#"{"keys":[{"kty":"RSA","kty":"oct"}]}"#;
    assert_eq!(
        parse(twice),
        Err(JwkSetError::Json(JsonError::Duplicate("kty".into())))
    );
    assert_eq!(
        from_values(&Value::Null, Symmetric::Allowed).unwrap_err(),
        JwkSetError::NoKeys
    );
}

#[test]
fn the_first_of_two_keys_with_one_kid_keeps_it() {
    let keys = json!([
        with(&RSA.jwk, json!({"kid": "a", "alg": "RS256"})),
        // The same kid for another algorithm is another key.
        named(&P256.jwk, "a"),
        // All six algorithms: RS256 is taken.
        named(&RSA.jwk, "a"),
        with(&RSA.jwk, json!({"kid": "a", "alg": "PS256"})),
        // The very same key.
        with(&RSA.jwk, json!({"kid": "a", "alg": "RS256"})),
        named(&RSA.jwk, "A"),
    ]);
    let set = read(keys, Symmetric::Refused);
    assert_eq!(kids(&set), ["a", "a", "a", "A"]);
    assert_eq!(
        reasons(&set),
        [(2, JwkError::DuplicateKid), (4, JwkError::DuplicateKid)]
    );
}

#[test]
fn keys_without_kid_do_not_collide() {
    let set = read(json!([RSA.jwk, RSA.jwk, P256.jwk]), Symmetric::Refused);
    assert_eq!(set.keys.len(), 3);
}

#[test]
fn secrets_and_public_keys_do_not_share_a_set() {
    let alone = read(json!([SECRET.jwk]), Symmetric::Allowed);
    assert_eq!(alone.keys.len(), 1);
    let mixed = read(json!([SECRET.jwk, P256.jwk]), Symmetric::Allowed);
    assert_eq!(mixed.keys.len(), 1);
    assert_eq!(reasons(&mixed), [(0, JwkError::SymmetricMixed)]);
    // A public key that is not used still tells what the set was meant for.
    let unused = with(&P256.jwk, json!({"use": "enc"}));
    let mixed = read(json!([unused, SECRET.jwk]), Symmetric::Allowed);
    assert_eq!(
        reasons(&mixed),
        [(0, JwkError::Use), (1, JwkError::SymmetricMixed)]
    );
}

#[test]
fn a_set_has_a_thousand_keys_at_most() {
    let keys = |count: usize| {
        let keys: Vec<_> = (0..count)
            .map(|place| named(&ED25519.jwk, &place.to_string()))
            .collect();
        read(keys.into(), Symmetric::Refused)
    };
    let full = keys(MAX_KEYS);
    assert_eq!((full.keys.len(), full.skipped.len()), (MAX_KEYS, 0));
    let over = keys(MAX_KEYS + 17);
    assert_eq!(over.keys.len(), MAX_KEYS);
    assert_eq!(reasons(&over), [(MAX_KEYS, JwkError::TooMany(17))]);
    let nulls = read(vec![Value::Null; MAX_KEYS + 5].into(), Symmetric::Refused);
    assert_eq!(nulls.skipped.len(), MAX_KEYS + 1);
    assert_eq!(nulls.skipped[MAX_KEYS].reason, JwkError::TooMany(5));
}
