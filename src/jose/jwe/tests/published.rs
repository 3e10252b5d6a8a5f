//! Published vectors: RFC 7516 appendix A, RFC 7518 appendix C, RFC 7520 section 5, Wycheproof. What they
//! encrypt are no tokens, so that these tests reach past the check of `cty` and of the content.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::{
    ContentEncryption, HeldKey, JweError, KeyManagement, Keychain, PrivateKey, compact, decrypt,
};

/// A file of `tests/vectors/`.
macro_rules! vectors {
    ($file:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../../tests/vectors/", $file)))
            .unwrap()
    };
}

pub(super) fn keychain(key: PrivateKey) -> Keychain {
    Keychain::new([HeldKey {
        key,
        name: "the key".into(),
        issuer: None,
        algorithms: Arc::new(KeyManagement::ALL),
        encryptions: Arc::new(ContentEncryption::ALL),
    }])
}

/// What is inside `token`, whatever it is.
fn open(token: &str, keychain: &Keychain) -> Result<Vec<u8>, JweError> {
    let encrypted = compact::read(token.as_bytes(), |_| Ok(()))?;
    let keys = keychain.find(encrypted.header())?;
    decrypt::try_each(&encrypted, &keys).map(|decrypted| decrypted.nested().to_vec())
}

/// The token with one character of each part changed in turn, such that it still decodes.
fn corrupted(token: &str) -> impl Iterator<Item = String> {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    (0..parts.len())
        .filter(|part| !token.split('.').nth(*part).unwrap().is_empty())
        .map(move |part| {
            let mut parts = parts.clone();
            let middle = parts[part].len() / 2;
            let other = if &parts[part][middle..=middle] == "A" {
                "B"
            } else {
                "A"
            };
            parts[part].replace_range(middle..=middle, other);
            parts.join(".")
        })
}

#[test]
fn rfc_7516_appendix_a() {
    for example in vectors!("rfc7516/appendix_a.json").as_array().unwrap() {
        let (name, token) = (&example["name"], example["compact"].as_str().unwrap());
        if example["key"].is_null() {
            let refused = compact::read(token.as_bytes(), |_| Ok(())).unwrap_err();
            assert_eq!(refused, JweError::Unsupported("alg"), "{name}");
            continue;
        }
        let keychain = keychain(PrivateKey::from_jwk(&example["key"]).unwrap());
        let plaintext = open(token, &keychain).unwrap();
        assert_eq!(
            plaintext,
            example["plaintext"].as_str().unwrap().as_bytes(),
            "{name}"
        );
        assert!(
            corrupted(token).all(|token| open(&token, &keychain).is_err()),
            "{name}"
        );
        // The same token, where only tokens are decrypted.
        assert_eq!(
            compact::parse(token.as_bytes()).unwrap_err(),
            JweError::ContentType
        );
        let encrypted = compact::read(token.as_bytes(), |_| Ok(())).unwrap();
        let keys = keychain.find(encrypted.header()).unwrap();
        assert_eq!(
            decrypt::decrypt(&encrypted, &keys).unwrap_err(),
            JweError::NotSigned
        );
    }
}

#[test]
fn rfc_7518_appendix_c() {
    let bob = PrivateKey::from_jwk(&json!({
        "kty": "EC", "crv": "P-256",
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
        "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
    }))
    .unwrap();
    let header = json!({
        "alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i",
        "epk": {
            "kty": "EC", "crv": "P-256",
            "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        },
    });
    let header = super::super::JweHeader::parse(header.to_string().as_bytes()).unwrap();
    let super::super::key::Material::Agreement(own) = &bob.material else {
        panic!("not a key for agreement")
    };
    let agreement = header.agreement.as_ref().unwrap();
    let derive = |id| super::super::agreement::derive(own, agreement, id, 16).unwrap();
    assert_eq!(
        URL_SAFE_NO_PAD.encode(derive("A128GCM")),
        "VqqN6vgjbSBcIijNcacQGg"
    );
    assert_ne!(derive("A192GCM"), derive("A128GCM"));
}

#[test]
fn rfc_7520_section_5() {
    for (example, outcome) in [
        (
            vectors!("rfc7520/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json"),
            Err(JweError::Unsupported("alg")),
        ),
        (
            vectors!("rfc7520/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json"),
            Ok(()),
        ),
        (
            vectors!("rfc7520/5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json"),
            Err(JweError::Unsupported("alg")),
        ),
        (
            vectors!(
                "rfc7520/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json"
            ),
            Ok(()),
        ),
        (
            vectors!("rfc7520/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json"),
            Ok(()),
        ),
        (
            vectors!("rfc7520/5_6.direct_encryption_using_aes-gcm.json"),
            Ok(()),
        ),
        (
            vectors!("rfc7520/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json"),
            Err(JweError::Unsupported("alg")),
        ),
        (
            vectors!("rfc7520/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json"),
            Ok(()),
        ),
        (
            vectors!("rfc7520/5_9.compressed_content.json"),
            Err(JweError::Compressed),
        ),
    ] {
        let file = &example["title"];
        let token = example["output"]["compact"].as_str().unwrap();
        if let Err(error) = outcome {
            let refused = compact::read(token.as_bytes(), |_| Ok(())).unwrap_err();
            assert_eq!(refused, error, "{file}");
            continue;
        }
        let keychain = keychain(PrivateKey::from_jwk(&example["input"]["key"]).unwrap());
        let plaintext = open(token, &keychain).unwrap();
        let expected = example["input"]["plaintext"].as_str().unwrap();
        assert_eq!(plaintext, expected.as_bytes(), "{file}");
        assert!(
            corrupted(token).all(|token| open(&token, &keychain).is_err()),
            "{file}"
        );
    }
}

#[test]
fn wycheproof() {
    let suite = vectors!("wycheproof/json_web_encryption_test.json");
    let skips = include_str!("../../../../tests/vectors/skips.toml");
    let mut skips: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(skips).unwrap();
    let mut skips = skips.remove("json_web_encryption_test").unwrap();
    let (mut seen, mut wrong) = (0, Vec::new());
    for group in suite["testGroups"].as_array().unwrap() {
        let key = PrivateKey::from_jwk(&group["private"]);
        let keychain = key.map(keychain);
        for case in group["tests"].as_array().unwrap() {
            seen += 1;
            let outcome = match &keychain {
                Ok(keychain) => {
                    open(case["jwe"].as_str().unwrap(), keychain).map_err(|e| e.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            if let Ok(plaintext) = &outcome {
                let hex: String = plaintext.iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(case["pt"], hex, "{case}");
            }
            let agrees = outcome.is_ok() == (case["result"] == "valid");
            let skip = skips.remove(&case["tcId"].to_string());
            match (agrees, skip) {
                (true, None) => {}
                (true, Some(reason)) => wrong.push(format!("{case}: stale skip: {reason}")),
                (false, Some(reason)) => assert!(reason.len() > 20, "{case}: say why"),
                (false, None) => {
                    wrong.push(format!("{} {}: {outcome:?}", case["tcId"], case["comment"]))
                }
            }
        }
    }
    assert_eq!(suite["numberOfTests"], seen);
    assert!(
        skips.is_empty(),
        "skips of vectors that are not there: {skips:?}"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
