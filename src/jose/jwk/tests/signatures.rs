//! Which signatures verify, and with which keys.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        self as library, EcdsaKeyPair, KeyPair as _, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RsaPssSaltLength,
    },
};
use serde_json::json;

use crate::jose::{
    Algorithm,
    fixtures::{
        ED25519, P256, P384, P521, RSA, SECP256K1, SECRET, Signer, encoded, mac, signers, with,
    },
    jwk::{BadSignature, Key, Symmetric},
};

const MESSAGE: &[u8] = b"eyJhbGciOiJSUzI1NiJ9.e30";

/// EdDSA and Ed25519 are two names of one scheme.
fn same_scheme(one: Algorithm, other: Algorithm) -> bool {
    let ed25519 = [Algorithm::EdDsa, Algorithm::Ed25519];
    one == other || (ed25519.contains(&one) && ed25519.contains(&other))
}

#[test]
fn each_algorithm_verifies_with_its_key_and_every_other_pair_is_refused() {
    let keys = signers().map(Signer::key);
    for (place, signer) in signers().into_iter().enumerate() {
        for signed in keys[place].algorithms().iter() {
            let signature = signer.sign(signed, MESSAGE);
            for (other, key) in keys.iter().enumerate() {
                for claimed in Algorithm::ALL {
                    let good = other == place && same_scheme(signed, claimed);
                    let outcome = key.verify(claimed, MESSAGE, &signature);
                    assert_eq!(
                        outcome.is_ok(),
                        good,
                        "{signed} as {claimed} with key {other}"
                    );
                }
            }
        }
    }
}

#[test]
fn another_key_of_the_same_kind_does_not_verify() {
    let other = EcdsaKeyPair::generate(&library::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let signature = other.sign(&SystemRandom::new(), MESSAGE).unwrap();
    let refused = P256
        .key()
        .verify(Algorithm::Es256, MESSAGE, signature.as_ref());
    assert_eq!(refused, Err(BadSignature));
    let signature = mac(Algorithm::Hs256, &[7; 32], MESSAGE);
    let verify = |key: &Key| key.verify(Algorithm::Hs256, MESSAGE, &signature);
    assert_eq!(verify(&SECRET.key()), Err(BadSignature));
    assert_eq!(verify(&Key::from_shared_secret(&[7; 32]).unwrap()), Ok(()));
}

#[test]
fn a_keys_own_alg_holds_whatever_the_token_says() {
    let jwk = with(&RSA.jwk, json!({"alg": "PS256"}));
    let key = Key::from_jwk(&jwk, Symmetric::Refused).unwrap();
    for algorithm in RSA.key().algorithms().iter() {
        let outcome = key.verify(algorithm, MESSAGE, &RSA.sign(algorithm, MESSAGE));
        assert_eq!(
            outcome.is_ok(),
            algorithm == Algorithm::Ps256,
            "{algorithm}"
        );
    }
}

#[test]
fn a_signature_that_was_touched_does_not_verify() {
    for signer in signers() {
        let key = signer.key();
        for algorithm in key.algorithms().iter() {
            let good = signer.sign(algorithm, MESSAGE);
            assert_eq!(key.verify(algorithm, MESSAGE, &good), Ok(()), "{algorithm}");
            let last = good.len() - 1;
            let mut bad = vec![
                Vec::new(),
                vec![0; good.len()],
                vec![0xff; good.len()],
                good[..last].to_vec(),
                good[1..].to_vec(),
                good[..good.len() / 2].to_vec(),
                [&good, &[0][..]].concat(),
                [&[0], good.as_slice()].concat(),
                [good.as_slice(), good.as_slice()].concat(),
            ];
            for (place, bit) in [(0, 0x01), (0, 0x80), (good.len() / 2, 0x10), (last, 0x01)] {
                let mut flipped = good.clone();
                flipped[place] ^= bit;
                bad.push(flipped);
            }
            for bad in bad {
                let outcome = key.verify(algorithm, MESSAGE, &bad);
                assert_eq!(outcome, Err(BadSignature), "{algorithm} {bad:02x?}");
            }
            for message in [&MESSAGE[1..], &[], b"eyJhbGciOiJSUzI1NiJ9.e31"] {
                assert_eq!(key.verify(algorithm, message, &good), Err(BadSignature));
            }
        }
    }
}

#[test]
fn an_ecdsa_signature_at_the_edges_of_its_range_does_not_verify() {
    for (signer, algorithm, order) in [
        (
            &P256,
            Algorithm::Es256,
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            &P384,
            Algorithm::Es384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196a\
             ccc52973",
        ),
        (
            &P521,
            Algorithm::Es512,
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc\
             0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        ),
        (
            &SECP256K1,
            Algorithm::Es256k,
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        ),
    ] {
        let n = unhexed(order);
        let key = signer.key();
        let good = signer.sign(algorithm, MESSAGE);
        assert_eq!(good.len(), n.len() * 2);
        assert_eq!(key.verify(algorithm, MESSAGE, &good), Ok(()));
        let (r, s) = good.split_at(n.len());
        let zero = vec![0; n.len()];
        let mut one = zero.clone();
        one[n.len() - 1] = 1;
        let mut below = n.clone();
        below[n.len() - 1] -= 1;
        let edges = [&zero, &one, &below, &n].map(Vec::as_slice);
        let pairs = edges
            .iter()
            .flat_map(|r| edges.iter().map(move |s| (*r, *s)));
        let halves = edges.iter().flat_map(|edge| [(*edge, s), (r, *edge)]);
        for (r, s) in pairs.chain(halves) {
            let outcome = key.verify(algorithm, MESSAGE, &[r, s].concat());
            assert_eq!(outcome, Err(BadSignature), "{algorithm} {r:02x?} {s:02x?}");
        }
        // Each half a byte longer, as DER integers often are.
        let overlong = [&[0], r, &[0], s].concat();
        assert_eq!(key.verify(algorithm, MESSAGE, &overlong), Err(BadSignature));
    }
}

#[test]
fn a_der_signature_does_not_verify() {
    let pair = EcdsaKeyPair::generate(&library::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..]),
    });
    let key = Key::from_jwk(&jwk, Symmetric::Refused).unwrap();
    let der = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
    assert_eq!(der.as_ref()[0], 0x30);
    assert_eq!(
        key.verify(Algorithm::Es256, MESSAGE, der.as_ref()),
        Err(BadSignature)
    );
    let halves = [
        half(der.as_ref(), 4),
        half(der.as_ref(), 6 + usize::from(der.as_ref()[3])),
    ];
    assert_eq!(
        key.verify(Algorithm::Es256, MESSAGE, &halves.concat()),
        Ok(())
    );
}

/// The DER integer whose content begins at `place`, as 32 bytes.
fn half(der: &[u8], place: usize) -> Vec<u8> {
    let content = &der[place..place + usize::from(der[place - 1])];
    let digits: Vec<u8> = content
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    [vec![0; 32 - digits.len()], digits].concat()
}

#[test]
fn a_pss_salt_is_as_long_as_the_hash() {
    let key = RSA.key();
    let verify =
        |algorithm, encoding| key.verify(algorithm, MESSAGE, &RSA.sign_rsa(encoding, MESSAGE));
    use RsaPssSaltLength::{Custom, Max};
    let equal = const { &RSA_PSS_SHA256.with_pss_salt_length(Custom(32)) };
    assert_eq!(verify(Algorithm::Ps256, equal), Ok(()));
    for encoding in [
        const { &RSA_PSS_SHA256.with_pss_salt_length(Custom(0)) },
        const { &RSA_PSS_SHA256.with_pss_salt_length(Custom(20)) },
        const { &RSA_PSS_SHA256.with_pss_salt_length(Custom(31)) },
        const { &RSA_PSS_SHA256.with_pss_salt_length(Custom(33)) },
        const { &RSA_PSS_SHA256.with_pss_salt_length(Max) },
    ] {
        assert_eq!(
            verify(Algorithm::Ps256, encoding),
            Err(BadSignature),
            "{encoding:?}"
        );
    }
    let shorter = const { &RSA_PSS_SHA384.with_pss_salt_length(Custom(32)) };
    assert_eq!(verify(Algorithm::Ps384, shorter), Err(BadSignature));
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let key = RSA.key();
    let [pkcs1, x509] = RSA.public_ders();
    let pem = |label: &str, der: &[u8]| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let text = STANDARD.encode(der);
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
    };
    let secrets = [
        pem("PUBLIC KEY", &x509).into_bytes(),
        pem("PUBLIC KEY", &x509).trim_end().as_bytes().to_vec(),
        pem("RSA PUBLIC KEY", &pkcs1).into_bytes(),
        x509,
        RSA.jwk.to_string().into_bytes(),
        RSA.jwk["n"].as_str().unwrap().as_bytes().to_vec(),
        pkcs1[9..265].to_vec(),
        pkcs1,
    ];
    for secret in secrets {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let forged = mac(algorithm, &secret, MESSAGE);
            assert_eq!(key.verify(algorithm, MESSAGE, &forged), Err(BadSignature));
            let shared = Key::from_shared_secret(&secret).unwrap();
            assert_eq!(
                shared.verify(algorithm, MESSAGE, &forged),
                Ok(()),
                "the forgery is real"
            );
        }
    }
}

#[test]
fn ed25519_does_not_take_a_signature_with_s_plus_the_order() {
    // L = 2^252 + 27742317777372353535851937790883648493, little-endian.
    let order = unhexed("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let key = ED25519.key();
    let mut signature = ED25519.sign(Algorithm::EdDsa, MESSAGE);
    assert_eq!(key.verify(Algorithm::EdDsa, MESSAGE, &signature), Ok(()));
    let mut carry = 0;
    for (digit, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*digit) + u16::from(add) + carry;
        *digit = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(
        key.verify(Algorithm::EdDsa, MESSAGE, &signature),
        Err(BadSignature)
    );
}

#[test]
fn many_threads_may_ask_for_an_algorithm_first() {
    let key = RSA.key();
    let signature = RSA.sign(Algorithm::Ps512, MESSAGE);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(key.verify(Algorithm::Ps512, MESSAGE, &signature), Ok(())));
        }
    });
}

fn unhexed(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&digits[place..place + 2], 16).unwrap())
        .collect()
}
