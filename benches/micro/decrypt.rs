//! Decryption of a token, by how its key is encrypted; RSA with 2048 bits, the content with A256GCM.

use std::sync::Arc;

use divan::{Bencher, black_box};
use portcullis::jose::{
    Algorithm,
    jwe::{self, ContentEncryption, HeldKey, KeyManagement, Keychain},
};

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/it/harness/envelope.rs"]
mod envelope;

use envelope::{Envelope, Recipient};

// Module and function: the envelope asks for the one, the token here comes from the other.
use crate::mint::{self, mint};

const CASES: [(&str, &str); 10] = [
    ("RSA-OAEP-256", "RSA"),
    ("RSA-OAEP", "RSA"),
    ("ECDH-ES", "P-256"),
    ("ECDH-ES", "P-384"),
    ("ECDH-ES", "P-521"),
    ("ECDH-ES", "X25519"),
    ("ECDH-ES+A256KW", "P-256"),
    ("A128KW", "oct"),
    ("A256KW", "oct"),
    ("dir", "oct"),
];

#[divan::bench(args = CASES)]
fn token(bencher: Bencher<'_, '_>, (algorithm, kind): (&str, &'static str)) {
    let recipient = match (kind, algorithm) {
        ("RSA", _) => Recipient::rsa("k"),
        ("oct", "A128KW") => Recipient::secret("k", algorithm, 16),
        ("oct", _) => Recipient::secret("k", algorithm, 32),
        (crv, _) => Recipient::on("k", crv),
    };
    let document = match kind {
        "RSA" => recipient.pem(),
        _ => recipient.jwk().to_string(),
    };
    let keychain = keychain(document.as_bytes());
    let inside = mint(Algorithm::Es256).token;
    let token = Envelope::to(&recipient, algorithm, "A256GCM").seal(inside);
    bencher.bench(|| {
        let encrypted = jwe::parse(black_box(token.as_bytes())).unwrap();
        let keys = keychain.find(encrypted.header()).unwrap();
        jwe::decrypt(&encrypted, &keys).unwrap()
    });
}

fn keychain(document: &[u8]) -> Keychain {
    let keys = jwe::read_keys(document).unwrap();
    Keychain::new(keys.into_iter().map(|key| HeldKey {
        key,
        name: "k".into(),
        issuer: None,
        algorithms: Arc::new(KeyManagement::ALL),
        encryptions: Arc::new(ContentEncryption::ALL),
    }))
}
