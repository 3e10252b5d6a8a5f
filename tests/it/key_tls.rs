//! Keys that come over TLS: whom the gateway trusts, and what it shows.

use serde_json::Value;

use super::harness::{ISSUER, Stage, TlsIssuer, Token, get, mint, strange_client};

/// A stage whose keys come from `issuer`, with these files beside its configuration.
fn stage(issuer: &TlsIssuer, files: &[(&str, &str)], fetch: &str) -> Stage {
    let builder = Stage::builder();
    for (name, content) in files {
        let path = builder.directory().join(name);
        std::fs::write(&path, content).unwrap();
    }
    let uri = issuer.jwks_uri();
    builder
        .issuer(&format!("jwks_uri = \"{uri}\"\nfetch = {{ {fetch} }}"))
        .start()
}

fn last_error(stage: &Stage) -> String {
    let status: Value = get("/status").send(stage.gateway.admin()).json();
    let issuer = &status["issuers"][0];
    assert_eq!(issuer["issuer"], ISSUER);
    issuer["last_error"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn has_no_keys(stage: &Stage) {
    let request = get("/").bearer(mint::token().sign());
    stage.refuses(&request, 503, "keys_unavailable");
}

const CLIENT: &str =
    "client_certificate_file = \"client.pem\", client_private_key_file = \"client.key\"";

#[test]
fn a_private_authority_is_trusted_when_it_is_named() {
    let issuer = TlsIssuer::start(&[mint::es256()], false);
    let authority = issuer.authority_pem();
    let files = [("ca.pem", &*authority)];
    let trusting = stage(&issuer, &files, "ca_file = \"ca.pem\"");
    trusting.accepts(&mint::token());
    trusting.rejects(&Token::of(mint::stranger()), "signature_invalid");
    assert!(issuer.fetches() > 0);

    let other = TlsIssuer::start(&[mint::es256()], false);
    let before = other.fetches();
    let wary = stage(&other, &files, "ca_file = \"ca.pem\"");
    has_no_keys(&wary);
    assert_eq!(other.fetches(), before);
    assert!(
        last_error(&wary).contains("certificate"),
        "{}",
        last_error(&wary)
    );
}

#[test]
fn a_certificate_is_shown_to_the_server_of_the_keys() {
    let issuer = TlsIssuer::start(&[mint::es256()], true);
    let (authority, [certificate, key]) = (issuer.authority_pem(), issuer.client());
    let fetch = format!("ca_file = \"ca.pem\", {CLIENT}");
    let files = [
        ("ca.pem", &*authority),
        ("client.pem", &certificate),
        ("client.key", &key),
    ];
    let known = stage(&issuer, &files, &fetch);
    known.accepts(&mint::token());
    known.rejects(&Token::of(mint::stranger()), "signature_invalid");
    let fetched = issuer.fetches();

    let nameless = stage(&issuer, &files, "ca_file = \"ca.pem\"");
    has_no_keys(&nameless);
    let [certificate, key] = strange_client();
    let files = [
        ("ca.pem", &*authority),
        ("client.pem", &certificate),
        ("client.key", &key),
    ];
    has_no_keys(&stage(&issuer, &files, &fetch));
    assert_eq!(issuer.fetches(), fetched);
}
