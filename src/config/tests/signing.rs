//! `[signing]`.

use std::path::Path;

use super::*;
use crate::{
    clock::UnixTime,
    jose::Algorithm,
    signing::{Directory, Settings},
};

/// A folder with the keys of `keys`: one that signs.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path().join("keys"));
    let settings = Settings {
        algorithm: Algorithm::EdDsa,
        ..Settings::default()
    };
    directory.generate(&settings, None, clock().now()).unwrap();
    folder
}

fn signing(lines: &str) -> String {
    format!("{UPSTREAM}{ISSUER}audiences = [\"a\"]\n[signing]\n{lines}\n")
}

fn refused_in(base: &Path, lines: &str, says: &[&str]) {
    let report = parse_in(base, &signing(lines)).err().unwrap().to_string();
    for part in says {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
    assert!(
        report.contains("portcullis.toml:7:13") && report.ends_with("\n1 error\n"),
        "{report}"
    );
}

#[test]
fn the_keys_of_the_directory_are_read_and_watched() {
    assert!(accept(&signing("")).signer.is_none());
    let folder = folder();
    let config = parse_in(folder.path(), &signing("directory = \"keys\"")).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    let signer = config.signer.unwrap();
    let now = clock().now();
    assert_eq!(
        signer.key_at(now).unwrap().key.algorithm(),
        Algorithm::EdDsa
    );
    for path in signer.watched() {
        assert!(config.files.contains_key(path), "{}", path.display());
    }
    assert_eq!(signer.watched().count(), 2);
}

#[test]
fn a_directory_without_a_key_is_an_error() {
    let folder = folder();
    let help = "make a key with: portcullis keys generate --directory";
    refused_in(
        folder.path(),
        "directory = \"absent\"",
        &["No such file", help],
    );
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    refused_in(
        folder.path(),
        "directory = \"empty\"",
        &["holds no signing key", help],
    );
    std::fs::write(folder.path().join("keys/other"), "").unwrap();
    refused_in(
        folder.path(),
        "directory = \"keys\"",
        &["other is not a key's file"],
    );
}

#[test]
fn what_new_keys_are_like_is_checked() {
    let text = |lines| format!("{UPSTREAM}[signing]\n{lines}\n{ISSUER}");
    for (lines, says) in [
        (
            "algorithm = \"HS256\"",
            ["\"HS256\" is not an algorithm that a key pair", ""],
        ),
        (
            "algorithm = \"ES265\"",
            ["ES265", "did you mean \"ES256\"?"],
        ),
        (
            "algorithm = \"none\"",
            ["\"none\" is not", "there are RS256"],
        ),
        (
            "publish_for = \"\"",
            ["\"publish_for\" cannot be empty", ""],
        ),
        (
            "publish_for = \"31d\"",
            ["\"publish_for\" must be from 0s to 30d", ""],
        ),
        (
            "token_lifetime = \"59s\"",
            ["\"token_lifetime\" must be from 1m", ""],
        ),
        ("lifetime = \"1h\"", ["unknown key \"lifetime\"", ""]),
    ] {
        let report = refuse(&text(lines));
        assert!(says.iter().all(|part| report.contains(part)), "{report}");
        assert!(report.contains("portcullis.toml:4:"), "{report}");
    }
}

#[test]
fn what_is_worth_a_second_look_is_said() {
    let folder = folder();
    let warnings = |lines: &str| parse_in(folder.path(), &signing(lines)).unwrap().warnings;
    let said = warnings("algorithm = \"ES384\"");
    assert!(
        said[0].contains("\"algorithm\" does nothing without a \"directory\""),
        "{said:?}"
    );
    let said = warnings("directory = \"keys\"\ntoken_lifetime = \"2h\"");
    assert!(said[0].contains("for tokens of at most 1h"), "{said:?}");
    let directory = Directory::new(folder.path().join("later"));
    directory
        .generate(&Settings::default(), Some(60), clock().now())
        .unwrap();
    let said = warnings("directory = \"later\"");
    let from = UnixTime(1_700_000_060);
    assert!(
        said[0].contains(&format!("no key signs before {from}")),
        "{said:?}"
    );
}

#[test]
fn the_commands_read_the_section_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.toml");
    let text = "[signing]\ndirectory = \"keys\"\nalgorithm = \"PS256\"\npublish_for = \"2h\"\n[issuers]\nx = 1\n";
    std::fs::write(&file, text).unwrap();
    let settings = super::super::signing(&file).unwrap();
    assert_eq!(settings.directory, Some(folder.path().join("keys")));
    assert_eq!(
        (settings.algorithm, settings.publish_for),
        (Algorithm::Ps256, 7200)
    );
    std::fs::write(&file, "[signing]\nalgorithm = \"HS256\"\n").unwrap();
    assert!(super::super::signing(&file).is_err());
    assert!(super::super::signing(&folder.path().join("absent")).is_err());
}
