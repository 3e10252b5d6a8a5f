//! What must hold for any bytes at all. `tests/it/properties.rs` tries it in every test run,
//! `fuzz/fuzz_targets/` for as long as somebody lets it.

use std::sync::{Arc, LazyLock};

use portcullis::jose::{
    compact,
    jwe::{self, ContentEncryption, HeldKey, KeyManagement, Keychain},
    jwk::{self, MAX_KEYS, Symmetric},
    verify,
};

/// The longest token that is looked at here, in bytes.
const LIMIT: usize = 8192;

/// Three secrets and a key for agreement, published here: nothing is ever encrypted to them but in tests.
const KEYS: &str = r#"{"keys":[
    {"kty":"oct","kid":"kw","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"},
    {"kty":"oct","kid":"gcm","alg":"A128GCM","k":"XctOhJAkA-pD9Lh7ZgW_2A"},
    {"kty":"oct","kid":"cbc","alg":"A128CBC-HS256","k":"GZy6sIZ6wl9NJOKB-jnmVQGZy6sIZ6wl9NJOKB-jnmU"},
    {"kty":"EC","kid":"ec","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
     "y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}]}"#;

static KEYCHAIN: LazyLock<Keychain> = LazyLock::new(|| {
    let keys = jwe::read_keys(KEYS.as_bytes()).unwrap();
    Keychain::new(keys.into_iter().map(|key| HeldKey {
        name: key.kid().unwrap_or_default().into(),
        key,
        issuer: None,
        algorithms: Arc::new(KeyManagement::ALL),
        encryptions: Arc::new(ContentEncryption::ALL),
    }))
});

/// A signed token: parsing ends without a panic; a token over the limit is refused for its length; what is
/// parsed has two dots and the alphabet of base64url, and nobody's keys prove it.
pub(super) fn compact_is_bounded_and_proves_nothing(bytes: &[u8]) {
    match compact::parse(bytes, LIMIT) {
        Ok(token) => {
            assert!(bytes.len() <= LIMIT);
            assert_eq!(bytes.iter().filter(|byte| **byte == b'.').count(), 2);
            assert!(bytes.iter().all(|byte| is_of_a_token(*byte)));
            assert!(verify::verify(token, &[]).is_err());
        }
        Err(compact::CompactError::TooLarge { .. }) => assert!(bytes.len() > LIMIT),
        Err(error) => assert!(error.to_string().len() < 400, "{error}"),
    }
}

/// A key set: reading ends without a panic; keys and reasons are bounded; a set that may not hold secrets
/// gives no key for HMAC; every key is for some algorithm; reading it again gives the same keys.
pub(super) fn key_sets_are_bounded_and_public(bytes: &[u8]) {
    let Ok(set) = jwk::parse_set(bytes, Symmetric::Refused) else {
        return;
    };
    assert!(set.keys.len() <= MAX_KEYS && set.skipped.len() <= MAX_KEYS + 1);
    for key in &set.keys {
        assert!(!key.algorithms().is_empty());
        assert!(
            key.algorithms()
                .iter()
                .all(|algorithm| !algorithm.is_symmetric())
        );
    }
    for skipped in &set.skipped {
        assert!(skipped.reason.to_string().len() < 200);
    }
    let again = jwk::parse_set(bytes, Symmetric::Refused).unwrap();
    let thumbprints = |set: &jwk::JwkSet| {
        set.keys
            .iter()
            .map(|key| key.thumbprint())
            .collect::<Vec<_>>()
    };
    assert_eq!(thumbprints(&set), thumbprints(&again));
}

/// An encrypted token: parsing and decrypting end without a panic; what is parsed has four dots; at most four
/// keys are found for it; what is inside is shorter than what was around it, and has the two dots of a signed
/// token.
pub(super) fn encrypted_tokens_are_bounded_and_nested(bytes: &[u8]) {
    let Ok(token) = jwe::parse(bytes) else {
        return;
    };
    assert!(jwe::is_encrypted(bytes));
    assert!(bytes.iter().all(|byte| is_of_a_token(*byte)));
    let Ok(keys) = KEYCHAIN.find(token.header()) else {
        return;
    };
    assert!((1..=jwe::MAX_TRIES).contains(&keys.len()));
    if let Ok(decrypted) = jwe::decrypt(&token, &keys) {
        let inside = decrypted.nested();
        assert!(inside.len() < bytes.len());
        assert_eq!(inside.iter().filter(|byte| **byte == b'.').count(), 2);
        compact_is_bounded_and_proves_nothing(inside);
    }
}

/// Whether the published keys open it.
pub(super) fn opens(bytes: &[u8]) -> bool {
    let open = || {
        jwe::decrypt(
            &jwe::parse(bytes)?,
            &KEYCHAIN.find(jwe::parse(bytes)?.header())?,
        )
    };
    open().is_ok()
}

fn is_of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
