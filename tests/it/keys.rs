//! Which keys count, where they come from, and what happens when they do not come.

use std::thread;

use aws_lc_rs::{
    rsa::KeySize,
    signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaPssSaltLength},
};
use serde_json::{Value, json};

use super::harness::{
    Builder, Connection, ISSUER, Issuer, NOW, Publish, Signer, Stage, Token, get, mint, refused,
};

/// `jwk` with a member set.
fn with(jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = jwk;
    jwk[name] = value.into();
    jwk
}

/// A stage whose issuer publishes these JWKs.
fn publishing(jwks: Vec<Value>) -> Stage {
    let builder = Stage::builder();
    builder.issuer_itself().does(Publish::Keys(jwks));
    builder.start()
}

/// What `/status` says of the default issuer.
fn status(stage: &Stage) -> Value {
    let status = get("/status").send(stage.gateway.admin()).json();
    let issuers = status["issuers"].as_array().unwrap();
    issuers
        .iter()
        .find(|issuer| issuer["issuer"] == ISSUER)
        .unwrap()
        .clone()
}

/// Why the keys of the default issuer are not in use.
fn reasons(stage: &Stage) -> Vec<String> {
    let status = status(stage);
    let skipped = status["skipped"].as_array().unwrap();
    skipped
        .iter()
        .map(|key| key["reason"].as_str().unwrap().to_owned())
        .collect()
}

fn refresh(stage: &Stage) {
    stage.gateway.refresh(ISSUER);
}

#[test]
fn a_signature_that_was_touched_is_refused() {
    let stage = Stage::new();
    let signers = [mint::es256(), mint::rsa()];
    for signer in signers {
        let token = Token::of(signer).sign();
        stage.allows(&get("/").bearer(&token));
        let (input, signature) = token.rsplit_once('.').unwrap();
        let good = decode(signature);
        let flipped = |place: usize, bit: u8| {
            let mut bytes = good.clone();
            bytes[place] ^= bit;
            bytes
        };
        let end = good.len() - 1;
        for bad in [
            flipped(0, 1),
            flipped(end / 2, 0x10),
            flipped(end, 0x80),
            good[..end].to_vec(),
            good[1..].to_vec(),
            [&good[..], &[0]].concat(),
            [&[0], &good[..]].concat(),
            good.repeat(2),
            vec![0; good.len()],
            vec![0xff; good.len()],
            vec![1],
        ] {
            let token = format!("{input}.{}", mint::encoded(bad));
            stage.rejects_text(&token, "signature_invalid");
        }
        let other = Token::of(signer).claim("sub", "root").sign();
        let (other, _) = other.rsplit_once('.').unwrap();
        stage.rejects_text(&format!("{other}.{signature}"), "signature_invalid");
    }
}

#[test]
fn ecdsa_has_one_encoding_and_no_edges() {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let stage = Stage::new();
    let token = mint::token().sign();
    stage.allows(&get("/").bearer(&token));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let good = decode(signature);
    let (r, s) = good.split_at(32);
    let n = unhexed(ORDER);
    let (zero, mut one, mut below) = (vec![0; 32], vec![0; 32], n.clone());
    one[31] = 1;
    below[31] -= 1;
    let mut bad: Vec<Vec<u8>> = Vec::new();
    for edge in [&zero, &one, &below, &n] {
        bad.push([edge, s].concat());
        bad.push([r, edge].concat());
        bad.extend([&zero, &one, &below, &n].map(|other| [&edge[..], other].concat()));
    }
    bad.push(der(r, s));
    bad.push([&[0], r, &[0], s].concat());
    for bad in bad {
        let token = format!("{input}.{}", mint::encoded(bad));
        stage.rejects_text(&token, "signature_invalid");
    }
}

#[test]
fn rsa_padding_is_the_algorithms_own() {
    use RsaPssSaltLength::{Custom, Max};
    let stage = Stage::new();
    let rsa = mint::rsa();
    let token = |name: &str, encoding| {
        let unsigned = Token::of(rsa).algorithm(name).sign();
        let (input, _) = unsigned.rsplit_once('.').unwrap();
        let signature = rsa.sign_rsa(encoding, input.as_bytes());
        format!("{input}.{}", mint::encoded(signature))
    };
    stage.allows(&get("/").bearer(token("RS256", &RSA_PKCS1_SHA256)));
    let equal = const { &RSA_PSS_SHA256.with_pss_salt_length(Custom(32)) };
    stage.allows(&get("/").bearer(token("PS256", equal)));
    for (name, encoding) in [
        ("RS256", &RSA_PKCS1_SHA384),
        ("RS256", equal),
        ("PS256", &RSA_PKCS1_SHA256),
        ("PS384", equal),
        (
            "PS256",
            const { &RSA_PSS_SHA256.with_pss_salt_length(Custom(0)) },
        ),
        (
            "PS256",
            const { &RSA_PSS_SHA256.with_pss_salt_length(Custom(31)) },
        ),
        ("PS256", const { &RSA_PSS_SHA256.with_pss_salt_length(Max) }),
    ] {
        stage.rejects_text(&token(name, encoding), "signature_invalid");
    }
}

#[test]
fn a_key_that_is_for_something_else_is_not_used() {
    let jwk = || mint::es256().jwk();
    for (unfit, code) in [
        (with(jwk(), "use", "enc"), "key_not_found"),
        (with(jwk(), "key_ops", json!(["sign"])), "key_not_found"),
        (with(jwk(), "key_ops", json!([])), "key_not_found"),
        (with(jwk(), "key_ops", json!("verify")), "key_not_found"),
        (with(jwk(), "alg", "ES384"), "key_not_found"),
        (with(jwk(), "alg", "ECDH-ES"), "key_not_found"),
        (with(jwk(), "crv", "P-384"), "key_not_found"),
        (with(jwk(), "kty", "OKP"), "key_not_found"),
        (with(jwk(), "kid", 1), "key_not_found"),
        (with(jwk(), "d", "AQAB"), "key_not_found"),
    ] {
        let stage = publishing(vec![unfit.clone(), mint::rsa().jwk()]);
        stage.rejects(&mint::token(), code);
        assert_eq!(reasons(&stage).len(), 1, "{unfit}");
        stage.accepts(&Token::of(mint::rsa()));
    }
    for fit in [
        with(jwk(), "use", "sig"),
        with(jwk(), "key_ops", json!(["verify"])),
        with(jwk(), "alg", "ES256"),
    ] {
        publishing(vec![fit]).accepts(&mint::token());
    }
}

#[test]
fn a_keys_own_algorithm_binds_its_tokens() {
    let stage = publishing(vec![with(mint::rsa().jwk(), "alg", "RS256")]);
    stage.accepts(&Token::of(mint::rsa()));
    for other in ["RS384", "PS256"] {
        stage.rejects(&Token::of(mint::rsa()).algorithm(other), "key_not_found");
    }
}

#[test]
fn a_weak_key_is_not_used() {
    let rsa = || mint::rsa().jwk();
    let modulus = decode(rsa()["n"].as_str().unwrap());
    for weak in [
        with(rsa(), "n", mint::encoded(&modulus[..128])),
        with(rsa(), "n", mint::encoded(&modulus[..255])),
        with(rsa(), "e", "AQ"),
        with(rsa(), "e", "Ag"),
        with(rsa(), "e", ""),
        json!({"kty": "oct", "kid": "rsa-1", "k": mint::encoded([7; 64])}),
    ] {
        let stage = publishing(vec![weak.clone(), mint::es256().jwk()]);
        assert_eq!(reasons(&stage).len(), 1, "{weak}");
        stage.rejects(&Token::of(mint::rsa()), "key_not_found");
        stage.accepts(&mint::token());
    }
}

#[test]
fn a_short_secret_is_not_used() {
    let stage = |keys: &[Value]| {
        let builder = Stage::builder();
        let jwks = json!({ "keys": keys }).to_string();
        std::fs::write(builder.directory().join("keys.json"), jwks).unwrap();
        builder
            .without_issuers("jwks_uri")
            .issuer("jwks_file = \"keys.json\"\nalgorithms = [\"HS256\"]")
            .start()
    };
    let (long, short) = (
        Signer::secret("long", [7; 32]),
        Signer::secret("short", [7; 31]),
    );
    let stage = stage(&[long.jwk(), short.jwk()]);
    stage.accepts(&Token::of(&long));
    stage.rejects(&Token::of(&short), "key_not_found");
    assert_eq!(reasons(&stage).len(), 1);
}

#[test]
fn the_first_of_two_keys_with_one_kid_has_it() {
    let stage = publishing(vec![mint::es256().jwk(), mint::stranger().jwk()]);
    stage.accepts(&mint::token());
    stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
    assert_eq!(reasons(&stage).len(), 1);
}

#[test]
fn a_key_that_cannot_be_used_spoils_no_other() {
    let jwks = vec![
        json!(null),
        json!("text"),
        json!({"kty": "EC"}),
        json!({"kty": "quantum", "kid": "q"}),
        mint::es256().jwk(),
    ];
    let stage = publishing(jwks);
    stage.accepts(&mint::token());
    stage.rejects(&mint::token().header("kid", "q"), "key_not_found");
    assert_eq!(reasons(&stage).len(), 4);
    assert_eq!(status(&stage)["keys"][0]["kid"], "es256-1");
}

/// The default issuer beside `https://partner.example`, which has the stranger's key under the same kid.
fn two_issuers() -> Stage {
    let jwk = mint::stranger().jwk();
    let text = |name: &str| jwk[name].as_str().unwrap();
    Stage::with(&format!(
        "[issuers.\"https://partner.example\"]\n\
         audiences = [\"ALL_AUDIENCES\"]\n\
         jwks = {{ keys = [{{ kty = \"EC\", crv = \"P-256\", kid = \"es256-1\", x = \"{}\", \
         y = \"{}\" }}] }}\n",
        text("x"),
        text("y"),
    ))
}

#[test]
fn each_issuers_tokens_need_its_own_key() {
    let stage = two_issuers();
    let partner = |signer| Token::of(signer).claim("iss", "https://partner.example");
    stage.accepts(&mint::token());
    let seen = stage.accepts(&partner(mint::stranger()));
    assert_eq!(seen.field("x-auth-issuer"), Some("https://partner.example"));
    stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
    stage.rejects(&partner(mint::es256()), "signature_invalid");
    stage.rejects(&partner(mint::rsa()), "key_not_found");
}

#[test]
fn an_unknown_kid_is_fetched_once_for_all_who_wait() {
    const CLIENTS: usize = 20;
    let stage = Stage::new();
    let new = Signer::ec("new", "ES256");
    let before = stage.issuer.fetches();
    let jwks = vec![mint::es256().jwk(), new.jwk()];
    stage.issuer.does(Publish::Held(jwks));
    let request = get("/").bearer(Token::of(&new).sign());
    let answers = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| stage.send(&request).status))
            .collect();
        stage.issuer.wait_for_fetches(before + 1);
        stage.issuer.release();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(answers, [200; CLIENTS]);
    assert_eq!(stage.issuer.fetches(), before + 1);
    stage.rejects(&Token::of(&Signer::ec("other", "ES256")), "key_not_found");
}

#[test]
fn unknown_kids_by_the_thousand_are_one_fetch_a_cooldown() {
    let stage = Stage::with_issuer("fetch.cooldown = \"1h\"");
    let before = stage.issuer.fetches();
    let mut connection = Connection::open(stage.address());
    for number in 0..999 {
        let token = mint::token().header("kid", format!("unknown-{number}"));
        let response = connection.exchange(&get("/").bearer(token.sign()));
        refused(&response, 401, "key_not_found");
    }
    assert_eq!(stage.issuer.fetches(), before + 1);
    stage.upstream.saw_nothing();
    stage.accepts(&mint::token());
    // Nor does a key that is really new: the cooldown is the issuer's, not the kid's.
    let new = Signer::ec("new", "ES256");
    stage.issuer.publishes(&[&new]);
    stage.rejects(&Token::of(&new), "key_not_found");
    refresh(&stage);
    stage.accepts(&Token::of(&new));
}

#[test]
fn keys_are_fetched_with_the_credentials_that_are_configured() {
    let stage = Stage::with_issuer("fetch = { username = \"gate\", password = \"s3cret\" }");
    stage.accepts(&mint::token());
    let all = stage.issuer.authorizations();
    assert!(!all.is_empty());
    let basic = Some("Basic Z2F0ZTpzM2NyZXQ=".to_owned());
    assert!(
        all.iter().all(|authorization| *authorization == basic),
        "{all:?}"
    );
    let plain = Stage::new();
    assert!(plain.issuer.authorizations().iter().all(Option::is_none));
}

#[test]
fn a_dead_issuer_is_an_outage_and_not_the_clients_fault() {
    let builder = Stage::builder();
    builder.issuer_itself().dies();
    let stage = builder.start();
    let request = get("/").bearer(mint::token().sign());
    let response = stage.refuses(&request, 503, "keys_unavailable");
    assert!(response.field("retry-after").is_some());
    // What can be judged without a key is judged.
    stage.rejects(
        &mint::token().claim("iss", "https://other.example"),
        "issuer_unknown",
    );
    stage.issuer.comes_back();
    refresh(&stage);
    stage.allows(&request);
}

#[test]
fn the_last_good_keys_outlive_their_issuer_for_a_while() {
    let stage = Stage::with_issuer("fetch.stale_for = \"1h\"");
    let token = |at: i64| mint::token().claim("iat", at).claim("exp", at + 300);
    stage.issuer.dies();
    refresh(&stage);
    stage.accepts(&token(NOW));
    stage.clock.advance(3600);
    stage.accepts(&token(NOW + 3600));
    stage.clock.advance(1);
    let request = get("/").bearer(token(NOW + 3600).sign());
    stage.refuses(&request, 503, "keys_unavailable");
    stage.issuer.comes_back();
    refresh(&stage);
    stage.allows(&request);
}

#[test]
fn a_rotation_refuses_nothing_that_is_valid() {
    let (old, new) = (mint::es256(), Signer::ec("new", "ES256"));
    let stage = Stage::builder().publishing(&[old]).start();
    let load = |signer: &Signer, requests: usize| {
        let mut connection = Connection::open(stage.address());
        (0..requests)
            .map(|number| {
                let token = Token::of(signer).claim("jti", number.to_string()).sign();
                connection.exchange(&get("/").bearer(token)).status
            })
            .collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let old_all_along: Vec<_> = (0..2).map(|_| scope.spawn(|| load(old, 100))).collect();
        stage.issuer.publishes(&[old, &new]);
        let new_at_once: Vec<_> = (0..2).map(|_| scope.spawn(|| load(&new, 50))).collect();
        for client in old_all_along.into_iter().chain(new_at_once) {
            let statuses = client.join().unwrap();
            assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        }
    });
    stage.issuer.publishes(&[&new]);
    refresh(&stage);
    stage.rejects(&Token::of(old), "key_not_found");
    stage.accepts(&Token::of(&new));
}

#[test]
fn a_bad_answer_leaves_the_good_keys_in_place() {
    let long = format!("{{\"keys\":[],\"x\":\"{}\"}}", "a".repeat(10 << 20));
    let answer = |status: &str, fields: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n{body}").into_bytes()
    };
    let json = "content-type: application/json\r\n";
    let stranger = json!({"keys": [mint::stranger().jwk()]}).to_string();
    let elsewhere = Issuer::start(&[mint::stranger()]);
    let redirect = format!("location: {}\r\n", elsewhere.jwks_uri());
    let stage = Stage::with_issuer("fetch.timeout = \"1s\"");
    let bad = [
        Publish::Bytes(answer(
            "200 OK",
            "content-type: text/html\r\n",
            "<html>login</html>",
        )),
        Publish::Bytes(answer("200 OK", json, &long)),
        Publish::Bytes(answer("302 Found", &redirect, "")),
        Publish::Bytes(answer("307 Temporary Redirect", &redirect, &stranger)),
        Publish::Bytes(answer("500 Internal Server Error", json, &stranger)),
        Publish::Bytes(answer("203 Non-Authoritative Information", json, &stranger)),
        Publish::Bytes(answer("200 OK", json, "{}")),
        Publish::Bytes(answer("200 OK", json, "{\"keys\":[]}")),
        Publish::Bytes(answer("200 OK", json, "{\"keys\":1}")),
        Publish::Bytes(answer("200 OK", json, &stranger[..stranger.len() - 1])),
        Publish::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"keys\":[".to_vec()),
        Publish::Bytes(b"not HTTP\r\n\r\n".to_vec()),
        Publish::Stall,
    ];
    for (number, publish) in bad.into_iter().enumerate() {
        stage.issuer.does(publish);
        refresh(&stage);
        stage.accepts(&mint::token());
        stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
        assert!(status(&stage)["last_error"].is_string(), "answer {number}");
    }
    assert_eq!(elsewhere.fetches(), 0, "a redirect was followed");
    stage.issuer.publishes(&[mint::stranger()]);
    refresh(&stage);
    stage.accepts(&Token::of(mint::stranger()));
    assert!(status(&stage)["last_error"].is_null());
}

#[test]
fn keys_in_a_file_are_read_again_when_it_changes() {
    let builder = Stage::builder();
    let file = builder.directory().join("keys.json");
    let write = |signer: &Signer| {
        std::fs::write(&file, json!({"keys": [signer.jwk()]}).to_string()).unwrap();
    };
    write(mint::es256());
    let stage = builder
        .without_issuers("jwks_uri")
        .issuer("jwks_file = \"keys.json\"")
        .start();
    stage.accepts(&mint::token());
    write(mint::rsa());
    refresh(&stage);
    stage.accepts(&Token::of(mint::rsa()));
    stage.rejects(&mint::token(), "key_not_found");
    std::fs::write(&file, "{").unwrap();
    refresh(&stage);
    stage.accepts(&Token::of(mint::rsa()));
}

#[test]
fn larger_rsa_keys_are_welcome() {
    let large = Signer::rsa("large", KeySize::Rsa3072);
    let stage = publishing(vec![large.jwk()]);
    stage.accepts(&Token::of(&large));
    stage.rejects(&Token::of(&large).header("kid", "small"), "key_not_found");
}

/// A stage whose gateway knows of its issuer where the metadata are, and nothing of the keys.
fn discovering(metadata: Option<Value>) -> Stage {
    let builder = Stage::builder().without_issuers("jwks_uri");
    let issuer = builder.issuer_itself().clone();
    issuer.says(metadata.unwrap_or_else(|| own_metadata(&issuer)));
    let place = format!("{}/.well-known/oauth-authorization-server", issuer.url());
    builder
        .issuer(&format!("discovery_url = \"{place}\""))
        .start()
}

fn own_metadata(issuer: &Issuer) -> Value {
    json!({"issuer": ISSUER, "jwks_uri": issuer.jwks_uri()})
}

#[test]
fn keys_are_discovered() {
    let stage = discovering(None);
    stage.accepts(&mint::token());
    stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
    let status = status(&stage);
    assert_eq!(status["jwks_uri"], stage.issuer.jwks_uri());
    assert!(
        status["source"]
            .as_str()
            .unwrap()
            .ends_with("/oauth-authorization-server")
    );
    // Two documents are one read.
    assert_eq!(status["fetches"], stage.issuer.fetches());
    let new = Signer::ec("new", "ES256");
    stage.issuer.publishes(&[&new]);
    refresh(&stage);
    stage.accepts(&Token::of(&new));
    stage.rejects(&mint::token(), "key_not_found");
}

#[test]
fn an_issuer_that_is_a_url_needs_nothing_but_its_name() {
    let issuer = Issuer::start(&[mint::es256()]);
    let name = issuer.url();
    let stage = Stage::with(&format!(
        "[issuers.\"{name}\"]\naudiences = [\"https://api.example.com\"]\nfetch.cooldown = \"1s\"\n"
    ));
    let token = mint::token().claim("iss", name.as_str());
    stage.accepts(&token.clone().claim("aud", "https://api.example.com"));
    stage.rejects(&token.claim("iss", format!("{name}/")), "issuer_unknown");
    let strange = Token::of(mint::stranger()).claim("iss", name.as_str());
    stage.rejects(&strange, "signature_invalid");
}

#[test]
fn the_metadata_of_another_issuer_give_no_keys() {
    let canary = Issuer::start(&[mint::stranger()]);
    for (metadata, why) in [
        (
            json!({"issuer": format!("{ISSUER}/"), "jwks_uri": canary.jwks_uri()}),
            "another issuer",
        ),
        (
            json!({"issuer": canary.url(), "jwks_uri": canary.jwks_uri()}),
            "another issuer",
        ),
        (json!({"jwks_uri": canary.jwks_uri()}), "no \"issuer\""),
        (json!({"issuer": ISSUER}), "no \"jwks_uri\""),
        (
            json!({"issuer": ISSUER, "jwks_uri": "http://idp.example.com/jwks"}),
            "https",
        ),
        (json!([]), "not a JSON object"),
    ] {
        let stage = discovering(Some(metadata));
        for signer in [mint::es256(), mint::stranger()] {
            let request = get("/").bearer(Token::of(signer).sign());
            stage.refuses(&request, 503, "keys_unavailable");
        }
        let status = status(&stage);
        let error = status["last_error"].as_str().unwrap();
        assert!(error.contains(why), "{error}");
        assert_eq!(status["keys"], json!([]));
        // Once it says the right thing, it is the issuer.
        stage.issuer.says(own_metadata(&stage.issuer));
        refresh(&stage);
        stage.accepts(&mint::token());
    }
    assert_eq!(canary.fetches(), 0);
}

/// A gateway whose keys come from `issuer` and are kept in `folder`.
fn keeping(issuer: &Issuer, folder: &std::path::Path) -> Builder {
    Stage::builder()
        .with(&format!("key_cache_dir = \"{}\"", folder.display()))
        .issuer(&format!("jwks_uri = \"{}\"", issuer.jwks_uri()))
}

#[test]
fn an_issuer_that_is_down_at_the_start_is_no_outage_with_kept_keys() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(&[mint::es256()]);
    let first = keeping(&issuer, folder.path()).start();
    first.accepts(&mint::token());
    assert!(first.gateway.drain());
    issuer.dies();

    let stage = keeping(&issuer, folder.path()).start_unread();
    stage.accepts(&mint::token());
    stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
    refresh(&stage);
    let said = status(&stage);
    assert_eq!(said["restored"], true);
    assert!(said["last_error"].is_string() && said["cache_error"].is_null());
    assert_eq!(get("/readyz").send(stage.gateway.admin()).status, 200);
    stage.clock.advance(24 * 3600 + 1);
    let late = mint::token().claim("exp", NOW + 48 * 3600);
    let request = get("/").bearer(late.sign());
    stage.refuses(&request, 503, "keys_unavailable");

    // Keys that were withdrawn while it was down end with the first fetch.
    let again = keeping(&issuer, folder.path()).start();
    again.accepts(&mint::token());
    let new = Signer::ec("new", "ES256");
    issuer.publishes(&[&new]);
    issuer.comes_back();
    refresh(&again);
    assert_eq!(status(&again)["restored"], false);
    again.accepts(&Token::of(&new));
    again.rejects(&mint::token(), "key_not_found");
}

#[test]
fn kept_keys_that_were_touched_are_an_outage_and_no_way_in() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(&[mint::es256()]);
    assert!(keeping(&issuer, folder.path()).start().gateway.drain());
    issuer.dies();
    let file = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let good = std::fs::read_to_string(&file).unwrap();
    let other = good.replace(ISSUER, "https://idp.example.com/realms/others");
    for (content, why) in [
        (&good[..good.len() / 2], "damaged"),
        (other.as_str(), "another issuer"),
        ("", "damaged"),
    ] {
        std::fs::write(&file, content).unwrap();
        let stage = keeping(&issuer, folder.path()).start();
        let request = get("/").bearer(mint::token().sign());
        stage.refuses(&request, 503, "keys_unavailable");
        let said = status(&stage);
        assert!(
            said["cache_error"].as_str().unwrap().contains(why),
            "{said}"
        );
    }
    std::fs::write(&file, &good).unwrap();
    keeping(&issuer, folder.path())
        .start()
        .accepts(&mint::token());
}

#[test]
fn a_key_set_that_has_not_changed_is_renewed() {
    let answer = |status: &str, body: &str| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\netag: \"1\"\r\ncache-control: max-age=120\r\n");
        Publish::Bytes(format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes())
    };
    let stage = Stage::builder();
    let set = json!({"keys": [mint::es256().jwk()]}).to_string();
    stage.issuer_itself().does(answer("200 OK", &set));
    let stage = stage.start();
    stage.accepts(&mint::token());
    let before = status(&stage);
    stage.issuer.does(answer("304 Not Modified", ""));
    stage.clock.advance(100);
    refresh(&stage);
    let after = status(&stage);
    assert!(after["last_error"].is_null(), "{after}");
    assert_eq!(after["age_seconds"], 0);
    assert_ne!(after["read_at"], before["read_at"]);
    stage.accepts(&mint::token());
    stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
    stage.issuer.publishes(&[mint::rsa()]);
    refresh(&stage);
    stage.rejects(&mint::token(), "key_not_found");
}

fn decode(text: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn unhexed(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// The same signature as ASN.1 has it.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let digits: Vec<u8> = number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        let sign: &[u8] = if digits[0] > 0x7f { &[0] } else { &[] };
        let length = (digits.len() + sign.len()) as u8;
        [&[2, length], sign, &digits].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, both.len() as u8], &both[..]].concat()
}

#[test]
fn keys_come_in_the_clear_from_this_machine_only() {
    use portcullis::{clock::Clock, config};
    let errors = |keys: &str| {
        let text =
            format!("[upstream]\nurl = \"http://127.0.0.1:1\"\n[issuers.\"{ISSUER}\"]\n{keys}");
        let base = std::path::Path::new("");
        let config = config::parse("test.toml", &text, base, &|_| None, &Clock::system());
        config.err().map(|report| format!("{report:?}"))
    };
    let away = "jwks_uri = \"http://idp.example.com/jwks\"\n";
    let refused = errors(away).unwrap();
    assert!(refused.contains("https"), "{refused}");
    assert_eq!(errors(&format!("{away}fetch.allow_http = true")), None);
    assert_eq!(errors("jwks_uri = \"https://idp.example.com/jwks\""), None);
    assert_eq!(errors("jwks_uri = \"http://127.0.0.1:8080/jwks\""), None);
}
