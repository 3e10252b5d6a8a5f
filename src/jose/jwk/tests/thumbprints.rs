use serde_json::{Value, json};

use crate::jose::{
    fixtures::{RSA, SECRET, encoded, signers, with},
    jwk::{Key, Symmetric},
};

fn thumbprint(jwk: &Value) -> String {
    encoded(
        Key::from_jwk(jwk, Symmetric::Allowed)
            .unwrap()
            .thumbprint()
            .0,
    )
}

#[test]
fn the_example_of_rfc_7638() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE\
             CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q\
             vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6\
             WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
    assert_eq!(
        thumbprint(&jwk),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn the_example_of_rfc_8037() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    assert_eq!(
        thumbprint(&jwk),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn only_the_key_itself_counts() {
    for signer in signers() {
        let named = with(&signer.jwk, json!({"kid": "a", "use": "sig", "x5t": "abc"}));
        assert_eq!(thumbprint(&named), thumbprint(&signer.jwk));
    }
    let prints: Vec<_> = signers()
        .iter()
        .map(|signer| thumbprint(&signer.jwk))
        .collect();
    for (place, print) in prints.iter().enumerate() {
        assert!(!prints[..place].contains(print));
    }
}

#[test]
fn a_needless_zero_in_front_of_the_modulus_does_not_count() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut n = URL_SAFE_NO_PAD
        .decode(RSA.jwk["n"].as_str().unwrap())
        .unwrap();
    n.insert(0, 0);
    let longer = with(&RSA.jwk, json!({"n": encoded(n)}));
    assert_eq!(thumbprint(&longer), thumbprint(&RSA.jwk));
}

#[test]
fn a_secret_has_one_thumbprint_however_it_was_given() {
    let key = Key::from_shared_secret(&SECRET.private_der()).unwrap();
    assert_eq!(encoded(key.thumbprint().0), thumbprint(&SECRET.jwk));
}
