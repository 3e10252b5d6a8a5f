//! Secrets stand in source lines, and reports print source lines.

use super::*;

#[test]
fn secrets_are_never_shown() {
    for text in [
        // A value that is wrong itself.
        "[admin]\ntoken = \"hunter2\"",
        "[admin]\ntoken = [\"hunter2\"]",
        "[issuers.a]\nshared_secret = \"hunter2\"",
        "[issuers.a]\nshared_secret = \"${hunter2\"",
        // A secret beside something wrong.
        "[issuers.a]\njwks = { keys = [{ kty = \"oct\", k = \"hunter2\" }], x = 1 }",
        "[issuers.a]\nfetch = { password = \"hunter2\", usrname = \"x\" }",
        // Misspelt keys, and keys that nobody knows.
        "[issuers.a]\nshared_secrt = \"hunter2\"",
        "[admin]\npwd = \"hunter2\"",
        "[admin]\ntokn = \"hunter2\"",
        "client_secret = { value = \"hunter2\" }",
        // As the name of a key, where a table makes no sense.
        "[admin]\ntoken_file = 1\npassword = { hunter2 = 1 }",
        "[issuers.a]\nshared_secret = { \"hunter2\" = 1 }",
        "[admin]\nlisten = \"\"\n[issuers.a.fetch]\npassword = { \"hunter2\"\nusername = \"x\"\n[[routes]]\npath = \"/\"\nscopes = [\"x\"]",
        "[issuers.a]\nfetch = { password = { \"hunter2\" = \"x\" } }",
        // In URLs.
        "[upstream]\nurl = \"http://me:hunter2@host\"",
        "[issuers.a]\njwks_uri = \"https://me:hunter2@host/jwks\"",
        "[server]\npublic_url = \"https://hunter2@host\"",
        // In text that cannot be parsed.
        "[admin]\ntoken = \"hunter2",
        "[admin]\ntoken = hunter2",
        "[admin]\ntoken = \"\"\"\nhunter2 \\q\n\"\"\"",
        "[issuers.a]\nfetch = { password = \"hunter2\" \"x\" }",
        "[issuers.a.jwks]\nkeys = [{ kty = \"oct\", k = \"hunter2 }]",
    ] {
        let report = parse_in(Path::new("/nowhere"), &format!("{text}\n"))
            .err()
            .unwrap();
        for shown in [
            report.render(false),
            report.render(true),
            format!("{report:?}"),
        ] {
            assert!(!shown.contains("hunter2"), "{text}\n{shown}");
        }
    }
}

#[test]
fn what_is_no_secret_is_shown() {
    let report = refuse("[server]\nlisten = \"elsewhere\"\n");
    assert!(report.contains("listen = \"elsewhere\""), "{report}");
}

#[test]
fn columns_are_those_of_the_file() {
    let text = format!(
        "{UPSTREAM}[issuers.a]\njwks_uri = \"https://x\"\nfetch = {{ password = \"a much longer secret\", usrname = 1 }}\n"
    );
    let report = refuse(&text);
    assert!(report.contains("portcullis.toml:5:46\n"), "{report}");
    let column = |part: &str| report.lines().find_map(|l| l.find(part));
    assert_eq!(column("usrname ="), column("^^^^^^^"), "{report}");
    assert!(report.contains("[redacted]"), "{report}");
}

#[test]
fn values_of_variables_are_not_shown() {
    let text = format!("{UPSTREAM}[admin]\nlisten = \"${{HOST}}\"\n");
    let report = refuse(&text);
    assert!(
        !report.contains("idp.example") && report.contains("${HOST}"),
        "{report}"
    );
}
