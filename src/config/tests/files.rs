//! Files that a configuration names.

use std::{fs, path::PathBuf};

use super::*;

pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn write(self, name: &str, content: &[u8], mode: u32) -> Self {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn accept(&self, text: &str) -> Config {
        parse_in(self.0.path(), text).unwrap_or_else(|report| panic!("{report}"))
    }

    pub(super) fn refuse(&self, text: &str, says: &str) {
        let report = parse_in(self.0.path(), text).err().unwrap().to_string();
        assert!(report.contains(says), "{says}\n{report}");
        assert!(report.ends_with("\n1 error\n"), "{report}");
    }
}

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef\n";

fn secret_issuer() -> String {
    format!("{UPSTREAM}[issuers.a]\naudiences = [\"a\"]\nshared_secret_file = \"secret\"\n")
}

#[test]
fn keys_are_kept_in_a_directory_that_may_come_later() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let parse = |line: &str| parse_in(folder.path(), &format!("{line}\n{UPSTREAM}{ISSUER}"));
    let cache = |line: &str| parse(line).ok().unwrap().key_cache;
    assert!(cache("").is_none());
    assert!(cache("key_cache_dir = \"\"").is_none());
    let path = cache("key_cache_dir = \"keys\"").unwrap().path("one");
    assert!(path.starts_with(folder.path().join("keys")));
    assert!(!folder.path().join("keys").exists());
    assert!(cache("key_cache_dir = \".\"").is_some());
    let report = parse("key_cache_dir = \"file\"").err().unwrap().to_string();
    assert!(report.contains("is not a directory"), "{report}");
    assert!(parse("key_cache_dir = 1").is_err());
}

#[test]
fn secrets_come_from_files_beside_the_configuration() {
    let text = secret_issuer();
    let folder = Folder::new().write("secret", SECRET, 0o600);
    assert!(folder.accept(&text).warnings.is_empty());
    Folder::new().refuse(&text, "cannot read");
    Folder::new()
        .write("secret", b"\n", 0o600)
        .refuse(&text, "is empty");
    Folder::new()
        .write("secret", b"short\n", 0o600)
        .refuse(&text, "at least 32 are needed");
    Folder::new()
        .write("secret", &[b'x'; 70_000], 0o600)
        .refuse(&text, "is larger than 65536 bytes");
    folder.refuse(&(text + "shared_secret = \"x\"\n"), "one source of keys");
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_can_read_is_a_warning() {
    let warnings = Folder::new()
        .write("secret", SECRET, 0o644)
        .accept(&secret_issuer())
        .warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("chmod 600"),
        "{warnings:?}"
    );
}

#[test]
fn a_folder_is_no_secret() {
    let folder = Folder::new();
    fs::create_dir(folder.path("secret")).unwrap();
    folder.refuse(&secret_issuer(), "is not a regular file");
}

#[test]
fn key_files_are_read_once_to_see_whether_they_are_good() {
    let text = format!("{UPSTREAM}[issuers.a]\naudiences = [\"a\"]\njwks_file = \"keys.json\"\n");
    let good = br#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
    assert!(
        Folder::new()
            .write("keys.json", good, 0o644)
            .accept(&text)
            .warnings
            .is_empty()
    );
    Folder::new().refuse(&text, "cannot read");
    for (content, says) in [
        (&b"<html>"[..], "the key set is"),
        (b"{}", "no \"keys\" array"),
        (b"{\"keys\":[]}", "no key that can be used"),
    ] {
        Folder::new()
            .write("keys.json", content, 0o644)
            .refuse(&text, says);
    }
}

#[test]
fn authorities_are_pem_certificates() {
    let text = format!("{UPSTREAM}{ISSUER}fetch = {{ ca_file = \"ca.pem\" }}\n");
    Folder::new().refuse(&text, "cannot read");
    Folder::new()
        .write("ca.pem", b"nothing", 0o644)
        .refuse(&text, "holds no PEM certificate");
}

#[test]
fn the_file_itself_is_read_with_care() {
    let folder = Folder::new()
        .write("good.toml", UPSTREAM.as_bytes(), 0o644)
        .write("bad.toml", b"\xff", 0o644);
    assert!(load(&folder.path("good.toml"), &clock()).is_ok());
    let says = |name: &str| {
        load(&folder.path(name), &clock())
            .err()
            .unwrap()
            .to_string()
    };
    assert!(says("bad.toml").contains("is not valid UTF-8"));
    assert!(says("none.toml").contains("cannot read"));
}
