//! What `/status` and `/metrics` say of issuers and of each of their keys.

use serde_json::{Value, json};

use super::harness::{ISSUER, Publish, Response, Stage, get, mint};

fn admin(stage: &Stage, path: &str) -> Response {
    get(path).send(stage.gateway.admin())
}

/// A stage with two good keys and a bad one, and one more issuer whose secret stands in the configuration.
fn stage() -> Stage {
    let builder = Stage::builder();
    let jwks = vec![
        mint::es256().jwk(),
        mint::rsa().jwk(),
        json!({"kty": "quantum", "kid": "q"}),
    ];
    builder.issuer_itself().does(Publish::Keys(jwks));
    builder
        .with(
            "[issuers.\"https://partner.example\"]\naudiences = [\"ALL_AUDIENCES\"]\n\
             shared_secret = \"0123456789abcdef0123456789abcdef\"\n\
             [issuers.\"https://off.example\"]\nactive = false\n\
             jwks_uri = \"https://off.example/keys\"\naudiences = [\"ALL_AUDIENCES\"]\n",
        )
        .start()
}

#[test]
fn the_status_names_each_key_and_why_others_are_not_used() {
    let stage = stage();
    stage.accepts(&mint::token());
    let status = admin(&stage, "/status").json();
    let counts = json!({"ready": 2, "without_keys": 0, "inactive": 1});
    assert_eq!(status["issuer_counts"], counts);
    assert_eq!(status["next"], Value::Null);
    assert_eq!(status["token_cache"]["tokens"], 1);
    assert!(status["token_cache"]["bytes"].as_u64().unwrap() > 0);
    let issuer = |name: &str| {
        let mut all = status["issuers"].as_array().unwrap().iter();
        all.find(|issuer| issuer["issuer"] == name).unwrap()
    };
    let fetched = issuer(ISSUER);
    assert_eq!(fetched["source_kind"], "jwks_uri");
    assert_eq!(fetched["age_seconds"], 0);
    assert!(fetched["next_in_seconds"].as_i64().unwrap() > 0);
    let [es256, rsa] = fetched["keys"].as_array().unwrap().as_slice() else {
        panic!("{fetched}");
    };
    assert_eq!(
        (&es256["kid"], &es256["kty"]),
        (&json!("es256-1"), &json!("EC"))
    );
    assert_eq!(es256["algorithms"], json!(["ES256"]));
    assert_eq!(es256["thumbprint"].as_str().unwrap().len(), 43);
    assert_eq!(rsa["kty"], "RSA");
    assert_ne!(rsa["thumbprint"], es256["thumbprint"]);
    assert_eq!(fetched["skipped"][0]["kid"], "q");
    assert_eq!(
        fetched["skipped"][0]["reason"],
        "its \"kty\" is not supported"
    );
    // The thumbprint of a secret would help whoever guesses at it.
    let secret = &issuer("https://partner.example")["keys"][0];
    assert_eq!(
        (&secret["kty"], &secret["thumbprint"]),
        (&json!("oct"), &Value::Null)
    );
}

#[test]
fn the_status_of_one_issuer_or_of_those_that_need_a_look() {
    let stage = stage();
    let names = |query: &str| -> Vec<String> {
        let status = admin(&stage, &format!("/status?{query}")).json();
        let all = status["issuers"].as_array().unwrap().iter();
        all.map(|issuer| issuer["issuer"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names("issuer=https%3A%2F%2Fpartner.example"),
        ["https://partner.example"]
    );
    assert_eq!(names("issuer=https://partner.example/"), [""; 0]);
    assert_eq!(names("state=failing"), [""; 0]);
    assert_eq!(
        names("after=https://off.example"),
        ["https://partner.example"]
    );
    for wrong in ["x=1", "state=good", "issuer=a&issuer=b"] {
        assert_eq!(
            admin(&stage, &format!("/status?{wrong}")).status,
            400,
            "{wrong}"
        );
    }
    stage.issuer.dies();
    stage.gateway.refresh(ISSUER);
    assert_eq!(names("state=failing"), [ISSUER]);
    stage.accepts(&mint::token());
}

#[test]
fn the_metrics_count_keys_and_reads_by_issuer() {
    let stage = stage();
    stage.accepts(&mint::token());
    stage.issuer.dies();
    stage.gateway.refresh(ISSUER);
    stage.clock.advance(7);
    let query = "/status?issuer=https%3A%2F%2Fidp.example.com%2Frealms%2Forders";
    let status = admin(&stage, query).json();
    let count = |name: &str| status["issuers"][0][name].as_u64().unwrap();
    assert!(count("fetches") > 0 && count("failures") > 0);
    let text = admin(&stage, "/metrics").text();
    let own = |name: &str, label: &str| format!("portcullis_{name}{{issuer=\"{ISSUER}\"{label}}}");
    for (series, value) in [
        (
            own("key_set_fetches_total", ",outcome=\"success\""),
            count("fetches"),
        ),
        (
            own("key_set_fetches_total", ",outcome=\"failure\""),
            count("failures"),
        ),
        (own("key_set_age_seconds", ""), 7),
        (own("keys", ",state=\"usable\""), 2),
        (own("keys", ",state=\"skipped\""), 1),
        (
            "portcullis_keys{issuer=\"https://partner.example\",state=\"usable\"}".to_owned(),
            1,
        ),
        ("portcullis_issuers{state=\"ready\"}".to_owned(), 2),
        ("portcullis_issuers{state=\"inactive\"}".to_owned(), 1),
        ("portcullis_token_cache_tokens".to_owned(), 1),
        (
            "portcullis_token_cache_capacity_bytes".to_owned(),
            256 << 20,
        ),
    ] {
        let line = format!("{series} {value}");
        assert!(
            text.lines().any(|other| other == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(
        !text.contains("off.example"),
        "an inactive issuer has no series"
    );
    // Keys that stand in the configuration are never fetched.
    assert!(!text.contains("fetches_total{issuer=\"https://partner.example\""));
}
