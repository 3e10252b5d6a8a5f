//! Headers, shapes and encodings that a token must not have.

use super::harness::{Canary, Publish, Signer, Stage, Token, get, mint};
use aws_lc_rs::rsa::KeySize;
use serde_json::{Value, json};

#[test]
fn an_unsigned_token_is_refused_however_it_is_spelt() {
    let stage = Stage::new();
    stage.accepts(&mint::token());
    for none in ["none", "NONE", "nOnE", "None"] {
        let token = mint::token().header("alg", none);
        stage.rejects(&token, "algorithm_not_allowed");
        let signed = token.sign();
        let unsigned = &signed[..=signed.rfind('.').unwrap()];
        stage.rejects_text(unsigned, "algorithm_not_allowed");
    }
    let signed = mint::token().sign();
    let cut = &signed[..=signed.rfind('.').unwrap()];
    stage.rejects_text(cut, "token_malformed");
}

#[test]
fn a_public_key_is_no_secret() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let stage = Stage::new();
    let [pkcs1, x509] = mint::rsa().public_ders();
    let pem = |label: &str, der: &[u8]| {
        let text = STANDARD.encode(der);
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let lines: Vec<_> = lines.collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
    };
    let jwk = mint::rsa().jwk();
    let secrets = [
        pem("PUBLIC KEY", &x509).into_bytes(),
        pem("PUBLIC KEY", &x509).trim_end().into(),
        pem("RSA PUBLIC KEY", &pkcs1).into_bytes(),
        jwk.to_string().into_bytes(),
        jwk["n"].as_str().unwrap().into(),
        pkcs1,
        x509,
    ];
    for secret in secrets {
        let forger = Signer::secret("rsa-1", secret);
        for algorithm in ["HS256", "HS384", "HS512"] {
            let token = Token::of(&forger).algorithm(algorithm);
            stage.rejects(&token, "algorithm_not_allowed");
        }
    }
    stage.accepts(&Token::of(mint::rsa()));
}

#[test]
fn the_algorithm_is_one_of_the_issuers() {
    let stage = Stage::with_issuer("algorithms = [\"RS256\", \"PS512\"]");
    stage.accepts(&Token::of(mint::rsa()));
    stage.accepts(&Token::of(mint::rsa()).algorithm("PS512"));
    stage.rejects(
        &Token::of(mint::rsa()).algorithm("PS256"),
        "algorithm_not_allowed",
    );
    stage.rejects(&mint::token(), "algorithm_not_allowed");
}

#[test]
fn the_algorithm_is_there_and_a_known_name() {
    let stage = Stage::new();
    stage.rejects(&mint::token().without_header("alg"), "token_malformed");
    for alg in [
        json!(256),
        json!(["ES256"]),
        json!(null),
        json!({"ES256": 1}),
        json!(true),
    ] {
        stage.rejects(&mint::token().header("alg", alg), "token_malformed");
    }
    for alg in [
        "", "es256", "ES256 ", "ES25", "Ed448", "RSA-OAEP", "dir", "HS1",
    ] {
        stage.rejects(&mint::token().header("alg", alg), "algorithm_not_allowed");
    }
    stage.upstream.saw_nothing();
}

#[test]
fn each_algorithm_goes_with_its_own_key_only() {
    let signers = [
        (
            Signer::rsa("rsa", KeySize::Rsa2048),
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..],
        ),
        (Signer::ec("p256", "ES256"), &["ES256"]),
        (Signer::ec("p384", "ES384"), &["ES384"]),
        (Signer::ec("p521", "ES512"), &["ES512"]),
        (Signer::ec("k256", "ES256K"), &["ES256K"]),
        (Signer::ed25519("ed"), &["EdDSA", "Ed25519"]),
        (Signer::ml_dsa("pq44", "ML-DSA-44"), &["ML-DSA-44"]),
        (Signer::ml_dsa("pq65", "ML-DSA-65"), &["ML-DSA-65"]),
        (Signer::ml_dsa("pq87", "ML-DSA-87"), &["ML-DSA-87"]),
    ];
    let all: Vec<_> = signers.iter().map(|(signer, _)| signer).collect();
    let stage = Stage::builder().publishing(&all).start();
    let names = signers.iter().flat_map(|(_, own)| own.iter().copied());
    let names: Vec<&str> = names.collect();
    for (signer, own) in &signers {
        for name in &names {
            if own.contains(name) {
                stage.accepts(&Token::of(signer).algorithm(name));
                continue;
            }
            // Signed by the key as it can, under another algorithm's name.
            let token = Token::of(signer).algorithm(own[0]).header("alg", *name);
            stage.rejects(&token, "key_not_found");
            let token = token.without_header("kid");
            stage.rejects(&token, "signature_invalid");
        }
    }
}

#[test]
fn a_shared_secret_is_for_hmac_only() {
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let signer = Signer::secret("any", secret);
    let stage = Stage::builder()
        .without_issuers("jwks_uri")
        .issuer(&format!(
            "shared_secret = \"{secret}\"\nalgorithms = [\"HS256\", \"HS512\"]"
        ))
        .start();
    let token = |alg: &str| Token::of(&signer).algorithm(alg);
    stage.accepts(&token("HS256"));
    stage.accepts(&token("HS512"));
    stage.rejects(&token("HS384"), "algorithm_not_allowed");
    stage.rejects(&mint::token(), "algorithm_not_allowed");
    let other = Signer::secret("any", secret.replace('0', "1"));
    stage.rejects(&Token::of(&other), "signature_invalid");
}

#[test]
fn a_token_does_not_bring_its_own_key() {
    let stage = Stage::new();
    let forged = Token::of(mint::stranger());
    let jwk = mint::stranger().jwk();
    stage.rejects(
        &forged.clone().header("jwk", jwk.clone()),
        "signature_invalid",
    );
    stage.rejects(
        &forged.clone().header("x5c", json!(["MIIB"])),
        "signature_invalid",
    );
    let unnamed = forged.header("jwk", jwk).without_header("kid");
    stage.rejects(&unnamed, "signature_invalid");
    stage.accepts(&mint::token());
}

#[test]
fn a_token_does_not_say_where_its_key_is() {
    let (stage, canary) = (Stage::new(), Canary::start());
    let url = format!("http://{}/jwks.json", canary.address());
    let forged = Token::of(mint::stranger());
    for name in ["jku", "x5u"] {
        stage.rejects(&forged.clone().header(name, &*url), "signature_invalid");
        // What is not read does no harm to a token that is good.
        stage.accepts(&mint::token().header(name, &*url));
    }
    stage.rejects(&forged.header("kid", &*url), "key_not_found");
    assert!(canary.is_alive(), "somebody followed the token's word");
}

#[test]
fn a_kid_is_a_name_and_nothing_else() {
    let stage = Stage::new();
    let kids = [
        "../../../../etc/passwd",
        "/dev/null",
        "x' OR '1'='1",
        "es256-1\u{0}",
        "ES256-1",
        "es256-1 ",
        "",
        "*",
    ];
    for kid in kids {
        stage.rejects(&mint::token().header("kid", kid), "key_not_found");
    }
    for kid in [
        json!(["es256-1"]),
        json!(1),
        json!(null),
        json!({"kid": "es256-1"}),
    ] {
        stage.rejects(&mint::token().header("kid", kid), "token_malformed");
    }
    stage.accepts(&mint::token());
}

#[test]
fn without_a_kid_a_few_keys_are_tried() {
    let signers: Vec<_> = (0..6)
        .map(|n| Signer::ec(&format!("k{n}"), "ES256"))
        .collect();
    let all: Vec<_> = signers.iter().collect();
    let stage = Stage::builder().publishing(&all).start();
    for (number, signer) in signers.iter().enumerate() {
        stage.accepts(&Token::of(signer));
        let unnamed = Token::of(signer).without_header("kid");
        if number < 4 {
            stage.accepts(&unnamed);
        } else {
            stage.rejects(&unnamed, "signature_invalid");
        }
    }
}

#[test]
fn critical_headers_are_understood_or_refused() {
    let stage = Stage::with_issuer("critical = [\"urn:known\"]");
    let with = |crit: Value| mint::token().header("crit", crit).header("urn:known", 1);
    stage.accepts(&with(json!(["urn:known"])));
    for crit in [
        json!(["urn:other"]),
        json!(["urn:known", "urn:other"]),
        json!(["urn:known", "urn:known"]),
        json!([]),
        json!("urn:known"),
        json!({"urn:known": 1}),
        json!([1]),
        json!(null),
        json!(["alg"]),
        json!(["typ"]),
        json!(["urn:absent"]),
    ] {
        stage.rejects(&with(crit), "critical_header_unsupported");
    }
    let present = mint::token()
        .header("crit", json!(["urn:other"]))
        .header("urn:other", 1);
    stage.rejects(&present, "critical_header_unsupported");
    let nowhere = Stage::new();
    nowhere.rejects(&with(json!(["urn:known"])), "critical_header_unsupported");
}

#[test]
fn a_payload_is_always_encoded() {
    let stage = Stage::new();
    stage.accepts(&mint::token().header("b64", true));
    for b64 in [json!(false), json!("true"), json!(0), json!(null)] {
        let token = mint::token().header("b64", b64);
        stage.rejects(&token, "critical_header_unsupported");
        let critical = token.header("crit", json!(["b64"]));
        stage.rejects(&critical, "critical_header_unsupported");
    }
}

#[test]
fn a_token_of_another_type_is_refused() {
    let stage = Stage::new();
    for typ in [
        "JWT",
        "jwt",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/JWT",
    ] {
        stage.accepts(&mint::token().header("typ", typ));
    }
    stage.accepts(&mint::token().without_header("typ"));
    let others = [
        "logout+jwt",
        "dpop+jwt",
        "application/logout+jwt",
        "secevent+jwt",
        "JOSE",
        "",
        "jwt ",
        "application/application/jwt",
    ];
    for typ in others {
        stage.rejects(&mint::token().header("typ", typ), "type_not_allowed");
    }
    for typ in [json!(1), json!(["JWT"]), json!(null)] {
        stage.rejects(&mint::token().header("typ", typ), "token_malformed");
    }
}

#[test]
fn an_id_token_is_no_access_token() {
    let stage = Stage::with_issuer("types = [\"at+jwt\"]");
    stage.accepts(&mint::token().header("typ", "at+jwt"));
    stage.rejects(&mint::token(), "type_not_allowed");
    stage.rejects(&mint::token().without_header("typ"), "type_not_allowed");
}

#[test]
fn an_encrypted_token_is_refused_without_a_look_into_it() {
    let stage = Stage::new();
    let inner = mint::token().sign();
    for header in [
        json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"}),
        json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}),
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_648_u32, "p2s": "AA"}),
        json!({"alg": "RSA1_5", "enc": "A128CBC-HS256"}),
    ] {
        let part = mint::encoded(header.to_string());
        let inner = mint::encoded(&inner);
        stage.rejects_text(
            &format!("{part}.AAAA.AAAA.{inner}.AAAA"),
            "decryption_failed",
        );
        stage.rejects_text(&format!("{part}..AAAA.{inner}.AAAA"), "decryption_failed");
        // The same header on three parts is no way around the signature.
        let signed = mint::token().raw_header(header.to_string());
        stage.rejects(&signed, "algorithm_not_allowed");
    }
    let both = mint::token().header("enc", "A256GCM");
    stage.rejects(&both, "token_malformed");
}

#[test]
fn only_the_compact_serialisation_is_a_token() {
    let stage = Stage::new();
    let good = mint::token().sign();
    let [h, p, s] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let flat = json!({"protected": h, "payload": p, "signature": s}).to_string();
    // A comma never stands in a token: what holds one could be two of them.
    stage.refuses(&get("/").bearer(&flat), 400, "token_ambiguous");
    let one_member = json!({ "jws": good }).to_string();
    stage.rejects_text(&one_member, "token_malformed");
    stage.allows(&get("/").bearer(&good));
}

#[test]
fn a_token_has_three_parts_and_none_is_empty() {
    let stage = Stage::new();
    let good = mint::token().sign();
    let [h, p, s] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    for bad in [
        h.to_owned(),
        format!("{h}.{p}"),
        format!("{h}.{p}.{s}.{s}"),
        format!("{h}.{p}.{s}."),
        format!(".{h}.{p}.{s}"),
        format!(".{p}.{s}"),
        format!("{h}..{s}"),
        format!("{h}.{p}."),
        "..".to_owned(),
        "x".to_owned(),
    ] {
        stage.rejects_text(&bad, "token_malformed");
    }
    stage.upstream.saw_nothing();
}

#[test]
fn a_member_stands_in_an_object_once() {
    let stage = Stage::new();
    let header = mint::token().header_text();
    let payload = mint::token().payload_text();
    let after = |object: &str, member: &str| format!("{},{member}}}", &object[..object.len() - 1]);
    stage.accepts(&mint::token().raw_payload(after(&payload, "\"x\":1")));
    for member in [
        "\"alg\":\"ES256\"",
        "\"\\u0061lg\":\"none\"",
        "\"kid\":\"es256-1\"",
    ] {
        let token = mint::token().raw_header(after(&header, member));
        stage.rejects(&token, "token_malformed");
    }
    for member in [
        "\"sub\":\"root\"",
        "\"\\u0073ub\":\"root\"",
        "\"exp\":99999999999",
        "\"iss\":\"https://idp.example.com/realms/orders\"",
        "\"x\":{\"a\":1,\"a\":2}",
    ] {
        let token = mint::token().raw_payload(after(&payload, member));
        stage.rejects(&token, "token_malformed");
    }
}

#[test]
fn base64url_has_one_spelling() {
    let stage = Stage::new();
    // A header, payload and signature whose lengths leave room for padding and stray bits.
    let token = mint::token().claim("x", "???>>>~~").sign();
    stage.allows(&get("/").bearer(&token));
    let [h, p, s] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(s.len(), 86);
    let last = s.chars().last().unwrap();
    let stray = (b'A'..=b'z')
        .map(char::from)
        .find(|c| c.is_ascii_alphanumeric() && *c != last && same_but_for_low_bits(*c, last));
    let stray = format!("{}{}", &s[..85], stray.unwrap());
    for bad in [
        format!("{h}.{p}.{s}=="),
        format!("{h}=.{p}.{s}"),
        format!("{h}.{p}=.{s}"),
        format!("{h}.{}.{s}", p.replace('-', "+").replace('_', "/") + "+"),
        format!("{h}.{p}.{stray}"),
        format!("{h}.{p}.{s}AAA"),
        format!("{h}.{p}.{s}%3D"),
    ] {
        stage.rejects_text(&bad, "token_malformed");
    }
}

/// Whether two base64url characters differ in their four lowest bits only.
fn same_but_for_low_bits(one: char, other: char) -> bool {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = |c| ALPHABET.find(c).unwrap();
    place(one) >> 4 == place(other) >> 4
}

#[test]
fn header_and_payload_are_plain_json_objects() {
    let stage = Stage::new();
    let header = mint::token().header_text();
    let payload = mint::token().payload_text();
    let deep = |depth: usize| {
        let nest = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        format!("{},\"x\":{nest}}}", &payload[..payload.len() - 1])
    };
    stage.accepts(&mint::token().raw_payload(deep(20)));
    let bad_texts = |text: &str| {
        vec![
            format!("\u{feff}{text}").into_bytes(),
            format!("{text}x").into_bytes(),
            format!("{text}{{}}").into_bytes(),
            format!("{text}\0").into_bytes(),
            text.as_bytes()[1..].to_vec(),
            format!("[{text}]").into_bytes(),
            b"1".to_vec(),
            b"null".to_vec(),
            b"\"text\"".to_vec(),
            [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xff\"}"].concat(),
            format!("{},\"x\":\"\\ud800\"}}", &text[..text.len() - 1]).into_bytes(),
            format!("{},\"x\":NaN}}", &text[..text.len() - 1]).into_bytes(),
            format!("{},}}", &text[..text.len() - 1]).into_bytes(),
        ]
    };
    for bad in bad_texts(&header) {
        stage.rejects(&mint::token().raw_header(bad), "token_malformed");
    }
    for bad in bad_texts(&payload) {
        stage.rejects(&mint::token().raw_payload(bad), "token_malformed");
    }
    for depth in [33, 64, 1000] {
        stage.rejects(&mint::token().raw_payload(deep(depth)), "token_malformed");
    }
}

#[test]
fn a_published_secret_is_no_key() {
    let secret = Signer::secret("oct", vec![7; 32]);
    let stage = Stage::builder()
        .publishing(&[mint::es256(), &secret])
        .start();
    stage.accepts(&mint::token());
    stage.rejects(&Token::of(&secret), "algorithm_not_allowed");
    stage.issuer.does(Publish::Keys(vec![secret.jwk()]));
    stage.gateway.refresh(super::harness::ISSUER);
    stage.rejects(&Token::of(&secret), "algorithm_not_allowed");
}
