//! What becomes a header, and what is refused instead.

use serde_json::{Value, json};

use super::{render::render, *};
use crate::jose::json::Object;

const ISS: &str = "https://idp.example.com";

fn rendered(claims: &Value) -> Result<Vec<(String, String)>, IdentityError> {
    rendered_with(claims, &IdentityClaims::default())
}

fn rendered_with(
    claims: &Value,
    settings: &IdentityClaims,
) -> Result<Vec<(String, String)>, IdentityError> {
    let rendered = render(&Object::of(claims), ISS, settings, None)?;
    let headers = IdentityHeaders {
        issuer: ISS,
        rendered: &rendered,
    };
    let mut written = Vec::new();
    headers.write(&mut written);
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let headers: Vec<_> = headers.iter().map(own).collect();
    let lines: String = headers
        .iter()
        .map(|(n, v)| format!("{n}: {v}\r\n"))
        .collect();
    assert_eq!(lines.as_bytes(), written);
    Ok(headers)
}

fn one(claims: &Value, header: &str) -> Option<String> {
    let mut found = rendered(claims)
        .unwrap()
        .into_iter()
        .filter(|(name, _)| name == header);
    let first = found.next();
    assert!(found.next().is_none(), "{header} stands twice");
    first.map(|(_, value)| value)
}

fn error(claims: &Value) -> IdentityError {
    rendered(claims).unwrap_err()
}

#[test]
fn a_full_identity_has_every_header() {
    let claims = json!({
        "sub": "alice", "realmName": "orders", "groupIds": ["a", "b c"], "scope": "read write",
    });
    let expected = [
        ("x-auth-subject", "alice"),
        ("x-auth-realm", "orders"),
        ("x-auth-groups", "a,b c"),
        ("x-auth-scope", "read,write"),
        ("x-auth-issuer", ISS),
    ];
    let expected: Vec<_> = expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    assert_eq!(rendered(&claims).unwrap(), expected);
    for (name, _) in expected {
        assert!(HEADER_NAMES.contains(&&*name), "{name}");
    }
}

#[test]
fn an_account_speaks_in_the_place_of_the_token() {
    let claims = json!({
        "sub": "s-1", "email": "a@b", "uid": "u", "realmName": "claimed", "groupIds": ["admins"], "scope": "read",
    });
    let settings = IdentityClaims {
        unique_name: Some("uid".parse().unwrap()),
        headers: [ClaimHeader {
            name: "x-email".into(),
            claim: "email".parse().unwrap(),
            format: Format::Text,
        }]
        .into(),
        ..IdentityClaims::default()
    };
    let lines = |account: Option<&Account>| {
        let rendered = render(&Object::of(&claims), ISS, &settings, account).unwrap();
        rendered.lines.to_string()
    };
    assert_eq!(
        lines(None),
        "x-auth-subject: s-1\r\nx-auth-unique-name: u\r\nx-auth-realm: claimed\r\n\
         x-auth-groups: admins\r\nx-auth-scope: read\r\nx-email: a@b\r\n"
    );
    let alice = Account::new("alice", ["staff", "b c"]).unwrap();
    assert_eq!(
        lines(Some(&alice)),
        "x-auth-subject: alice\r\nx-auth-unique-name: u\r\nx-auth-realm: claimed\r\n\
         x-auth-groups: staff,b c\r\nx-auth-scope: read\r\nx-email: a@b\r\n"
    );
    let groupless = Account::new("alice", [""; 0]).unwrap();
    let named = groupless
        .with_unique_name("1")
        .unwrap()
        .with_realm("own")
        .unwrap();
    assert_eq!(
        lines(Some(&named)),
        "x-auth-subject: alice\r\nx-auth-unique-name: 1\r\nx-auth-realm: own\r\n\
         x-auth-scope: read\r\nx-email: a@b\r\n"
    );
}

#[test]
fn what_is_too_long_together_is_refused() {
    let header = |n: usize| ClaimHeader {
        name: format!("x-{n}").into(),
        claim: "sub".parse().unwrap(),
        format: Format::Text,
    };
    let settings = IdentityClaims {
        headers: (0..8).map(header).collect(),
        ..IdentityClaims::default()
    };
    let of = |length: usize| rendered_with(&json!({"sub": "s".repeat(length)}), &settings);
    assert!(of(3 << 10).is_ok());
    assert_eq!(of(4 << 10), Err(IdentityError::TooLong));
}

#[test]
fn a_mapping_counts_for_its_time_and_for_its_source() {
    let mapping = Mapping {
        account: None,
        by: 7,
        from: UnixTime(100),
        until: UnixTime(130),
    };
    assert!(mapping.holds(7, UnixTime(100)) && mapping.holds(7, UnixTime(129)));
    assert!(!mapping.holds(8, UnixTime(100)));
    for other in [0, 99, 130, 1_000] {
        assert!(!mapping.holds(7, UnixTime(other)), "{other}");
    }
}

#[test]
fn what_is_not_said_gets_no_header() {
    let silent = [
        json!({}),
        json!({"sub": "", "realmName": "", "groupIds": "", "scope": ""}),
        json!({"sub": null, "realmName": null, "groupIds": null, "scope": null, "scp": null}),
        json!({"groupIds": [], "scp": []}),
    ];
    for claims in silent {
        let names: Vec<_> = rendered(&claims)
            .unwrap()
            .into_iter()
            .map(|(n, _)| n)
            .collect();
        assert_eq!(names, ["x-auth-issuer", "x-auth-realm"], "{claims}");
    }
}

#[test]
fn the_realm_is_the_configured_one_or_the_claim_or_the_issuer() {
    let claims = json!({"realmName": "claimed", "tenant": "acme"});
    assert_eq!(one(&claims, "x-auth-realm").as_deref(), Some("claimed"));
    for claims in [json!({}), json!({"realmName": 7}), json!({"realmName": ""})] {
        assert_eq!(
            one(&claims, "x-auth-realm").as_deref(),
            Some(ISS),
            "{claims}"
        );
    }
    let renamed = IdentityClaims {
        realm_claim: "tenant".parse().unwrap(),
        ..Default::default()
    };
    let value = |settings| {
        let headers = rendered_with(&claims, settings).unwrap();
        let realms = headers
            .into_iter()
            .filter(|(name, _)| name == "x-auth-realm");
        realms.map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(value(&renamed), ["acme"]);
    let fixed = IdentityClaims {
        realm: Some(HeaderValue::from_static("fixed")),
        ..renamed.clone()
    };
    assert_eq!(value(&fixed), ["fixed"]);
    let bad = json!({"realmName": "a\r\nx-auth-subject: root"});
    assert_eq!(
        error(&bad),
        IdentityError::NotAHeaderValue(ClaimPath::named("realmName"))
    );
}

#[test]
fn other_claims_can_be_subject_and_groups() {
    let settings = IdentityClaims {
        subject: "email".parse().unwrap(),
        groups: "/realm_access/roles".parse().unwrap(),
        ..Default::default()
    };
    let claims = json!({"sub": "1", "email": "a@b", "realm_access": {"roles": ["x", "y"]}});
    let headers = rendered_with(&claims, &settings).unwrap();
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert!(headers.contains(&line("x-auth-subject", "a@b")));
    assert!(headers.contains(&line("x-auth-groups", "x,y")));
    let claims = json!({"email": 1});
    let refused = IdentityError::WrongType("email".parse().unwrap());
    assert_eq!(rendered_with(&claims, &settings), Err(refused));
}

#[test]
fn groups_are_an_array_or_one_string() {
    assert_eq!(
        one(&json!({"groupIds": "admins"}), "x-auth-groups").as_deref(),
        Some("admins")
    );
    assert_eq!(
        one(&json!({"groupIds": ["a", "b"]}), "x-auth-groups").as_deref(),
        Some("a,b")
    );
    let groups = || ClaimPath::named("groupIds");
    for value in [json!("a,admins"), json!(["a,admins"]), json!(["b", ","])] {
        assert_eq!(
            error(&json!({"groupIds": value})),
            IdentityError::Comma(groups()),
            "{value}"
        );
    }
    for value in [
        json!(1),
        json!({}),
        json!([1]),
        json!(["a", null]),
        json!([["a"]]),
        json!(true),
    ] {
        assert_eq!(
            error(&json!({"groupIds": value})),
            IdentityError::WrongType(groups()),
            "{value}"
        );
    }
    for value in [
        json!([""]),
        json!(["a", ""]),
        json!([" a"]),
        json!(["a "]),
        json!(["a\nb"]),
    ] {
        let refused = IdentityError::NotAHeaderValue(groups());
        assert_eq!(error(&json!({"groupIds": value})), refused, "{value}");
    }
}

#[test]
fn a_control_character_anywhere_is_refused() {
    for bad in [
        '\r', '\n', '\0', '\t', '\u{7f}', '\u{1}', '\u{1b}', '\u{85}', '\u{9f}',
    ] {
        for text in [
            format!("a{bad}b"),
            format!("{bad}a"),
            format!("a{bad}"),
            bad.to_string(),
        ] {
            for claim in ["sub", "realmName", "groupIds", "scope", "scp"] {
                if bad == '\t' && claim.starts_with("sc") {
                    assert_eq!(one(&json!({claim: text}), "x-auth-scope"), None);
                    continue;
                }
                let refused = IdentityError::NotAHeaderValue(ClaimPath::named(claim));
                assert_eq!(error(&json!({claim: text})), refused, "{claim} {text:?}");
            }
            for claim in ["groupIds", "scp"] {
                let refused = IdentityError::NotAHeaderValue(ClaimPath::named(claim));
                assert_eq!(
                    error(&json!({claim: ["x", text]})),
                    refused,
                    "{claim} {text:?}"
                );
            }
        }
    }
}

#[test]
fn blanks_at_the_ends_are_refused_and_inside_they_stay() {
    for sub in [" alice", "alice ", " ", "\u{a0}alice", "alice\u{3000}"] {
        let refused = IdentityError::NotAHeaderValue(ClaimPath::named("sub"));
        assert_eq!(error(&json!({"sub": sub})), refused, "{sub:?}");
    }
    assert_eq!(
        one(&json!({"sub": "a  b"}), "x-auth-subject").as_deref(),
        Some("a  b")
    );
    assert_eq!(
        one(&json!({"sub": "a,b"}), "x-auth-subject").as_deref(),
        Some("a,b")
    );
}

#[test]
fn text_beyond_ascii_is_its_bytes() {
    assert_eq!(
        one(&json!({"sub": "Zoë 东"}), "x-auth-subject").as_deref(),
        Some("Zoë 东")
    );
}

#[test]
fn a_subject_that_is_no_string_is_refused() {
    for sub in [json!(1), json!(["alice"]), json!({"a": 1}), json!(true)] {
        let refused = IdentityError::WrongType(ClaimPath::named("sub"));
        assert_eq!(error(&json!({"sub": sub})), refused, "{sub}");
    }
}

#[test]
fn the_scope_is_what_it_grants() {
    let scope = |claims: Value| one(&claims, "x-auth-scope");
    assert_eq!(scope(json!({"scope": "a b"})).as_deref(), Some("a,b"));
    assert_eq!(scope(json!({"scp": "a b"})).as_deref(), Some("a,b"));
    assert_eq!(scope(json!({"scp": ["a", "b"]})).as_deref(), Some("a,b"));
    assert_eq!(
        scope(json!({"scope": "a", "scp": ["b"]})).as_deref(),
        Some("a")
    );
    for malformed in ["a  b", " a", "a ", "\"", "a\\b", "é"] {
        assert_eq!(
            scope(json!({"scope": malformed, "scp": "b"})),
            None,
            "{malformed}"
        );
    }
    let refused = IdentityError::Comma(ClaimPath::named("scope"));
    assert_eq!(error(&json!({"scope": "a b,admin"})), refused);
    assert_eq!(
        error(&json!({"scp": ["b,c"]})),
        IdentityError::Comma(ClaimPath::named("scp"))
    );
    for (claim, value) in [
        ("scope", json!(["a"])),
        ("scope", json!(1)),
        ("scp", json!([1])),
    ] {
        let refused = IdentityError::WrongType(ClaimPath::named(claim));
        assert_eq!(error(&json!({claim: value})), refused, "{claim} {value}");
    }
}
