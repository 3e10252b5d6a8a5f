//! `[upstreams.NAME.credential]`.

use super::*;
use crate::{
    outbound::{Authentication, Kind, Settings},
    signing::Directory,
};

const FETCH: &str = "token_endpoint = \"https://as.example/token\"\n";
const CLIENT: &str = "client_id = \"gw\"\nclient_secret = \"s\"\n";
const ROUTE: &str = "[[routes]]\naccess = \"public\"\n";

fn text(keys: &str) -> String {
    format!("{UPSTREAM}[upstream.credential]\n{keys}\n{ISSUER}")
}

fn settings(base: &Path, keys: &str) -> Option<Settings> {
    let config = parse_in(base, &text(keys)).unwrap_or_else(|report| panic!("{report}"));
    let credential = config.policy.credentials.of(0);
    credential.map(|credential| credential.settings().clone())
}

/// The first line of the section is the fourth of the file.
#[track_caller]
fn refused(keys: &str, place: &str, says: &str) {
    refuse_at(&text(keys), place, &[says]);
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path().join("keys"));
    let usual = crate::signing::Settings::default();
    directory.generate(&usual, None, clock().now()).unwrap();
    folder
}

#[test]
fn without_a_kind_nothing_is_shown() {
    let nowhere = Path::new("/nowhere");
    assert_eq!(settings(nowhere, ""), None);
    assert_eq!(settings(nowhere, "kind = \"none\""), None);
    let forward = settings(nowhere, "kind = \"forward\"").unwrap();
    assert_eq!(forward.header, "authorization");
    assert_eq!((&*forward.scheme, forward.kind), ("Bearer", Kind::Forward));
}

#[test]
fn a_client_has_one_way_to_authenticate() {
    let nowhere = Path::new("/nowhere");
    let of = |keys: &str| {
        settings(
            nowhere,
            &format!("kind = \"client_credentials\"\n{FETCH}{keys}"),
        )
    };
    let Kind::ClientCredentials(endpoint) = of(CLIENT).unwrap().kind else {
        panic!("another kind")
    };
    let authentication = endpoint.client.unwrap().authentication;
    assert!(matches!(authentication, Authentication::Basic(_)));
    let kind = "kind = \"client_credentials\"\n";
    for (keys, place, says) in [
        (FETCH.to_owned(), "4:8", "needs a client that authenticates"),
        (
            format!("{FETCH}client_id = \"gw\"\n"),
            "6:13",
            "needs a secret",
        ),
        (
            format!("{FETCH}client_id = \"gw\"\nauthentication = \"none\""),
            "4:8",
            "authenticates",
        ),
        (CLIENT.to_owned(), "4:8", "no \"token_endpoint\""),
        (
            format!("{FETCH}{CLIENT}authentication = \"client_secret_jwt\""),
            "7:17",
            "needs at least 32",
        ),
        (
            format!("{FETCH}client_id = \"gw\"\nauthentication = \"private_key_jwt\""),
            "4:8",
            "no key to sign with",
        ),
        (
            format!("{FETCH}{CLIENT}authentication_audience = \"x\""),
            "8:27",
            "does nothing with this",
        ),
        (
            format!("{FETCH}{CLIENT}scopes = [\"a b\"]"),
            "8:11",
            "not a scope",
        ),
        (
            format!("{FETCH}{CLIENT}parameters = {{ grant_type = \"x\" }}"),
            "8:16",
            "set by other keys",
        ),
        (
            format!("{FETCH}{CLIENT}parameters = {{ audience = 1 }}"),
            "8:27",
            "a string or a list of strings",
        ),
        (
            format!("token_endpoint = \"http://as.example/token\"\n{CLIENT}"),
            "5:18",
            "must be https",
        ),
    ] {
        refused(&format!("{kind}{keys}"), place, says);
    }
}

#[test]
fn a_signed_token_says_what_a_token_may_say() {
    let folder = folder();
    let own = |keys: &str| {
        let text = format!(
            "{}[signing]\ndirectory = \"keys\"\n",
            text(&format!("kind = \"signed_jwt\"\n{keys}"))
        );
        parse_in(folder.path(), &text)
    };
    assert!(own("claims = { a = 1, b = { claim = \"/x/y\", optional = true } }").is_ok());
    for (keys, says) in [
        ("lifetime = \"2h\"", "for tokens of at most 1h"),
        ("algorithm = \"ES256\"", "for a key of \"private_key_file\""),
        ("claims = { exp = 1 }", "has a key of its own"),
        (
            "claims = { a = { clam = \"x\" } }",
            "did you mean \"claim\"?",
        ),
        (
            "claims = { a = { claim = \"~\", value = 1 } }",
            "what is \"a\"?",
        ),
        ("claims = { a = { claim = \"/~\" } }", "JSON Pointer"),
        ("claims = { a = 2026-01-01 }", "what JSON does not have"),
        ("issuer = 1", "must be a string"),
        ("audience = []", "a list of strings that is not empty"),
        ("private_key_file = \"absent.pem\"", "cannot read"),
        ("private_key_file = \"keys\"", "not a regular file"),
        (
            "algorithm = \"RS255\"\nprivate_key_file = \"x\"",
            "did you mean \"RS256\"?",
        ),
        ("not_before = \"2h\"", "from 0s to 1h"),
    ] {
        let report = own(keys)
            .err()
            .unwrap_or_else(|| panic!("{keys}"))
            .to_string();
        assert!(
            report.contains(says) && report.contains("\n1 error"),
            "{report}"
        );
    }
    refused(
        "kind = \"signed_jwt\"",
        "4:8",
        "there is no key to sign with",
    );
}

#[test]
fn an_assertion_needs_an_issuer_and_a_subject() {
    let folder = folder();
    let with = |keys: &str| {
        let keys = text(&format!("kind = \"jwt_bearer\"\n{FETCH}{keys}"));
        parse_in(
            folder.path(),
            &format!("{keys}[signing]\ndirectory = \"keys\"\n"),
        )
    };
    assert!(with("issuer = \"a\"\nsubject = { claim = \"sub\" }").is_ok());
    for (keys, says) in [
        ("issuer = \"a\"", "needs \"subject\""),
        ("subject = \"a\"", "needs \"issuer\""),
    ] {
        let report = with(keys).err().unwrap().to_string();
        assert!(report.contains(says), "{report}");
    }
    // A client's name is its issuer.
    let client = format!("subject = \"a\"\n{CLIENT}");
    assert!(with(&client).is_ok());
}

#[test]
fn a_key_that_would_do_nothing_is_an_error() {
    for (keys, place) in [
        ("kind = \"forward\"\nscopes = [\"a\"]", "5:10"),
        ("header = \"X-A\"", "4:10"),
        ("kind = \"forward\"\nreuse = false", "5:9"),
    ] {
        refused(keys, place, "does nothing here with kind");
    }
    let both =
        format!("kind = \"token_exchange\"\n{FETCH}subject_token = \"own\"\nactor_token = \"own\"");
    refused(&both, "7:15", "cannot both");
    refused("kind = \"forwards\"", "4:8", "did you mean \"forward\"?");
}

#[test]
fn the_field_is_none_that_means_something_else() {
    for header in [
        "Host",
        "X-Auth-Subject",
        "Cookie",
        "x_forwarded_for",
        "Content-Type",
    ] {
        let keys = format!("kind = \"forward\"\nheader = \"{header}\"");
        refused(&keys, "5:10", "has a meaning of its own");
    }
    refused(
        "kind = \"forward\"\nheader = \"a b\"",
        "5:10",
        "not a header's name",
    );
    refused(
        "kind = \"forward\"\nscheme = \"a b\"",
        "5:10",
        "not a scheme",
    );
    let taken = format!(
        "{}headers = {{ X_Mail = \"email\" }}\n",
        text("kind = \"forward\"\nheader = \"X-Mail\"").replace(
            ISSUER,
            &format!("{ISSUER}audiences = [\"a\"]\n[issuers.\"https://idp.example\".identity]\n")
        )
    );
    let report = refuse(&taken);
    assert!(report.contains("which a claim has too"), "{report}");
}

#[test]
fn a_public_route_has_nothing_that_could_flow_in() {
    let message = "a public route has no token";
    let forward = text("kind = \"forward\"") + ROUTE;
    refuse_at(&forward, "8:10", &[message]);
    let fetched = format!("kind = \"client_credentials\"\n{FETCH}{CLIENT}");
    assert!(parse_in(Path::new("/nowhere"), &(text(&fetched) + ROUTE)).is_ok());
}

#[test]
fn no_secret_is_shown() {
    let keys = format!("kind = \"client_credentials\"\n{FETCH}client_secret = \"hunter2\", x");
    assert!(!refuse(&text(&keys)).contains("hunter2"));
    let string = format!("{UPSTREAM}credential = \"hunter2\"\n{ISSUER}");
    let report = refuse(&string);
    assert!(
        report.contains("must be a table") && !report.contains("hunter2"),
        "{report}"
    );
}
