//! `[token_service]`.

use super::*;
use crate::{
    signing::{Directory, Settings as Signing},
    token_service::{Form, Grant},
};

/// A folder with a signing key, and the key set of a client.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path().join("keys"));
    let now = clock().now();
    directory.generate(&Signing::default(), None, now).unwrap();
    let jwk = crate::issuer::tests::jwk("k");
    let set = crate::issuer::tests::set_of(&[&jwk]);
    std::fs::write(folder.path().join("erp.json"), set).unwrap();
    folder
}

const CLIENT: &str = "[token_service.clients.erp]\njwks_file = \"erp.json\"\n";

/// A file whose line 11 is the first of `lines`, which begin in `[token_service]`.
fn service(lines: &str) -> String {
    format!(
        "{UPSTREAM}{ISSUER}audiences = [\"a\"]\n\
         [server]\npublic_url = \"https://api.example.com\"\n\
         [signing]\ndirectory = \"keys\"\n[token_service]\n{lines}\n"
    )
}

/// One error.
#[track_caller]
fn refused(lines: &str, says: &[&str]) {
    let report = parse_in(folder().path(), &service(lines)).err();
    let report = report.unwrap_or_else(|| panic!("{lines}")).to_string();
    for part in says {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
    assert!(report.ends_with("\n1 error\n"), "{report}");
}

#[test]
fn it_is_off_until_it_is_enabled() {
    let folder = folder();
    let off = parse_in(folder.path(), &service("")).unwrap();
    assert!(off.policy.token_service.is_none());
    assert_eq!(off.policy.registry.len(), 1);
    let on = parse_in(
        folder.path(),
        &service(&format!("enabled = true\n{CLIENT}")),
    )
    .unwrap();
    assert_eq!(on.warnings, Vec::<String>::new());
    let service = on.policy.token_service.unwrap();
    let settings = &service.settings;
    assert_eq!(&*settings.issuer, "https://api.example.com");
    assert_eq!(settings.audience, ["https://api.example.com"]);
    let endpoint = "https://api.example.com/oauth/token";
    assert_eq!(&*settings.assertion_audience, endpoint);
    assert_eq!(
        (settings.access_token, settings.access_token_lifetime),
        (Form::Jwt, 3600)
    );
    assert_eq!(
        (settings.assertion_lifetime, settings.clock_skew),
        (300, 60)
    );
    assert_eq!(settings.refresh_token_lifetime, None);
    let client = &settings.clients["erp"];
    assert!(client.active && client.subjects.is_none() && !client.introspect);
    assert_eq!(client.grants, [Grant::JwtBearer, Grant::RefreshToken]);
    assert!(on.policy.registry.find("https://api.example.com").is_ok());
    assert!(service.keys.find("client erp").is_ok());
}

#[test]
fn it_needs_a_key_and_a_name() {
    let without = service("enabled = true").replace("directory = \"keys\"", "");
    let report = refuse(&without);
    assert!(report.contains("no key to sign with"), "{report}");
    let nameless = service("enabled = true").replace("public_url", "# ");
    let report = parse_in(folder().path(), &nameless)
        .err()
        .unwrap()
        .to_string();
    assert!(report.contains("the token service has no name"), "{report}");
    refused(
        "enabled = true\nissuer = \"https://idp.example\"",
        &["this issuer is already there"],
    );
    refused("enabled = true\nissuer = \"me\"", &["not a URL"]);
}

#[test]
fn what_is_wrong_says_what_to_do() {
    for (lines, says) in [
        ("prefix = \"oauth\"", ["not a path", "\"/oauth\""]),
        ("prefix = \"/oauth/\"", ["not a path", "\"/oauth\""]),
        (
            "access_token = \"JWT\"",
            ["must be \"jwt\" or \"opaque\"", "did you mean"],
        ),
        (
            "access_token_lifetime = \"1s\"",
            ["must be from 10s", "365d"],
        ),
        (
            "enabled = true\naccess_token_lifetime = \"2h\"",
            ["at most 3600 s", "portcullis keys rotate"],
        ),
        (
            "assertion_lifetime = \"2h\"",
            ["must be from 10s to 1h", "11:"],
        ),
        ("clock_skew = \"11m\"", ["must be from 0s to 10m", "11:"]),
        ("refresh_token = true", ["unknown key", "did you mean"]),
    ] {
        refused(lines, &says);
    }
}

#[test]
fn a_client_has_one_source_of_keys_or_a_secret() {
    let client = |lines: &str| format!("enabled = true\n[token_service.clients.erp]\n{lines}");
    for (lines, says) in [
        ("", ["has no source of keys", "certificate_file"]),
        (
            "client_secret = \"0123456789abcdef\"",
            ["has no source of keys", "grants = []"],
        ),
        (
            "jwks_file = \"erp.json\"\npublic_key_file = \"x\"",
            ["more than one source", "12:"],
        ),
        (
            "jwks_file = \"absent.json\"",
            ["No such file", "absent.json"],
        ),
        (
            "jwks_uri = \"http://crm.example/keys\"",
            ["must be https", "allow_http"],
        ),
        (
            "jwks_file = \"erp.json\"\ngrants = [\"code\"]",
            ["not a grant", "jwt-bearer"],
        ),
        (
            "jwks_file = \"erp.json\"\nscopes = [\"a b\"]",
            ["not a scope", "14:"],
        ),
        (
            "grants = []\nclient_secret = \"short\"",
            ["at least 16", "openssl rand"],
        ),
    ] {
        refused(&client(lines), &says);
    }
    let report = parse_in(
        folder().path(),
        &service(&client("grants = []\nclient_secret = \"short\"")),
    );
    assert!(!report.err().unwrap().to_string().contains("short\""));
    let good = client("grants = []\nclient_secret = \"0123456789abcdef\"");
    assert!(parse_in(folder().path(), &service(&good)).is_ok());
}
