//! A second opinion: what another library refuses, the gateway must not accept.

use std::{
    sync::{Arc, LazyLock},
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::Jwk};
use portcullis::{
    claims::{self, Audiences, ClaimPath, Rules},
    clock::UnixTime,
    jose::{AlgorithmSet, Key, compact, jwk, policy::HeaderPolicy, verify},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::harness::{AUDIENCE, ISSUER, Token, mint};

/// The other library takes the time from the machine, so the tokens here do so too.
static NOW: LazyLock<i64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
});

static KEYS: LazyLock<Vec<Arc<Key>>> = LazyLock::new(|| {
    let set = json!({"keys": [mint::es256().jwk()]}).to_string();
    jwk::parse_set(set.as_bytes(), jwk::Symmetric::Refused)
        .unwrap()
        .keys
});

static OTHER_KEY: LazyLock<DecodingKey> = LazyLock::new(|| {
    let jwk: Jwk = serde_json::from_value(mint::es256().jwk()).unwrap();
    DecodingKey::from_jwk(&jwk).unwrap()
});

fn token() -> Token<'static> {
    mint::token()
        .claim("iat", *NOW - 10)
        .claim("exp", *NOW + 3600)
}

/// What the gateway's own steps say.
fn ours(token: &str) -> bool {
    let headers = HeaderPolicy {
        algorithms: AlgorithmSet::asymmetric(),
        types: vec!["jwt".into()],
        critical: Vec::new(),
    };
    let rules = Rules {
        issuer: ISSUER.into(),
        require: ["iss", "sub", "exp"]
            .map(|name| name.parse::<ClaimPath>().unwrap())
            .into(),
        audiences: Audiences::OneOf([AUDIENCE.into()].into()),
        allowed: [].into(),
        clock_skew: 60,
        max_age: None,
    };
    let Ok(unverified) = compact::parse(token.as_bytes(), 8192) else {
        return false;
    };
    if headers.check(unverified.header()).is_err() {
        return false;
    }
    let Ok(verified) = verify::verify(unverified, &KEYS) else {
        return false;
    };
    claims::check(verified, &rules, UnixTime(*NOW), None).is_ok()
}

/// What the other library says, as strict as it can be.
fn theirs(token: &str) -> bool {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["iss", "sub", "exp", "aud"]);
    validation.validate_nbf = true;
    validation.leeway = 60;
    jsonwebtoken::decode::<Value>(token, &OTHER_KEY, &validation).is_ok()
}

/// Values that a claim or a header member might have.
fn values() -> impl Strategy<Value = Value> {
    let times = (-200_i64..200).prop_map(|offset| json!(*NOW + offset));
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        times,
        prop::sample::select(vec![
            json!(ISSUER),
            json!([ISSUER]),
            json!(AUDIENCE),
            json!([AUDIENCE]),
            json!([AUDIENCE, "x"]),
            json!([AUDIENCE, 1]),
            json!([]),
            json!({}),
            json!("JWT"),
            json!("ES256"),
            json!("RS256"),
            json!("none"),
            json!("es256-1"),
        ]),
        ".{0,10}".prop_map(Value::from),
    ]
}

fn names() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "x"])
}

#[test]
fn both_accept_a_good_token_and_neither_a_forged_one() {
    let good = token().sign();
    assert!(ours(&good) && theirs(&good));
    let bad = token().claim("exp", *NOW - 100).sign();
    assert!(!ours(&bad) && !theirs(&bad));
    let forged = good.replace('.', "..");
    assert!(!ours(&forged) && !theirs(&forged));
}

proptest! {
    #[test]
    fn what_they_refuse_we_refuse_of_touched_text(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3,
    ) {
        let mut bytes = token().sign().into_bytes();
        let at = at.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(theirs(&text) || !ours(&text), "{text}");
        }
    }

    #[test]
    fn what_they_refuse_we_refuse_of_signed_claims(
        changes in prop::collection::vec((names(), values()), 1..4), drop_one in 0..10_usize,
    ) {
        let mut token = token();
        for (name, value) in changes {
            token = token.claim(name, value);
        }
        if let Some(name) = ["iss", "sub", "aud", "exp"].get(drop_one) {
            token = token.without(name);
        }
        let text = token.sign();
        prop_assert!(theirs(&text) || !ours(&text), "{}", token.payload_text());
    }

    #[test]
    fn what_they_refuse_we_refuse_of_signed_headers(
        name in prop::sample::select(vec!["alg", "typ", "kid", "crit", "b64", "enc", "cty", "x"]),
        value in values(),
    ) {
        let text = token().header(name, value).sign();
        prop_assert!(theirs(&text) || !ours(&text), "{text}");
    }

    #[test]
    fn what_they_refuse_we_refuse_of_signed_text(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), in_header in any::<bool>(),
    ) {
        let token = token();
        let mut text = if in_header { token.header_text() } else { token.payload_text() }.into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let token = if in_header { token.raw_header(text) } else { token.raw_payload(text) };
        let signed = token.sign();
        prop_assert!(theirs(&signed) || !ours(&signed), "{signed}");
    }
}
