//! Issuers in TOML.

use super::*;
use crate::{
    claims::Audiences,
    issuer::{Issuer, KeySource, RegistryError},
    jose::Algorithm,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const EC: &str = r#"{ kty = "EC", crv = "P-256", kid = "e1", x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }"#;

/// A file with one issuer, `https://idp.example`, that has these lines.
fn with(lines: &str) -> String {
    format!("{UPSTREAM}[issuers.\"https://idp.example\"]\n{lines}\n")
}

fn issuer(lines: &str) -> std::sync::Arc<Issuer> {
    let config = accept(&with(lines));
    let issuer = config.policy.registry.iter().next().unwrap();
    std::sync::Arc::clone(issuer)
}

/// The one error is in the first of `lines`, at `column`.
#[track_caller]
fn refused(lines: &str, column: usize, says: &[&str]) {
    refuse_at(&with(lines), &format!("4:{column}"), says);
}

fn remote(line: &str) -> String {
    format!("{line}\njwks_uri = \"https://idp.example/jwks\"")
}

fn secret(line: &str) -> String {
    format!("{line}\nshared_secret = \"{SECRET}\"")
}

fn inline(line: &str) -> String {
    format!("{line}\njwks = {{ keys = [{EC}] }}")
}

#[test]
fn the_name_may_be_encoded_or_plain() {
    for key in ["https%3A%2F%2Fidp.example%2FA", "https://idp.example/A"] {
        let config = accept(&format!(
            "{UPSTREAM}[issuers.\"{key}\"]\njwks_uri = \"https://x/\"\n"
        ));
        assert!(config.policy.registry.find("https://idp.example/A").is_ok());
        for other in ["https://idp.example/a", "https://idp.example/A/", key] {
            let found = config.policy.registry.find(other).map(|_| ());
            assert_eq!(found.is_ok(), other == "https://idp.example/A", "{other}");
        }
    }
    let text = format!("{UPSTREAM}[issuers.\"a%zz\"]\njwks_uri = \"https://x/\"\n");
    refuse_at(&text, "3:10", &["two hexadecimal digits"]);
}

#[test]
fn the_same_issuer_twice_is_an_error() {
    let text = format!(
        "{UPSTREAM}[issuers]\n\"https%3A%2F%2Fa\" = {{ jwks_uri = \"https://x/\" }}\n\"https://a\" = {{ jwks_uri = \"https://x/\" }}\n"
    );
    refuse_at(
        &text,
        "5:1",
        &["already there", "it stands at portcullis.toml:4:1"],
    );
}

#[test]
fn an_inactive_issuer_is_known() {
    let config = accept(&with(&remote("active = false")));
    let found = config
        .policy
        .registry
        .find("https://idp.example")
        .map(|_| ());
    assert_eq!(found, Err(RegistryError::Inactive));
}

#[test]
fn exactly_one_source_of_keys() {
    for lines in [
        "jwks_uri = \"\"",
        "discovery_url = \"\"",
        "shared_secret = \"\"",
    ] {
        refuse_at(&with(lines), "3:10", &["no source of keys"]);
    }
    let both = "jwks_uri = \"https://x\"\njwks_file = \"keys.json\"";
    refuse_at(&with(both), "5:1", &["\"jwks_file\" beside \"jwks_uri\""]);
    let both = "discovery_url = \"https://x\"\njwks_uri = \"https://x\"";
    refuse_at(
        &with(both),
        "5:1",
        &["\"jwks_uri\" beside \"discovery_url\""],
    );
    let source = issuer(&remote(""));
    assert!(matches!(source.keys.source(), KeySource::Remote(remote) if remote.metadata.is_none()));
    assert!(
        matches!(issuer(&inline("")).keys.source(), KeySource::Fixed(set) if set.keys.len() == 1)
    );
}

/// Where the keys of the issuer with this key and these lines are discovered, and for whom.
fn discovered(key: &str, lines: &str) -> (String, String) {
    let config = accept(&format!("{UPSTREAM}[issuers.\"{key}\"]\n{lines}\n"));
    let issuer = config.policy.registry.iter().next().unwrap();
    let KeySource::Remote(remote) = issuer.keys.source() else {
        panic!("not fetched")
    };
    let metadata = remote.metadata.as_ref().unwrap();
    assert_eq!(metadata.issuer, issuer.name);
    (remote.uri.to_string(), metadata.issuer.to_string())
}

#[test]
fn without_a_source_the_keys_are_discovered() {
    for (key, url) in [
        ("https://idp.example", "https://idp.example"),
        ("https://idp.example/", "https://idp.example"),
        (
            "https%3A%2F%2Fidp.example%2Fa%2Fb",
            "https://idp.example/a/b",
        ),
        ("https://idp.example/a/", "https://idp.example/a"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
    ] {
        let place = format!("{url}/.well-known/openid-configuration");
        assert_eq!(discovered(key, "").0, place, "{key}");
    }
    let named = "discovery_url = \"https://x.example/.well-known/oauth-authorization-server/a\"";
    for key in ["https://idp.example/", "accounts.example.com"] {
        let (url, issuer) = discovered(key, named);
        assert_eq!(
            url,
            "https://x.example/.well-known/oauth-authorization-server/a"
        );
        assert_eq!(issuer, key);
    }
}

#[test]
fn what_cannot_be_discovered_is_an_error() {
    let refuse_key = |key: &str, says: &str| {
        refuse_at(&format!("{UPSTREAM}[issuers.\"{key}\"]\n"), "3:10", &[says]);
    };
    for key in [
        "accounts.example.com",
        "urn:idp",
        "ftp://idp.example",
        "file:///keys",
    ] {
        refuse_key(key, "no source of keys");
    }
    for key in ["https://idp.example?a=b", "https://idp.example/#a"] {
        refuse_key(key, "query or a fragment");
    }
    refuse_key("https://me@idp.example", "user name or a password");
    for key in ["https://", "https:///", "https:///idp.example"] {
        refuse_key(key, "without a host");
    }
    refuse_key("http://idp.example", "key URLs must be https");
    let far = "discovery_url = \"http://idp.example/m\"";
    refused(far, 17, &["key URLs must be https"]);
    let allowed = format!("{far}\nfetch = {{ allow_http = true }}");
    assert!(accept(&with(&allowed)).warnings[0].contains("unprotected"));
    // A misspelt source is one error, not two.
    let text = format!("{UPSTREAM}[issuers.\"http://idp.example\"]\njwks_url = \"https://x\"\n");
    refuse_at(&text, "4:1", &["did you mean \"jwks_uri\"?"]);
}

#[test]
fn algorithms_are_names_that_fit_the_keys() {
    let algorithms = |lines: &str| issuer(lines).headers.algorithms;
    let listed = algorithms(&remote("algorithms = [\"RS256\", \"ES256\"]"));
    assert_eq!(
        listed,
        [Algorithm::Rs256, Algorithm::Es256].into_iter().collect()
    );
    refused(&remote("algorithms = []"), 14, &["no algorithm at all"]);
    refused(
        &remote("algorithms = [\"none\"]"),
        15,
        &["cannot be allowed"],
    );
    refused(
        &remote("algorithms = [\"nOnE\"]"),
        15,
        &["cannot be allowed"],
    );
    refused(
        &remote("algorithms = [\"RS265\"]"),
        15,
        &["did you mean \"RS256\"?"],
    );
    refused(
        &remote("algorithms = [\"rs256\"]"),
        15,
        &["did you mean \"RS256\"?"],
    );
    refused(
        &remote("algorithms = [\"HS256\"]"),
        15,
        &["a shared secret cannot be published"],
    );
    refused(
        &secret("algorithms = [\"RS256\"]"),
        15,
        &["RS256 needs a public key"],
    );
    refused(
        &secret("algorithms = [\"HS512\"]"),
        15,
        &["shorter than the hash of HS512"],
    );
}

#[test]
fn a_shared_secret_allows_what_it_is_long_enough_for() {
    let hs256 = issuer(&secret("")).headers.algorithms;
    assert_eq!(hs256, [Algorithm::Hs256].into_iter().collect());
    let all = issuer(&format!("shared_secret = \"{SECRET}{SECRET}\""))
        .headers
        .algorithms;
    assert_eq!(all.iter().count(), 3);
    refused("shared_secret = \"short\"", 17, &["at least 32 are needed"]);
}

#[test]
fn a_key_set_needs_a_key_that_can_be_used() {
    refused(
        "jwks = { keys = [] }",
        17,
        &["no key that can be used", "the set is empty"],
    );
    refused(
        "jwks = { keys = [{ kty = \"EC\" }] }",
        17,
        &["no key that can be used", "\"crv\" is missing"],
    );
    refused("jwks = { keys = 3 }", 17, &["no \"keys\" array"]);
    refused("jwks = {}", 8, &["has no \"keys\""]);
    refused(
        &format!("jwks = {{ keys = [{EC}] }}\nalgorithms = [\"RS256\"]"),
        8,
        &["no key is for an algorithm", "RS256"],
    );
    let config = accept(&with(&format!(
        "jwks = {{ keys = [{EC}, {{ kty = \"EC\" }}] }}\naudiences = [\"a\"]"
    )));
    assert_eq!(config.warnings.len(), 1);
    assert!(
        config.warnings[0].contains("key 2 is not used"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn audiences_are_some_or_all() {
    let audiences = |line: &str| issuer(&remote(line)).rules.audiences.clone();
    assert_eq!(
        audiences("audiences = [\"a\", \"b\"]"),
        Audiences::OneOf(["a".into(), "b".into()].into())
    );
    assert_eq!(audiences("audiences = [\"ALL_AUDIENCES\"]"), Audiences::All);
    refused(
        &remote("audiences = [\"ALL_AUDIENCES\", \"a\"]"),
        14,
        &["must stand alone"],
    );
    refused(&remote("audiences = []"), 13, &["no audience at all"]);
    refused(&remote("audiences = [\"\"]"), 14, &["empty string"]);
}

#[test]
fn claims_have_allowed_values() {
    let rules = issuer(&remote(
        "claims = { azp = [\"web\", 1, true], \"/a/b\" = \"x\" }",
    ))
    .rules
    .clone();
    let allowed: Vec<_> = rules
        .allowed
        .iter()
        .map(|(p, v)| (p.to_string(), v.len()))
        .collect();
    assert!(allowed.contains(&("azp".to_owned(), 3)) && allowed.contains(&("/a/b".to_owned(), 1)));
    refused(
        &remote("claims = { azp = [] }"),
        18,
        &["no token would pass"],
    );
    refused(&remote("claims = { azp = [[\"a\"]] }"), 19, &["not a list"]);
    refused(&remote("claims = { \"/a~2\" = \"x\" }"), 12, &["RFC 6901"]);
    refused(
        &remote("claims = { \"\" = \"x\" }"),
        12,
        &["cannot be empty"],
    );
    refused(&remote("require = [\"/a~\"]"), 12, &["RFC 6901"]);
}

#[test]
fn times_have_bounds() {
    let rules = issuer(&remote("clock_skew = \"10m\"\nmax_age = \"1h\""))
        .rules
        .clone();
    assert_eq!((rules.clock_skew, rules.max_age), (600, Some(3600)));
    refused(&remote("clock_skew = \"11m\""), 14, &["from 0s to 10m"]);
    refused(&remote("max_age = \"0s\""), 11, &["from 1s"]);
}

#[test]
fn types_and_critical_names() {
    let headers = issuer(&remote(
        "types = [\"Application/AT+JWT\", \"JWT\"]\ncritical = [\"x-one\"]",
    ))
    .headers
    .clone();
    assert_eq!(headers.types, ["at+jwt".into(), "jwt".into()]);
    assert_eq!(headers.critical, ["x-one".into()]);
    refused(&remote("types = []"), 9, &["no type at all"]);
    for name in ["alg", "b64", "crit", "x5t#S256", "p2s"] {
        refused(
            &remote(&format!("critical = [\"{name}\"]")),
            13,
            &["registered header"],
        );
    }
}

#[test]
fn key_urls_are_https_or_near() {
    let uri = |uri: &str| format!("jwks_uri = \"{uri}\"");
    for near in [
        "http://127.0.0.1:1/",
        "http://127.9.9.9/",
        "http://[::1]/",
        "http://localhost/k",
    ] {
        assert!(
            matches!(issuer(&uri(near)).keys.source(), KeySource::Remote(_)),
            "{near}"
        );
    }
    for far in [
        "http://10.0.0.1/",
        "http://idp.example/",
        "http://localhost.example/",
        "http://127.0.0.1.example/",
    ] {
        refused(&uri(far), 12, &["key URLs must be https"]);
        let allowed = format!(
            "{}\nfetch = {{ allow_http = true }}\naudiences = [\"a\"]",
            uri(far)
        );
        let config = accept(&with(&allowed));
        assert!(
            config.warnings[0].contains("unprotected"),
            "{:?}",
            config.warnings
        );
    }
    refused(
        &uri("https://a:b@idp.example/"),
        12,
        &["user name or a password"],
    );
    refused(
        &uri("https://@idp.example/"),
        12,
        &["user name or a password"],
    );
    refused(&uri("https://idp.example/#a"), 12, &["fragment"]);
    refused(&uri("file:///keys.json"), 12, &["begins with https://"]);
    refused(&uri("idp.example/jwks"), 12, &["not a URL"]);
}

#[test]
fn fetching_needs_both_name_and_password() {
    let fetch = |fetch: &str| remote(&format!("fetch = {{ {fetch} }}"));
    refused(
        &fetch("username = \"me\""),
        22,
        &["needs a \"password_file\""],
    );
    refused(&fetch("password = \"pw\""), 22, &["needs a \"username\""]);
    refused(
        &fetch("username = \"a:b\", password = \"pw\""),
        22,
        &["colon"],
    );
    refused(
        &fetch("stale_for = \"1m\""),
        23,
        &["at least as long as \"refresh\""],
    );
    let issuer = issuer(&fetch(
        "username = \"me\", password = \"pw\", timeout = \"1s\"",
    ));
    let KeySource::Remote(remote) = issuer.keys.source() else {
        panic!("not fetched")
    };
    let (name, password) = remote.credentials.as_ref().unwrap();
    assert!(name == "me" && password.matches(b"pw"));
    assert_eq!(
        (remote.timeout.as_secs(), remote.refresh.as_secs()),
        (1, 600)
    );
}

#[test]
fn defaults_stand_behind_every_issuer() {
    let text = with(&remote("clock_skew = \"5s\"\nfetch = { timeout = \"1s\" }"))
        + "[issuer_defaults]\nclock_skew = \"7s\"\naudiences = [\"a\"]\nfetch = { timeout = \"2s\", cooldown = \"9s\" }\n[issuers.other]\njwks_uri = \"https://x\"\n";
    let config = accept(&text);
    let times = |name: &str| {
        let issuer = config.policy.registry.find(name).unwrap();
        assert_eq!(
            issuer.rules.audiences,
            Audiences::OneOf(["a".into()].into())
        );
        let KeySource::Remote(remote) = issuer.keys.source() else {
            panic!("not fetched")
        };
        (
            issuer.rules.clock_skew,
            remote.timeout.as_secs(),
            remote.cooldown.as_secs(),
        )
    };
    assert_eq!(times("https://idp.example"), (5, 1, 9));
    assert_eq!(times("other"), (7, 2, 9));
}

#[test]
fn defaults_are_checked_once_and_without_an_issuer_too() {
    let wrong = "[issuer_defaults]\nclock_skew = \"1h\"\n";
    refuse_at(&format!("{wrong}{UPSTREAM}"), "2:14", &["from 0s to 10m"]);
    refuse_at(
        &format!("{wrong}{UPSTREAM}{ISSUER}[issuers.b]\njwks_uri = \"https://x\"\n"),
        "2:14",
        &["from 0s to 10m"],
    );
    let source = format!("[issuer_defaults]\njwks_uri = \"https://x\"\n{UPSTREAM}{ISSUER}");
    refuse_at(
        &source,
        "2:1",
        &["unknown key \"jwks_uri\" in [issuer_defaults]"],
    );
}

#[test]
fn what_deserves_a_second_look_is_a_warning() {
    let warned = |text: &str, says: &str| {
        let warnings = accept(text).warnings;
        assert!(
            warnings.iter().any(|w| w.contains(says)),
            "{says}: {warnings:?}"
        );
    };
    warned(
        &with(&remote("")),
        "only tokens without aud pass: https://idp.example",
    );
    warned(
        &with(&remote("audiences = [\"ALL_AUDIENCES\"]")),
        "tokens for any audience pass",
    );
    warned(UPSTREAM, "there is no issuer");
    warned(
        &with(&inline("fetch = { timeout = \"1s\" }")),
        "\"fetch\" does nothing",
    );
    let public = with(&remote("")) + "[server]\npublic_url = \"https://api.example\"\n";
    assert!(accept(&public).warnings.is_empty());
}
