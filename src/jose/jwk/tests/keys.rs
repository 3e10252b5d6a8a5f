//! Which keys are read, and for which algorithms.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::jose::{
    Algorithm, AlgorithmSet,
    fixtures::{
        ED25519, ML_DSA_65, P256, P384, P521, RSA, SECP256K1, SECRET, encoded, signers, with,
    },
    jwk::{JwkError, Key, Symmetric},
};

fn read(jwk: &Value) -> Result<AlgorithmSet, JwkError> {
    Key::from_jwk(jwk, Symmetric::Allowed).map(|key| key.algorithms())
}

fn algorithms(jwk: &Value) -> String {
    read(jwk).unwrap().to_string()
}

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn a_key_without_alg_serves_what_its_kind_allows() {
    assert_eq!(
        algorithms(&RSA.jwk),
        "RS256, RS384, RS512, PS256, PS384, PS512"
    );
    assert_eq!(algorithms(&P256.jwk), "ES256");
    assert_eq!(algorithms(&P384.jwk), "ES384");
    assert_eq!(algorithms(&P521.jwk), "ES512");
    assert_eq!(algorithms(&SECP256K1.jwk), "ES256K");
    assert_eq!(algorithms(&ED25519.jwk), "EdDSA, Ed25519");
    assert_eq!(algorithms(&SECRET.jwk), "HS256, HS384, HS512");
}

#[test]
fn an_algorithm_key_pair_must_name_its_algorithm() {
    assert_eq!(algorithms(&ML_DSA_65.jwk), "ML-DSA-65");
    let unnamed = with(&ML_DSA_65.jwk, json!({"alg": null}));
    assert_eq!(read(&unnamed), Err(JwkError::Missing("alg")));
    let keyless = with(&ML_DSA_65.jwk, json!({"pub": null}));
    assert_eq!(read(&keyless), Err(JwkError::Missing("pub")));
    let private = with(&ML_DSA_65.jwk, json!({"priv": "AAAA"}));
    assert_eq!(read(&private), Err(JwkError::Private));
    // The X.509 form of the same key is not what `pub` holds.
    let mut longer = bytes(&ML_DSA_65.jwk["pub"]);
    longer.push(0);
    let longer = with(&ML_DSA_65.jwk, json!({"pub": encoded(longer)}));
    assert_eq!(read(&longer), Err(JwkError::Length("pub")));
}

#[test]
fn a_key_with_alg_serves_that_one_if_it_can() {
    for signer in signers() {
        let possible = read(&signer.jwk).unwrap();
        for algorithm in Algorithm::ALL {
            let own = read(&with(&signer.jwk, json!({"alg": algorithm.name()})));
            if signer.jwk["kty"] == "AKP" && algorithm.name().starts_with("ML-DSA") {
                // The name says how long the key is.
                let fits = possible.contains(algorithm);
                let expected = if fits {
                    Ok(possible)
                } else {
                    Err(JwkError::Length("pub"))
                };
                assert_eq!(own, expected, "{algorithm}");
            } else if !possible.contains(algorithm) {
                assert_eq!(own, Err(JwkError::AlgorithmMismatch), "{algorithm}");
            } else if ED25519.jwk == signer.jwk {
                assert_eq!(own, Ok(possible));
            } else {
                assert_eq!(own, Ok(std::iter::once(algorithm).collect()));
            }
        }
        for alg in [
            "none", "RSA-OAEP", "RSA1_5", "ECDH-ES", "A256GCM", "ES521", "rs256", "",
        ] {
            let refused = read(&with(&signer.jwk, json!({"alg": alg})));
            assert_eq!(refused, Err(JwkError::AlgorithmUnknown), "{alg}");
        }
        let refused = read(&with(&signer.jwk, json!({"alg": ["RS256"]})));
        assert_eq!(refused, Err(JwkError::WrongType("alg")));
    }
}

#[test]
fn a_key_for_another_purpose_is_not_used() {
    let jwk = |members| read(&with(&P256.jwk, members));
    for good in [
        json!({"use": "sig"}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["sign", "verify"], "use": "sig"}),
    ] {
        assert!(jwk(good.clone()).is_ok(), "{good}");
    }
    for (bad, why) in [
        (json!({"use": "enc"}), JwkError::Use),
        (json!({"use": ""}), JwkError::Use),
        (json!({"use": "SIG"}), JwkError::Use),
        (json!({"use": 1}), JwkError::WrongType("use")),
        (json!({"use": ["sig"]}), JwkError::WrongType("use")),
        (json!({"key_ops": []}), JwkError::KeyOperations),
        (json!({"key_ops": ["sign"]}), JwkError::KeyOperations),
        (json!({"key_ops": ["encrypt"]}), JwkError::KeyOperations),
        (
            json!({"key_ops": ["verify", "verify"]}),
            JwkError::KeyOperations,
        ),
        (json!({"key_ops": "verify"}), JwkError::WrongType("key_ops")),
        (
            json!({"key_ops": ["verify", 1]}),
            JwkError::WrongType("key_ops"),
        ),
        (json!({"use": "enc", "key_ops": ["verify"]}), JwkError::Use),
        (json!({"kid": 1}), JwkError::WrongType("kid")),
        (json!({"kty": "XYZ"}), JwkError::KeyType),
        (json!({"kty": "rsa"}), JwkError::KeyType),
        (json!({"kty": null}), JwkError::Missing("kty")),
    ] {
        assert_eq!(jwk(bad.clone()), Err(why), "{bad}");
    }
    let null = json!({"kty": "EC", "use": null});
    assert_eq!(read(&null), Err(JwkError::WrongType("use")));
}

#[test]
fn a_published_private_key_is_not_used() {
    for signer in signers()
        .into_iter()
        .filter(|signer| signer.jwk["kty"] != "oct")
    {
        assert!(read(&signer.jwk).is_ok());
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            let private = with(&signer.jwk, json!({member: "AQ"}));
            assert_eq!(read(&private), Err(JwkError::Private), "{member}");
        }
        let mut odd = signer.jwk.clone();
        odd["d"] = Value::Null;
        assert_eq!(read(&odd), Err(JwkError::Private));
    }
}

#[test]
fn an_rsa_modulus_has_2048_to_8192_bits() {
    let jwk = |n: &[u8]| read(&with(&RSA.jwk, json!({"n": encoded(n)})));
    let number = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= n.len() * 8 - bits;
        n
    };
    for bits in [2048, 2049, 3072, 4096, 8192] {
        assert!(jwk(&number(bits)).is_ok(), "{bits}");
    }
    for bits in [1, 8, 512, 1024, 2040, 2047, 8193, 16_384] {
        assert_eq!(jwk(&number(bits)), Err(JwkError::ModulusLength { bits }));
    }
    let mut even = number(2048);
    even[255] = 0xfe;
    assert_eq!(jwk(&even), Err(JwkError::ModulusEven));
}

#[test]
fn one_zero_in_front_of_the_modulus_is_borne_and_no_more() {
    let n = bytes(&RSA.jwk["n"]);
    let jwk = |zeros: usize| {
        let padded = [vec![0; zeros], n.clone()].concat();
        read(&with(&RSA.jwk, json!({"n": encoded(padded)})))
    };
    assert!(jwk(0).is_ok());
    assert!(jwk(1).is_ok());
    assert_eq!(jwk(2), Err(JwkError::Encoding("n")));
    for zeros in [1, 256] {
        let nothing = with(&RSA.jwk, json!({"n": encoded(vec![0; zeros])}));
        assert_eq!(read(&nothing), Err(JwkError::Encoding("n")));
    }
}

#[test]
fn an_rsa_exponent_is_odd_and_neither_1_nor_huge() {
    let jwk = |e: &[u8]| read(&with(&RSA.jwk, json!({"e": encoded(e)})));
    for e in [
        &[3][..],
        &[5],
        &[17],
        &[1, 0, 1],
        &[0xff; 4],
        &[1, 0, 0, 0, 1],
    ] {
        assert!(jwk(e).is_ok(), "{e:?}");
    }
    for e in [
        &[1][..],
        &[2],
        &[4],
        &[1, 0, 0],
        &[2, 0, 0, 0, 1],
        &[0xff; 8],
        &[0xff; 256],
    ] {
        assert_eq!(jwk(e), Err(JwkError::Exponent), "{e:?}");
    }
    for e in [&[][..], &[0], &[0, 1, 0, 1], &[0, 0, 3]] {
        assert_eq!(jwk(e), Err(JwkError::Encoding("e")), "{e:?}");
    }
}

#[test]
fn members_of_a_key_must_be_there_and_encoded_strictly() {
    for (signer, names) in [
        (&RSA, &["n", "e"][..]),
        (&P256, &["x", "y"]),
        (&ED25519, &["x"]),
        (&SECRET, &["k"]),
    ] {
        for name in names {
            let missing = read(&with(&signer.jwk, json!({*name: null})));
            assert_eq!(missing, Err(JwkError::Missing(name)));
            let wrong = read(&with(&signer.jwk, json!({*name: 65537})));
            assert_eq!(wrong, Err(JwkError::WrongType(name)));
            let value = signer.jwk[*name].as_str().unwrap();
            for bad in [
                format!("{value}="),
                format!("{value}\n"),
                format!("+{value}"),
                "".into(),
            ] {
                let refused = read(&with(&signer.jwk, json!({*name: bad})));
                assert_eq!(refused, Err(JwkError::Encoding(name)), "{bad:?}");
            }
        }
    }
    for jwk in [json!(null), json!([]), json!("x"), json!(1)] {
        assert_eq!(read(&jwk), Err(JwkError::NotAnObject));
    }
}

#[test]
fn a_point_has_the_curves_length_and_is_on_it() {
    for signer in [&P256, &P384, &P521, &SECP256K1] {
        let jwk = |members| read(&with(&signer.jwk, members));
        let x = bytes(&signer.jwk["x"]);
        assert!(jwk(json!({})).is_ok());
        for name in ["x", "y"] {
            let value = bytes(&signer.jwk[name]);
            let longer = [&[0], value.as_slice()].concat();
            let refused = jwk(json!({name: encoded(longer)}));
            assert_eq!(refused, Err(JwkError::Length(name)));
            let refused = jwk(json!({name: encoded(&value[1..])}));
            assert_eq!(refused, Err(JwkError::Length(name)));
            let refused = jwk(json!({name: encoded(vec![0xff; value.len()])}));
            assert_eq!(refused, Err(JwkError::PointInvalid), "not below the prime");
        }
        let zero = encoded(vec![0; x.len()]);
        assert_eq!(
            jwk(json!({"x": zero, "y": zero})),
            Err(JwkError::PointInvalid)
        );
        assert_eq!(jwk(json!({"y": encoded(&x)})), Err(JwkError::PointInvalid));
        assert_eq!(jwk(json!({"crv": null})), Err(JwkError::Missing("crv")));
        for crv in ["P-224", "Ed25519", "p-256", "P-256K", "X25519"] {
            assert_eq!(jwk(json!({"crv": crv})), Err(JwkError::Curve), "{crv}");
        }
    }
    let other = read(&with(&P256.jwk, json!({"crv": "secp256k1"})));
    assert_eq!(other, Err(JwkError::PointInvalid));
    assert_eq!(
        read(&with(&P256.jwk, json!({"crv": "P-384"}))),
        Err(JwkError::Length("x"))
    );
}

#[test]
fn an_octet_key_pair_is_ed25519_with_32_bytes() {
    let jwk = |members| read(&with(&ED25519.jwk, members));
    assert!(jwk(json!({})).is_ok());
    for crv in ["Ed448", "X25519", "X448", "ed25519", "P-256"] {
        assert_eq!(jwk(json!({"crv": crv})), Err(JwkError::Curve), "{crv}");
    }
    for length in [1, 31, 33, 44, 57] {
        let x = encoded(vec![7; length]);
        assert_eq!(jwk(json!({"x": x})), Err(JwkError::Length("x")), "{length}");
    }
}

#[test]
fn a_secret_is_as_long_as_its_hash() {
    let jwk = |length: usize| json!({"kty": "oct", "k": encoded(vec![7; length])});
    for (length, expected) in [
        (32, "HS256"),
        (47, "HS256"),
        (48, "HS256, HS384"),
        (63, "HS256, HS384"),
        (64, "HS256, HS384, HS512"),
        (500, "HS256, HS384, HS512"),
    ] {
        assert_eq!(algorithms(&jwk(length)), expected, "{length}");
        let shared = Key::from_shared_secret(&vec![7; length]).unwrap();
        assert_eq!(shared.algorithms().to_string(), expected);
        assert_eq!(shared.kid(), None);
    }
    for (alg, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        assert_eq!(algorithms(&with(&jwk(least), json!({"alg": alg}))), alg);
        let found = least - 1;
        let refused = read(&with(&jwk(found), json!({"alg": alg})));
        assert_eq!(refused, Err(JwkError::SecretTooShort { found, least }));
    }
    for length in [0, 1, 31] {
        let refused = Key::from_shared_secret(&vec![7; length]).unwrap_err();
        assert_eq!(
            refused,
            JwkError::SecretTooShort {
                found: length,
                least: 32
            }
        );
    }
}

#[test]
fn a_secret_is_refused_where_keys_are_published() {
    let refused = Key::from_jwk(&SECRET.jwk, Symmetric::Refused).unwrap_err();
    assert_eq!(refused, JwkError::SymmetricRefused);
    assert!(Key::from_jwk(&P256.jwk, Symmetric::Refused).is_ok());
}

#[test]
fn a_key_is_printed_without_its_material() {
    let named = with(&SECRET.jwk, json!({"kid": "s1"}));
    let key = Key::from_jwk(&named, Symmetric::Allowed).unwrap();
    assert_eq!(format!("{key:?}"), "Key(Some(\"s1\"), HS256, HS384, HS512)");
}
