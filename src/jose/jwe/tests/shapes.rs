//! What a token is refused for before any key is looked at.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{JweError, is_encrypted, parse};
use crate::jose::{fixtures::with, json::JsonError};

fn token(header: &str) -> String {
    format!("{}.AAAA.AAAA.AAAA.AAAA", URL_SAFE_NO_PAD.encode(header))
}

fn refusal(header: &Value) -> JweError {
    parse(token(&header.to_string()).as_bytes()).unwrap_err()
}

fn wrapped() -> Value {
    json!({"alg": "A128KW", "enc": "A128GCM", "cty": "JWT"})
}

fn agreed() -> Value {
    let epk = json!({"kty": "OKP", "crv": "X25519", "x": "A".repeat(43)});
    json!({"alg": "ECDH-ES", "enc": "A128GCM", "cty": "JWT", "epk": epk})
}

#[test]
fn there_are_five_parts_that_are_decoded_strictly() {
    let good = token(&wrapped().to_string());
    assert!(parse(good.as_bytes()).is_ok() && is_encrypted(good.as_bytes()));
    let [header, ..] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("no parts")
    };
    // The encrypted key may be empty, for `dir`; nothing else may.
    assert!(parse(format!("{header}..AAAA.AAAA.AAAA").as_bytes()).is_ok());
    for other in [
        String::new(),
        format!("{header}.AAAA.AAAA.AAAA"),
        format!("{good}.AAAA"),
        format!("{header}.AAAA..AAAA.AAAA"),
        format!("{header}.AAAA.AAAA..AAAA"),
        format!("{header}.AAAA.AAAA.AAAA."),
        ".AAAA.AAAA.AAAA.AAAA".to_owned(),
        "....".to_owned(),
        ".".repeat(8_000),
    ] {
        assert_eq!(
            parse(other.as_bytes()).unwrap_err(),
            JweError::Shape,
            "{other}"
        );
    }
    for (place, name) in [
        (1, "encrypted key"),
        (2, "initialization vector"),
        (3, "ciphertext"),
        (4, "authentication tag"),
    ] {
        for bad in ["A", "AB", "AA==", "A+/A", "AA A", "AA\n"] {
            let mut parts = [header, "AAAA", "AAAA", "AAAA", "AAAA"];
            parts[place] = bad;
            let refused = parse(parts.join(".").as_bytes()).unwrap_err();
            assert_eq!(refused, JweError::Encoding(name), "{bad}");
        }
    }
}

#[test]
fn what_is_not_supported_is_refused_by_its_name() {
    assert!(parse(token(&agreed().to_string()).as_bytes()).is_ok());
    for (change, error) in [
        (json!({"alg": "RSA1_5"}), JweError::Unsupported("alg")),
        (
            json!({"alg": "PBES2-HS256+A128KW", "p2c": 2_147_483_648_u32}),
            JweError::Unsupported("alg"),
        ),
        (json!({"alg": "A256GCMKW"}), JweError::Unsupported("alg")),
        (json!({"alg": "none"}), JweError::Unsupported("alg")),
        (json!({"alg": "RS256"}), JweError::Unsupported("alg")),
        (json!({"alg": null}), JweError::Missing("alg")),
        (json!({"alg": 1}), JweError::Malformed("alg")),
        (json!({"enc": "A128CBC"}), JweError::Unsupported("enc")),
        (json!({"enc": "a128gcm"}), JweError::Unsupported("enc")),
        (json!({"enc": null}), JweError::Missing("enc")),
        (json!({"enc": ["A128GCM"]}), JweError::Malformed("enc")),
        (json!({"zip": "DEF"}), JweError::Compressed),
        (json!({"zip": false}), JweError::Compressed),
        (json!({"crit": ["exp"], "exp": 1}), JweError::Critical),
        (json!({"crit": []}), JweError::Critical),
        (json!({"b64": false}), JweError::Unsupported("b64")),
        (json!({"cty": null}), JweError::ContentType),
        (json!({"cty": ""}), JweError::ContentType),
        (json!({"cty": "text/plain"}), JweError::ContentType),
        (
            json!({"cty": "application/application/jwt"}),
            JweError::ContentType,
        ),
        (json!({"cty": ["JWT"]}), JweError::Malformed("cty")),
        (json!({"kid": 1}), JweError::Malformed("kid")),
    ] {
        assert_eq!(
            refusal(&with(&wrapped(), change.clone())),
            error,
            "{change}"
        );
    }
    for cty in ["JWT", "jwt", "application/jwt", "Application/JWT"] {
        let header = with(&wrapped(), json!({"cty": cty}));
        assert!(
            parse(token(&header.to_string()).as_bytes()).is_ok(),
            "{cty}"
        );
    }
}

#[test]
fn a_header_is_strict_json() {
    for header in [
        r#"{"alg":"A128KW","alg":"A128KW","enc":"A128GCM","cty":"JWT"}"#,
        r#"{"alg":"A128KW","\u0061lg":"dir","enc":"A128GCM","cty":"JWT"}"#,
    ] {
        let refused = parse(token(header).as_bytes()).unwrap_err();
        assert_eq!(
            refused,
            JweError::Header(JsonError::Duplicate("alg".into()))
        );
    }
    for header in ["", "[]", "{}x", "\u{feff}{}", "\"JWT\""] {
        let refused = parse(token(header).as_bytes()).unwrap_err();
        assert!(
            matches!(refused, JweError::Header(_) | JweError::Shape),
            "{header}"
        );
    }
}

#[test]
fn an_ephemeral_key_has_the_shape_of_its_curve() {
    let p256 = json!({"kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43)});
    let set = |epk: Value| with(&agreed(), json!({ "epk": epk }));
    assert!(parse(token(&set(p256.clone()).to_string()).as_bytes()).is_ok());
    for epk in [
        json!("x"),
        json!({}),
        with(&p256, json!({"kty": "OKP"})),
        with(&p256, json!({"crv": "P-384"})),
        with(&p256, json!({"crv": "secp256k1"})),
        with(&p256, json!({"crv": "X448"})),
        with(&p256, json!({"x": "AAAA"})),
        with(&p256, json!({"y": null})),
        with(&p256, json!({"y": "A".repeat(44)})),
        with(&p256, json!({"d": "A".repeat(43)})),
    ] {
        assert_eq!(
            refusal(&set(epk.clone())),
            JweError::Malformed("epk"),
            "{epk}"
        );
    }
    let without = with(&agreed(), json!({"epk": null}));
    assert_eq!(refusal(&without), JweError::Missing("epk"));
    for party in ["apu", "apv"] {
        let good = with(&agreed(), json!({party: URL_SAFE_NO_PAD.encode([7; 256])}));
        assert!(parse(token(&good.to_string()).as_bytes()).is_ok());
        for bad in [
            json!(URL_SAFE_NO_PAD.encode([7; 257])),
            json!("A"),
            json!(1),
        ] {
            let bad = with(&agreed(), json!({ party: bad }));
            assert_eq!(refusal(&bad), JweError::Malformed(party), "{bad}");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_of_a_tokens_alphabet_never_panics(text in "[A-Za-z0-9_.=-]{0,200}") {
        prop_assert!(parse(text.as_bytes()).is_err());
    }
}
