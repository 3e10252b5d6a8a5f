//! Certificates, public keys and trust stores that a configuration names.

use super::{files::Folder, *};
use crate::jose::fixtures::{P256, RSA, pem};

const STORE: &[u8] = include_bytes!("../../../tests/vectors/truststores/trust.jks");

/// A file with one issuer that has these lines.
fn with(lines: &str) -> String {
    format!("{UPSTREAM}[issuers.a]\naudiences = [\"a\"]\n{lines}\n")
}

fn certificate(not_before: &str, not_after: &str) -> String {
    pem("CERTIFICATE", &P256.certificate(not_before, not_after))
}

fn file(content: &str) -> Folder {
    Folder::new().write("key.pem", content.as_bytes(), 0o644)
}

/// The algorithms of the issuer's own keys, and the warnings. The clock stands at 2023-11-14.
fn accepted(folder: &Folder, lines: &str) -> Vec<String> {
    let config = folder.accept(&with(lines));
    assert!(config.policy.registry.find("a").is_ok());
    config.warnings
}

#[test]
fn a_certificate_is_read_to_see_whether_it_is_good() {
    let line = "certificate_file = \"key.pem\"";
    let good = file(&certificate("230101000000Z", "330101000000Z"));
    assert!(accepted(&good, line).is_empty());
    assert!(accepted(&good, &format!("{line}\nalgorithms = [\"ES256\"]")).is_empty());
    good.refuse(&with(&format!("{line}\nalgorithms = [\"RS256\"]")), "RS256");
    Folder::new().refuse(&with(line), "cannot read");
    for (content, says) in [
        ("", "it is not PEM"),
        (&*pem("PUBLIC KEY", &P256.spki()), "is for public_key_file"),
        (&*pem("PRIVATE KEY", b"x"), "holds a private key"),
        (&*pem("CERTIFICATE", b"x"), "certificate cannot be read"),
    ] {
        file(content).refuse(&with(line), says);
    }
}

#[test]
fn a_certificate_out_of_its_time_is_a_warning() {
    let line = "certificate_file = \"key.pem\"";
    for (from, until, says) in [
        (
            "230101000000Z",
            "231201000000Z",
            "expires at 2023-12-01T00:00:00Z",
        ),
        (
            "230101000000Z",
            "231101000000Z",
            "expired at 2023-11-01T00:00:00Z, and",
        ),
        (
            "240101000000Z",
            "250101000000Z",
            "not valid before 2024-01-01T00:00:00Z, and",
        ),
    ] {
        let warnings = accepted(&file(&certificate(from, until)), line);
        assert!(
            warnings.len() == 1 && warnings[0].contains(says),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_public_key_is_read_to_see_whether_it_is_good() {
    let line = "public_key_file = \"key.pem\"";
    for (label, der) in [
        ("PUBLIC KEY", RSA.spki()),
        ("PUBLIC KEY", P256.spki()),
        ("RSA PUBLIC KEY", RSA.public_ders()[0].clone()),
    ] {
        assert!(accepted(&file(&pem(label, &der)), line).is_empty());
    }
    for (content, says) in [
        ("ssh-rsa AAAA", "it is not PEM"),
        (
            &*certificate("230101000000Z", "330101000000Z"),
            "name it in certificate_file",
        ),
        (&*pem("RSA PRIVATE KEY", b"x"), "holds a private key"),
        (&*pem("PUBLIC KEY", b"x"), "public key cannot be read"),
        (&*pem("PUBLIC KEY", &RSA.spki()).repeat(2), "2 public keys"),
    ] {
        file(content).refuse(&with(line), says);
    }
}

#[test]
fn a_trust_store_needs_a_name_and_its_password() {
    let lines = |alias: &str, more: &str| {
        let alias = format!("truststore_alias = \"{alias}\"");
        format!("truststore_file = \"trust.jks\"\n{alias}\n{more}")
    };
    let folder = || {
        let folder = Folder::new().write("trust.jks", STORE, 0o644);
        folder.write("password", b"changeit\n", 0o600)
    };
    let password = "truststore_password_file = \"password\"";
    let warnings = accepted(&folder(), &lines("issuer", password));
    // It was made after the time of this clock.
    assert!(
        warnings.len() == 1 && warnings[0].contains("not valid before"),
        "{warnings:?}"
    );
    accepted(
        &folder(),
        &lines("Issuer", "truststore_password = \"changeit\""),
    );

    let refuse = |lines: &str, says: &str| folder().refuse(&with(lines), says);
    refuse(&lines("", password), "keytool -list");
    refuse(&lines("absent", password), "it has \"");
    refuse(&lines("issuer", ""), "the password is wrong");
    refuse(
        &lines("issuer", "truststore_password = \"other\""),
        "the password is wrong",
    );
    refuse(
        &lines("issuer", "truststore_password_file = \"none\""),
        "cannot read",
    );
    let both = format!("{password}\ntruststore_password = \"changeit\"");
    refuse(&lines("issuer", &both), "cannot both be set");
    let absent = lines("issuer", password).replace("trust.jks", "none.jks");
    refuse(&absent, "cannot read");
    refuse(
        "jwks_uri = \"https://x\"\ntruststore_alias = \"issuer\"",
        "without \"truststore_file\"",
    );
    folder()
        .write("trust.jks", b"{}", 0o644)
        .refuse(&with(&lines("issuer", password)), "neither PKCS#12 nor JKS");
}

#[cfg(not(feature = "truststore"))]
#[test]
fn a_build_without_pkcs12_says_what_to_do() {
    let store = include_bytes!("../../../tests/vectors/truststores/trust.p12");
    let lines = "truststore_file = \"trust.p12\"\ntruststore_alias = \"issuer\"\ntruststore_password = \"changeit\"";
    Folder::new()
        .write("trust.p12", store, 0o644)
        .refuse(&with(lines), "keytool -exportcert");
}

#[test]
fn an_issuer_has_one_source_of_keys() {
    let folder = file(&certificate("230101000000Z", "330101000000Z"));
    let lines = "certificate_file = \"key.pem\"\n";
    folder.accept(&with(lines));
    for other in [
        "public_key_file = \"key.pem\"",
        "truststore_file = \"x\"\ntruststore_alias = \"x\"",
        "jwks_uri = \"https://x\"",
    ] {
        folder.refuse(&with(&format!("{lines}{other}")), "one source of keys");
    }
}

/// A key pair with a certificate, made by another hand than ours.
fn pair() -> [String; 2] {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["client".to_owned()]).unwrap();
    [params.self_signed(&key).unwrap().pem(), key.serialize_pem()]
}

#[test]
fn a_client_certificate_has_its_private_key() {
    let with = |uri: &str, fetch: &str| {
        format!(
            "{UPSTREAM}[issuers.a]\njwks_uri = \"{uri}\"\naudiences = [\"a\"]\nfetch = {{ {fetch} }}\n"
        )
    };
    let both = "client_certificate_file = \"c.pem\", client_private_key_file = \"k.pem\"";
    let https = "https://idp.example/jwks";
    let [certificate, key] = pair();
    let folder = |certificate: &str, key: &str, mode: u32| {
        let folder = Folder::new().write("c.pem", certificate.as_bytes(), 0o644);
        folder.write("k.pem", key.as_bytes(), mode)
    };
    let good = || folder(&certificate, &key, 0o600);
    assert!(good().accept(&with(https, both)).warnings.is_empty());
    good().refuse(&with("http://127.0.0.1/jwks", both), "over http");
    good().refuse(
        &with(https, "client_certificate_file = \"c.pem\""),
        "needs \"client_private_key_file\"",
    );
    good().refuse(
        &with(https, "client_private_key_file = \"k.pem\""),
        "needs \"client_certificate_file\"",
    );
    good().refuse(&with(https, &both.replace("c.pem", "none")), "cannot read");
    let [_, other] = pair();
    for (certificate, key, says) in [
        (&*certificate, &*other, "cannot be used together"),
        (&key, &key, "no PEM certificate"),
        (&certificate, &certificate, "no PEM private key"),
        (
            &certificate,
            &pem("ENCRYPTED PRIVATE KEY", b"x"),
            "is encrypted",
        ),
        (
            &certificate,
            &pem("PRIVATE KEY", b"x"),
            "cannot be used together",
        ),
    ] {
        folder(certificate, key, 0o600).refuse(&with(https, both), says);
    }
}

#[cfg(unix)]
#[test]
fn a_private_key_that_others_can_read_is_a_warning() {
    let [certificate, key] = pair();
    let text = format!(
        "{UPSTREAM}[issuers.a]\njwks_uri = \"https://x\"\naudiences = [\"a\"]\n\
         fetch = {{ client_certificate_file = \"c.pem\", client_private_key_file = \"k.pem\" }}\n"
    );
    let folder = Folder::new().write("c.pem", certificate.as_bytes(), 0o644);
    let warnings = folder
        .write("k.pem", key.as_bytes(), 0o640)
        .accept(&text)
        .warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("chmod 600"),
        "{warnings:?}"
    );
}
