//! `[identity]`, `identity` of an issuer, and `[user_registry]`.

use super::*;
use crate::{
    identity::{Format, IdentityClaims},
    users::UserRegistry,
};

const LDAP: &str = "[user_registry]\nurl = \"ldaps://ldap.example.com\"\nbase_dn = \"dc=x\"\n";

fn claims(config: &Config) -> &IdentityClaims {
    &config
        .policy
        .registry
        .find("https://idp.example")
        .unwrap()
        .identity
}

/// The message about a file that ends with `text`, whose first line is 5.
#[track_caller]
fn refuse_with(text: &str, place: &str, says: &[&str]) {
    refuse_at(&format!("{UPSTREAM}{ISSUER}{text}"), place, says);
}

#[test]
fn an_issuer_without_identity_has_the_defaults() {
    let config = accept_with("");
    assert_eq!(*claims(&config), IdentityClaims::default());
    assert_eq!(
        config.policy.users.by(claims(&config)),
        crate::identity::NOBODY
    );
}

#[test]
fn headers_of_an_issuer_go_before_those_of_all() {
    let config = accept_with(
        "[identity.headers]\nX-Email = \"email\"\n\"X-Roles\" = { claim = \"/r\", format = \"csv\" }\n\
         [issuers.\"https://idp.example\".identity.headers]\nx_email = \"mail\"\n",
    );
    let headers = &claims(&config).headers;
    let shown: Vec<_> = headers
        .iter()
        .map(|h| (&*h.name, h.claim.as_str(), h.format))
        .collect();
    let expected = [
        ("x_email", "mail", Format::Text),
        ("x-roles", "/r", Format::Csv),
    ];
    assert_eq!(shown, expected);
    assert!(config.policy.own_headers.has("x-email") && config.policy.own_headers.has("x-roles"));
    assert!(!config.policy.own_headers.has("x-other"));
}

#[test]
fn a_header_that_cannot_be_set_is_an_error() {
    for name in [
        "Authorization",
        "Host",
        "connection",
        "X-Auth-Groups",
        "X_Request_Id",
        "Content-Type",
    ] {
        let text = format!("[identity.headers]\n\"{name}\" = \"email\"\n");
        refuse_with(
            &text,
            "6:1",
            &["has a meaning of its own", "choose a name of your own"],
        );
    }
    refuse_with(
        "[identity.headers]\n\"X Email\" = \"email\"\n",
        "6:1",
        &["not a header's name"],
    );
    refuse_with(
        "[identity.headers]\nX-Email = \"email\"\nx_email = \"mail\"\n",
        "7:1",
        &["already there", "with _ or . for -"],
    );
    refuse_with(
        "[identity.headers]\nX-E = 7\n",
        "6:7",
        &["not a number", "write \"email\""],
    );
    refuse_with("[identity.headers]\nX-E = \"/~\"\n", "6:7", &["RFC 6901"]);
    refuse_with(
        "[identity.headers]\nX-E = { claim = \"a\", format = \"cvs\" }\n",
        "6:31",
        &["must be \"text\"", "did you mean \"csv\"?"],
    );
    refuse_with(
        "[identity.headers]\nX-E = { format = \"csv\" }\n",
        "6:7",
        &["which claim?"],
    );
    let many: String = (0..65).map(|n| format!("X-{n} = \"a\"\n")).collect();
    let report = refuse(&format!("{UPSTREAM}{ISSUER}[identity.headers]\n{many}"));
    assert!(report.contains("at most 64 headers"), "{report}");
}

#[test]
fn identity_of_an_issuer_is_checked() {
    let identity = |keys: &str| format!("[issuers.\"https://idp.example\".identity]\n{keys}\n");
    refuse_with(&identity("subject = \"\""), "6:11", &["cannot be empty"]);
    refuse_with(
        &identity("realm = \" a\""),
        "6:9",
        &["cannot be a header value", "leave out"],
    );
    refuse_with(
        &identity("user_registry = true"),
        "6:17",
        &["there is no [user_registry]"],
    );
    refuse_with(
        &identity("mapper = true"),
        "6:10",
        &["there is no [identity.mapper]"],
    );
    refuse_with(
        &identity("subjct = \"a\""),
        "6:1",
        &["did you mean \"subject\"?"],
    );
    let config = accept_with(&identity(
        "user_registry = false\nmapper = false\nrealm = \"a b\"",
    ));
    assert!(!claims(&config).user_registry && !claims(&config).mapper);
}

#[test]
fn a_mapper_is_asked_over_https() {
    let mapper = |keys: &str| format!("[identity.mapper]\n{keys}\n");
    for url in [
        "https://m.example/x?y=z",
        "http://127.0.0.1:1/",
        "http://localhost/",
    ] {
        let config = accept_with(&mapper(&format!("url = \"{url}\"")));
        assert!(
            config.policy.users.mapper(claims(&config)).is_some(),
            "{url}"
        );
    }
    refuse_with(
        &mapper("url = \"http://m.example/\""),
        "6:7",
        &["must be https"],
    );
    refuse_with(
        &mapper("url = \"ftp://m.example/\""),
        "6:7",
        &["https:// or http://"],
    );
    refuse_with(&mapper("timeout = \"1s\""), "5:1", &["needs a \"url\""]);
    refuse_with(
        &mapper("url = \"https://m.example\"\ntimeout = \"0s\""),
        "7:11",
        &["from 10ms"],
    );
    refuse_with(
        &mapper("url = \"https://m.example\"\nca_file = \"none.pem\""),
        "7:11",
        &["cannot read"],
    );
}

#[test]
fn a_directory_is_asked_over_a_safe_connection() {
    for (text, accepted) in [
        ("url = \"ldaps://ldap.example.com\"", true),
        ("url = \"ldaps://[::1]:1636\"", true),
        ("url = \"ldap://ldap.example.com\"\nstart_tls = true", true),
        ("url = \"ldap://127.0.0.1:3890\"", true),
        ("url = \"ldap://ldap.example.com\"", false),
        (
            "url = \"ldaps://ldap.example.com\"\nstart_tls = true",
            false,
        ),
        ("url = \"https://ldap.example.com\"", false),
        ("url = \"ldaps://ldap.example.com/dc=x\"", false),
        ("url = \"ldaps://u:p@ldap.example.com\"", false),
        ("url = \"ldaps://\"", false),
    ] {
        let text = format!("{UPSTREAM}{ISSUER}[user_registry]\nbase_dn = \"dc=x\"\n{text}\n");
        let parsed = parse_in(Path::new("/nowhere"), &text);
        assert_eq!(parsed.is_ok(), accepted, "{text}");
    }
    refuse_with(
        "[user_registry]\nurl = \"ldap://ldap.example.com\"\nbase_dn = \"dc=x\"\n",
        "6:7",
        &["plain LDAP", "start_tls = true"],
    );
}

#[test]
fn a_directory_is_checked() {
    let with = |keys: &str| format!("{LDAP}{keys}\n");
    refuse_with(
        "[user_registry]\nurl = \"ldaps://l.example\"\n",
        "6:7",
        &["needs a \"base_dn\""],
    );
    refuse_with(
        &with("user_filter = \"(uid=*)\""),
        "8:15",
        &["must hold {user}"],
    );
    refuse_with(
        &with("user_filter = \"(uid={user}\""),
        "8:15",
        &["at byte 11 there should be )"],
    );
    refuse_with(
        &with("user_filter = \"(uid={name})\""),
        "8:15",
        &["only {user} and {dn}"],
    );
    refuse_with(
        &with("group_filter = \"(cn=a)\""),
        "8:16",
        &["must hold {dn} or {user}"],
    );
    refuse_with(
        &with("group_attribute = \"memberOf\"\ngroup_filter = \"(member={dn})\""),
        "9:16",
        &["cannot both be set"],
    );
    refuse_with(
        &with("group_attribute = \"member Of\""),
        "8:19",
        &["not the name of an attribute"],
    );
    refuse_with(
        &with("bind_dn = \"cn=a\""),
        "8:11",
        &["needs a \"bind_password_file\""],
    );
    refuse_with(
        &with("bind_password = \"p\""),
        "8:17",
        &["needs a \"bind_dn\"", "[redacted]"],
    );
    refuse_with(&with("pool_size = 0"), "8:13", &["from 1 to 64"]);
    refuse_with(
        &with("file = \"users.toml\""),
        "6:7",
        &["cannot both be set"],
    );
    let config = accept_with(&with(
        "group_filter = \"(|(member={dn})(memberUid={user}))\"",
    ));
    let silent = |warning: &String| !warning.contains("no user has groups");
    assert!(config.warnings.iter().all(silent));
    let registry = config.policy.users.registry(claims(&config)).unwrap();
    assert!(matches!(registry, UserRegistry::Ldap(_)));
    assert!(accept_with(LDAP).warnings[0].contains("no user has groups"));
}

#[test]
fn a_registry_that_says_nothing_is_no_registry() {
    refuse_with(
        "[user_registry]\n",
        "5:1",
        &["where are the users?", "\"file\" or \"url\""],
    );
    refuse_with(
        "[user_registry]\nbase_dn = \"dc=x\"\n",
        "5:1",
        &["where are the users?"],
    );
    refuse_with(
        "[user_registry]\nurl = \"\"\nbase_dn = \"dc=x\"\n",
        "7:11",
        &["neither \"file\" nor \"url\""],
    );
}

#[test]
fn a_file_of_users_is_read_with_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{UPSTREAM}{ISSUER}[user_registry]\nfile = \"users.toml\"\n");
    let read = |users: &str| {
        std::fs::write(folder.path().join("users.toml"), users).unwrap();
        parse_in(folder.path(), &text)
    };
    let config = read("[users.alice]\ngroups = [\"a\", \"b\"]\n[users.\"x|y\"]\n").unwrap();
    let Some(UserRegistry::File(file)) = config.policy.users.registry(claims(&config)) else {
        panic!()
    };
    assert_eq!(file.len(), 2);
    assert_eq!(
        file.find("alice").unwrap().groups().collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert!(config.files.contains_key(&folder.path().join("users.toml")));
    for (users, says) in [
        ("[users.alice]\ngroups = [\"a,b\"]\n", "holds a comma"),
        ("[users.alice]\ngroups = \"a\"\n", "must be a list"),
        (
            "[users.alice]\ngroup = [\"a\"]\n",
            "did you mean \"groups\"?",
        ),
        ("[users.\"a \"]\n", "cannot be a header value"),
        ("[users.\"\"]\n", "has no name"),
        ("[user.alice]\n", "did you mean \"users\"?"),
        (
            "[users.alice]\nrealm = \"a\\n\"\n",
            "cannot be a header value",
        ),
        ("[users.alice\n", "1 error"),
    ] {
        let report = read(users).err().unwrap().to_string();
        assert!(
            report.contains(says) && report.contains("users.toml:"),
            "{users}: {report}"
        );
    }
    let empty = read("").unwrap();
    assert!(
        empty.warnings[0].contains("no users"),
        "{:?}",
        empty.warnings
    );
    std::fs::remove_file(folder.path().join("users.toml")).unwrap();
    assert!(parse_in(folder.path(), &text).is_err());
}
