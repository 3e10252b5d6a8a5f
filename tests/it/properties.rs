//! The properties that fuzzing holds too, over good inputs that were changed a little, and over any bytes.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::harness::{Envelope, Recipient, Signer, mint};

#[path = "../properties/mod.rs"]
mod shared;

use shared::{
    compact_is_bounded_and_proves_nothing, encrypted_tokens_are_bounded_and_nested,
    key_sets_are_bounded_and_public,
};

/// A change of one input: at a place, cut so many bytes, and put these there.
type Change = (prop::sample::Index, u8, Vec<u8>);

static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    vec![
        mint::token().sign(),
        mint::token()
            .header("crit", json!(["a"]))
            .header("a", 1)
            .sign(),
    ]
});

static SETS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let keys = [
        mint::es256().jwk(),
        mint::rsa().jwk(),
        Signer::ed25519("ed").jwk(),
        Signer::ml_dsa("pq", "ML-DSA-44").jwk(),
        Signer::secret("secret", [7; 64]).jwk(),
    ];
    let sets = keys
        .iter()
        .map(|key| json!({ "keys": [key, {"kty": "x"}] }).to_string());
    sets.collect()
});

/// Tokens that the published keys of the properties open, and that end in a good signature check.
static ENVELOPES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let secret = |kid: &str, alg: &str, k: &str| Recipient::known(kid, alg, k);
    let kw = secret("kw", "A128KW", "GawgguFyGrWKav7AX4VKUg");
    let gcm = secret("gcm", "A128GCM", "XctOhJAkA-pD9Lh7ZgW_2A");
    let inside = mint::token().sign();
    let kw_cbc = Envelope::to(&kw, "A128KW", "A256CBC-HS512").seal(&inside);
    let dir = Envelope::to(&gcm, "dir", "A128GCM");
    let published = published();
    let agreed = Envelope::to(&published, "ECDH-ES+A192KW", "A192GCM").seal(&inside);
    vec![
        kw_cbc,
        dir.seal(&inside),
        dir.without_header("kid").seal(&inside),
        agreed,
    ]
});

fn published() -> Recipient {
    Recipient::on_p256("ec", "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw")
}

fn one<'a>(which: &prop::sample::Index, all: &'a [String]) -> &'a str {
    which.get(all).as_str()
}

fn changed(good: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = good.as_bytes().to_vec();
    for (place, cut, new) in changes {
        let start = place.index(bytes.len() + 1);
        let end = (start + usize::from(*cut)).min(bytes.len());
        bytes.splice(start..end, new.iter().copied());
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let new = prop_oneof![
        "[A-Za-z0-9_.=-]{0,3}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, new), 0..4)
}

#[test]
fn the_inputs_that_are_changed_are_good_ones() {
    for token in TOKENS.iter() {
        assert!(portcullis::jose::compact::parse(token.as_bytes(), 8192).is_ok());
    }
    for set in SETS.iter() {
        assert!(
            portcullis::jose::jwk::parse_set(
                set.as_bytes(),
                portcullis::jose::jwk::Symmetric::Allowed
            )
            .is_ok()
        );
    }
    for envelope in ENVELOPES.iter() {
        assert!(portcullis::jose::jwe::parse(envelope.as_bytes()).is_ok());
        assert!(shared::opens(envelope.as_bytes()), "{envelope}");
    }
}

proptest! {
    #[test]
    fn compact(which: prop::sample::Index, changes in changes()) {
        compact_is_bounded_and_proves_nothing(&changed(one(&which, &TOKENS), &changes));
    }

    #[test]
    fn key_sets(which: prop::sample::Index, changes in changes()) {
        key_sets_are_bounded_and_public(&changed(one(&which, &SETS), &changes));
    }

    #[test]
    fn encrypted(which: prop::sample::Index, changes in changes()) {
        let good = one(&which, &ENVELOPES);
        let bytes = changed(good, &changes);
        encrypted_tokens_are_bounded_and_nested(&bytes);
        // Every part of it is under the tag, and has one spelling.
        prop_assert_eq!(shared::opens(&bytes), bytes == good.as_bytes());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        compact_is_bounded_and_proves_nothing(&bytes);
        key_sets_are_bounded_and_public(&bytes);
        encrypted_tokens_are_bounded_and_nested(&bytes);
    }
}
