//! Encrypted tokens: what is inside goes the way of every other token, and what cannot be opened is
//! refused in one way.

use std::{fs, sync::OnceLock};

use serde_json::{Value, json};

use super::harness::{
    Builder, Envelope, ISSUER, NOW, Recipient, Signer, Stage, Token, get, mint, refused,
};

const ENCRYPTIONS: [&str; 6] = [
    "A128GCM",
    "A192GCM",
    "A256GCM",
    "A128CBC-HS256",
    "A192CBC-HS384",
    "A256CBC-HS512",
];

const AGREEMENTS: [&str; 4] = [
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
];

fn rsa() -> &'static Recipient {
    static RECIPIENT: OnceLock<Recipient> = OnceLock::new();
    RECIPIENT.get_or_init(|| Recipient::rsa("rsa"))
}

fn kw() -> &'static Recipient {
    static RECIPIENT: OnceLock<Recipient> = OnceLock::new();
    RECIPIENT.get_or_init(|| Recipient::secret("kw", "A128KW", 16))
}

fn ec() -> &'static Recipient {
    static RECIPIENT: OnceLock<Recipient> = OnceLock::new();
    RECIPIENT.get_or_init(|| Recipient::on("ec", "P-256"))
}

/// A stage with [`rsa`], [`kw`] and [`ec`] for the keys of every issuer.
fn builder() -> Builder {
    let builder = Stage::builder();
    write(&builder, "rsa.pem", &rsa().pem());
    write(
        &builder,
        "keys.json",
        &json!({"keys": [kw().jwk(), ec().jwk()]}).to_string(),
    );
    builder.with("[decryption]\nprivate_key_file = [\"rsa.pem\", \"keys.json\"]\n")
}

fn write(builder: &Builder, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = builder.directory().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// One good envelope for each way to a key: by an operation with a private key, by a secret.
fn envelopes() -> [Envelope<'static>; 3] {
    [
        Envelope::to(rsa(), "RSA-OAEP-256", "A256GCM"),
        Envelope::to(kw(), "A128KW", "A128CBC-HS256"),
        Envelope::to(ec(), "ECDH-ES", "A128GCM"),
    ]
}

fn accepts(stage: &Stage, token: &str) {
    let seen = stage.allows(&get("/").bearer(token));
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
}

#[test]
fn each_algorithm_with_each_encryption_is_decrypted() {
    let rsa = Recipient::rsa("rsa");
    let curves = ["P-256", "P-384", "P-521", "X25519"].map(|crv| Recipient::on(crv, crv));
    let wraps = [("A128KW", 16), ("A192KW", 24), ("A256KW", 32)]
        .map(|(alg, length)| (alg, Recipient::secret(alg, alg, length)));
    let direct = [
        ("A128GCM", 16),
        ("A192GCM", 24),
        ("A256GCM", 32),
        ("A128CBC-HS256", 32),
        ("A192CBC-HS384", 48),
        ("A256CBC-HS512", 64),
    ]
    .map(|(enc, length)| (enc, Recipient::secret(enc, enc, length)));
    let keys = curves
        .iter()
        .chain(wraps.iter().map(|w| &w.1))
        .chain(direct.iter().map(|d| &d.1));
    let keys: Vec<Value> = keys.map(Recipient::jwk).collect();
    let builder = Stage::builder();
    write(&builder, "rsa.pem", &rsa.pem());
    write(&builder, "keys.json", &json!({ "keys": keys }).to_string());
    let stage = builder
        .with("[decryption]\nprivate_key_file = [\"rsa.pem\", \"keys.json\"]\n")
        .start();
    let mut envelopes = Vec::new();
    for enc in ENCRYPTIONS {
        envelopes.extend(["RSA-OAEP", "RSA-OAEP-256"].map(|alg| Envelope::to(&rsa, alg, enc)));
        for curve in &curves {
            envelopes.extend(AGREEMENTS.map(|alg| Envelope::to(curve, alg, enc)));
        }
        envelopes.extend(wraps.iter().map(|(alg, key)| Envelope::to(key, alg, enc)));
    }
    envelopes.extend(
        direct
            .iter()
            .map(|(enc, key)| Envelope::to(key, "dir", enc)),
    );
    assert_eq!(envelopes.len(), 6 * (2 + 16 + 3) + 6);
    for envelope in envelopes {
        accepts(&stage, &envelope.seal(mint::token().sign()));
        // As good an envelope as any, and the signature inside is not the issuer's.
        let forged = envelope.seal(Token::of(mint::stranger()).sign());
        stage.rejects_text(&forged, "signature_invalid");
    }
}

#[test]
fn what_is_inside_is_checked_like_every_other_token() {
    let stage = builder().start();
    for envelope in envelopes() {
        accepts(&stage, &envelope.seal(mint::token().sign()));
        for (token, code) in [
            (mint::token().claim("exp", NOW - 3600), "token_expired"),
            (
                mint::token().claim("aud", "https://other.example"),
                "audience_not_allowed",
            ),
            (
                mint::token().claim("iss", "https://other.example"),
                "issuer_unknown",
            ),
            (mint::token().header("alg", "none"), "algorithm_not_allowed"),
            (
                mint::token().header("typ", "logout+jwt"),
                "type_not_allowed",
            ),
            (mint::token().header("kid", "unknown"), "key_not_found"),
            (mint::token().without("sub"), "claim_missing"),
        ] {
            stage.rejects_text(&envelope.seal(token.sign()), code);
        }
    }
}

#[test]
fn without_a_key_every_encrypted_token_is_refused() {
    let stage = Stage::new();
    for envelope in envelopes() {
        stage.rejects_text(&envelope.seal(mint::token().sign()), "decryption_failed");
    }
    stage.accepts(&mint::token());
}

#[test]
fn only_a_signed_token_may_be_inside() {
    let stage = builder().start();
    let token = mint::token();
    for envelope in envelopes() {
        accepts(&stage, &envelope.seal(token.sign()));
        // A claims set that nobody signed, an encrypted token, text, and a token that says it is unsigned.
        let unsigned = token.payload_text();
        let again = envelope.seal(token.sign());
        for inside in [unsigned.as_str(), &again, "", "text", "..", "a.b"] {
            stage.rejects_text(
                &envelope.seal(inside),
                if inside == ".." {
                    "token_malformed"
                } else {
                    "decryption_failed"
                },
            );
        }
        let none = mint::encoded(r#"{"alg":"none"}"#);
        let none = format!("{none}.{}.", mint::encoded(&unsigned));
        stage.rejects_text(&envelope.seal(none), "algorithm_not_allowed");
        for cty in ["", "text/plain", "json", "JWT;x", "application/at+jwt"] {
            let other = envelope.clone().header("cty", cty);
            stage.rejects_text(&other.seal(token.sign()), "decryption_failed");
        }
        let without = envelope.clone().without_header("cty");
        stage.rejects_text(&without.seal(token.sign()), "decryption_failed");
        for cty in ["jwt", "application/jwt", "APPLICATION/JWT"] {
            let same = envelope.clone().header("cty", cty);
            accepts(&stage, &same.seal(token.sign()));
        }
    }
}

/// Whatever is wrong with it, the answer is the same.
#[test]
fn a_token_that_was_touched_is_refused_in_one_way() {
    let stage = builder().start();
    let mut answers = Vec::new();
    for envelope in envelopes() {
        let good = envelope.seal(mint::token().sign());
        accepts(&stage, &good);
        let parts: Vec<&str> = good.split('.').collect();
        for part in 0..5 {
            let (old, mut changed) = (parts[part], Vec::new());
            if !old.is_empty() {
                let middle = old.len() / 2;
                let other = if &old[middle..=middle] == "A" {
                    "B"
                } else {
                    "A"
                };
                changed.push(format!("{}{other}{}", &old[..middle], &old[middle + 1..]));
                changed.push(old[..old.len() / 8 * 4].to_owned());
                changed.push(String::new());
            }
            changed.push(format!("AAAA{old}"));
            changed.push(mint::encoded([7; 256]));
            for new in changed {
                let mut touched = parts.clone();
                touched[part] = &new;
                let touched = touched.join(".");
                let response = stage.refuses(&get("/").bearer(&touched), 401, "decryption_failed");
                let mut problem = response.json();
                problem["request_id"] = Value::Null;
                let challenge = response.field("www-authenticate").unwrap().to_owned();
                answers.push((problem.to_string(), challenge));
            }
        }
        accepts(&stage, &good);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn a_signed_token_passes_unless_encryption_is_required() {
    let optional = builder().start();
    optional.accepts(&mint::token());
    let required = builder().with("[decryption]\nrequired = true\n").start();
    required.rejects(&mint::token(), "encryption_required");
    let inside = mint::token().sign();
    required.rejects_text(&inside, "encryption_required");
    for envelope in envelopes() {
        accepts(&required, &envelope.seal(&inside));
    }
    // What was inside an encrypted token is no token of its own.
    required.rejects_text(&inside, "encryption_required");
}

#[test]
fn an_issuer_may_require_what_others_need_not_and_the_other_way_round() {
    let stage = builder().issuer("decryption = { required = true }").start();
    stage.rejects(&mint::token(), "encryption_required");
    accepts(&stage, &envelopes()[0].seal(mint::token().sign()));
    let stage = builder()
        .with("[decryption]\nrequired = true\n")
        .issuer("decryption = { required = false }")
        .start();
    stage.accepts(&mint::token());
}

#[test]
fn what_could_cost_much_is_refused_by_its_header() {
    let stage = builder().start();
    let inside = mint::token().sign();
    for envelope in envelopes() {
        for (name, value) in [
            ("zip", json!("DEF")),
            ("zip", json!("")),
            ("alg", json!("RSA1_5")),
            ("alg", json!("PBES2-HS256+A128KW")),
            ("alg", json!("PBES2-HS512+A256KW")),
            ("alg", json!("A128GCMKW")),
            ("alg", json!("none")),
            ("alg", json!(["dir"])),
            ("enc", json!("none")),
            ("enc", json!("A128CBC")),
            ("crit", json!(["exp"])),
            ("crit", json!(["zip"])),
            ("crit", json!([])),
            ("b64", json!(false)),
        ] {
            let bad = envelope
                .clone()
                .header(name, value)
                .header("p2c", 2_147_483_648_u32);
            let bad = bad.header("p2s", "AAAAAAAAAAA").header("exp", 1);
            stage.rejects_text(&bad.seal(&inside), "decryption_failed");
        }
    }
    let kw = Envelope::to(kw(), "A128KW", "A128GCM");
    let good = r#"{"alg":"A128KW","enc":"A128GCM","cty":"JWT"}"#;
    accepts(&stage, &kw.clone().raw_header(good).seal(&inside));
    for header in [
        r#"{"alg":"A128KW","alg":"A128KW","enc":"A128GCM","cty":"JWT"}"#,
        r#"{"\u0061lg":"A128KW","alg":"A128KW","enc":"A128GCM","cty":"JWT"}"#,
        r#"{"alg":"A128KW","enc":"A128GCM","cty":"JWT"} "x""#,
    ] {
        stage.rejects_text(
            &kw.clone().raw_header(header).seal(&inside),
            "decryption_failed",
        );
    }
}

#[test]
fn an_ephemeral_key_must_be_on_its_curve() {
    let stage = builder().start();
    let envelope = Envelope::to(ec(), "ECDH-ES", "A128GCM");
    let coordinate = |byte: u8| mint::encoded([byte; 32]);
    for epk in [
        json!({"kty": "EC", "crv": "P-256", "x": coordinate(0), "y": coordinate(0)}),
        json!({"kty": "EC", "crv": "P-256", "x": coordinate(7), "y": coordinate(7)}),
        json!({"kty": "EC", "crv": "P-256", "x": coordinate(255), "y": coordinate(255)}),
        json!({"kty": "OKP", "crv": "X25519", "x": coordinate(0)}),
        json!({"kty": "OKP", "crv": "X25519", "x": coordinate(9)}),
        json!(null),
    ] {
        let bad = envelope.clone().header("epk", epk);
        stage.rejects_text(&bad.seal(mint::token().sign()), "decryption_failed");
    }
    accepts(&stage, &envelope.seal(mint::token().sign()));
    // A point of small order makes the secret zero, whoever has the key.
    let own = Recipient::on("x", "X25519");
    let builder = Stage::builder();
    write(&builder, "x.json", &own.jwk().to_string());
    let stage = builder
        .with("[decryption]\nprivate_key_file = \"x.json\"\n")
        .start();
    let envelope = Envelope::to(&own, "ECDH-ES", "A128GCM");
    accepts(&stage, &envelope.seal(mint::token().sign()));
    let zero = json!({"kty": "OKP", "crv": "X25519", "x": coordinate(0)});
    let bad = envelope.header("epk", zero).seal(mint::token().sign());
    stage.rejects_text(&bad, "decryption_failed");
}

#[test]
fn a_key_is_found_by_its_kid_else_by_what_it_fits() {
    let stage = builder().start();
    let inside = mint::token().sign();
    for envelope in envelopes() {
        accepts(
            &stage,
            &envelope.clone().without_header("kid").seal(&inside),
        );
    }
    // The RSA key has none of its own, the others have.
    accepts(
        &stage,
        &envelopes()[0].clone().header("kid", "other").seal(&inside),
    );
    for envelope in &envelopes()[1..] {
        let other = envelope.clone().header("kid", "other");
        stage.rejects_text(&other.seal(&inside), "decryption_failed");
    }
    let stranger = Recipient::rsa("rsa");
    let foreign = Envelope::to(&stranger, "RSA-OAEP-256", "A256GCM").seal(&inside);
    stage.rejects_text(&foreign, "decryption_failed");
}

#[test]
fn the_configuration_narrows_what_is_decrypted() {
    let keys = "algorithms = [\"A128KW\", \"RSA-OAEP-256\"]\nencryptions = [\"A128CBC-HS256\"]\n";
    let stage = builder().with(&format!("[decryption]\n{keys}")).start();
    let inside = mint::token().sign();
    accepts(
        &stage,
        &Envelope::to(kw(), "A128KW", "A128CBC-HS256").seal(&inside),
    );
    accepts(
        &stage,
        &Envelope::to(rsa(), "RSA-OAEP-256", "A128CBC-HS256").seal(&inside),
    );
    for other in [
        Envelope::to(rsa(), "RSA-OAEP", "A128CBC-HS256"),
        Envelope::to(kw(), "A128KW", "A128GCM"),
        Envelope::to(ec(), "ECDH-ES", "A128CBC-HS256"),
    ] {
        stage.rejects_text(&other.seal(&inside), "decryption_failed");
    }
}

#[test]
fn an_issuers_own_key_decrypts_its_own_tokens_only() {
    let other = Signer::ec("other-1", "ES256");
    let own = Recipient::secret("own", "A128KW", 16);
    let builder = builder();
    write(&builder, "own.json", &own.jwk().to_string());
    let jwks = json!({"keys": [other.jwk()]}).to_string();
    write(&builder, "other.json", &jwks);
    let stage = builder
        .with("[issuers.\"https://other.example\"]\njwks_file = \"other.json\"\naudiences = [\"ALL_AUDIENCES\"]\n")
        .issuer("decryption = { private_key_file = \"own.json\", encryptions = [\"A128GCM\"] }")
        .start();
    let theirs = Token::of(&other).claim("iss", "https://other.example");
    let envelope = Envelope::to(&own, "A128KW", "A128GCM");
    accepts(&stage, &envelope.seal(mint::token().sign()));
    stage.rejects_text(&envelope.seal(theirs.sign()), "decryption_failed");
    // The common keys are for both, and the issuer's own rule holds for its own key.
    for envelope in envelopes() {
        accepts(&stage, &envelope.seal(mint::token().sign()));
        accepts(&stage, &envelope.seal(theirs.sign()));
    }
    let cbc = Envelope::to(&own, "A128KW", "A128CBC-HS256");
    stage.rejects_text(&cbc.seal(mint::token().sign()), "decryption_failed");
    assert!(ISSUER.starts_with("https://"));
}

#[test]
fn a_token_is_decrypted_once_and_checked_every_time() {
    let stage = builder().start();
    let token = envelopes()[0].seal(mint::token().sign());
    accepts(&stage, &token);
    let metrics = stage.gateway.running().gateway().metrics();
    let misses = metrics.token_cache_misses.get();
    for _ in 0..3 {
        accepts(&stage, &token);
    }
    assert_eq!(metrics.token_cache_misses.get(), misses);
    // The signed token inside was never sent as it is: nothing is remembered of it.
    stage.accepts(&mint::token());
    assert_eq!(metrics.token_cache_misses.get(), misses + 1);
    stage.clock.advance(3600);
    stage.rejects_text(&token, "token_expired");
}

/// However many tokens there are that nobody can open: requests without one go on, and as soon as
/// there is a place again, so do good ones.
#[test]
fn a_flood_of_garbage_holds_nobody_up() {
    let stage = builder().start();
    let good = envelopes()[0].seal(mint::token().sign());
    let parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    let address = stage.address();
    std::thread::scope(|scope| {
        let floods: Vec<_> = (0_u8..100)
            .map(|number| {
                let mut parts = parts.clone();
                scope.spawn(move || {
                    for round in 0..3 {
                        parts[1] = mint::encoded([number.wrapping_mul(3).wrapping_add(round); 256]);
                        let response = get("/").bearer(parts.join(".")).send(address);
                        match response.status {
                            503 => refused(&response, 503, "overloaded"),
                            _ => refused(&response, 401, "decryption_failed"),
                        }
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            stage.accepts(&mint::token());
            accepts(&stage, &envelopes()[1].seal(mint::token().sign()));
        }
        floods.into_iter().for_each(|flood| flood.join().unwrap());
    });
    accepts(&stage, &good);
    assert_eq!(stage.upstream.count(), 41);
}

#[test]
fn the_length_is_looked_at_first() {
    let stage = builder().start();
    let long = mint::token().claim("text", "x".repeat(4_500)).sign();
    stage.accepts(&mint::token().claim("text", "x".repeat(4_500)));
    for envelope in envelopes() {
        let sealed = envelope.seal(&long);
        assert!(sealed.len() > 8192);
        stage.rejects_text(&sealed, "token_too_large");
    }
}

#[test]
fn explain_shows_the_step_and_nothing_of_what_is_inside() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let jwks = json!({"keys": [mint::es256().jwk()]}).to_string();
    write("jwks.json", &jwks);
    write("rsa.pem", &rsa().pem());
    write(
        "portcullis.toml",
        &format!(
            "[upstream]\nurl = \"http://127.0.0.1:9\"\n\
             [decryption]\nprivate_key_file = \"rsa.pem\"\nrequired = true\n\
             [issuers.\"{ISSUER}\"]\njwks_file = \"jwks.json\"\naudiences = [\"ALL_AUDIENCES\"]\n"
        ),
    );
    let explain = |token: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .current_dir(&folder)
            .args([
                "explain",
                "--format",
                "json",
                "--at",
                &NOW.to_string(),
                token,
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let steps = report["steps"].as_array().unwrap().clone();
        let step = steps
            .into_iter()
            .find(|step| step["step"] == "decryption")
            .unwrap();
        (output.status.code(), report["code"].clone(), step, text)
    };
    let inside = mint::token().sign();
    let [header, payload, signature] = inside.split('.').collect::<Vec<_>>()[..] else {
        panic!("not signed")
    };
    let (exit, code, step, text) = explain(&envelopes()[0].seal(&inside));
    assert_eq!((exit, code), (Some(0), Value::Null), "{text}");
    let detail = "RSA-OAEP-256 and A256GCM with key 1 of rsa.pem";
    assert_eq!(
        step,
        json!({"step": "decryption", "outcome": "pass", "detail": detail})
    );
    for part in [header, payload, signature] {
        assert!(!text.contains(part), "{text}");
    }
    let (exit, code, step, _) = explain(&inside);
    assert_eq!((exit, code), (Some(3), json!("encryption_required")));
    assert_eq!(step["outcome"], "fail");
    let (exit, code, step, _) = explain(&envelopes()[1].seal(&inside));
    assert_eq!((exit, code), (Some(3), json!("decryption_failed")));
    assert_eq!(
        step["detail"],
        "no decryption key is for this token's \"kid\", \"alg\" and \"enc\""
    );
}

#[test]
fn a_remembered_token_ends_with_the_key_that_opened_it() {
    let builder = builder();
    let mut stage = builder.in_a_file().start();
    let signed = mint::token().sign();
    let [rsa, kw, _] = envelopes().map(|envelope| envelope.seal(&signed));
    for _ in 0..2 {
        accepts(&stage, &rsa);
        accepts(&stage, &kw);
    }
    stage.rewrites("[decryption]\nprivate_key_file = \"keys.json\"\n");
    stage.applies();
    stage.refuses(&get("/").bearer(&rsa), 401, "decryption_failed");
    accepts(&stage, &kw);
    accepts(&stage, &signed);
    stage.rewrites("[decryption]\nrequired = true\n");
    stage.applies();
    stage.refuses(&get("/").bearer(&signed), 401, "encryption_required");
    accepts(&stage, &kw);
}
