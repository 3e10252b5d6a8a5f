//! Trust stores that Java made; `tests/vectors/truststores/make` says how.

use super::*;
use crate::jose::pem;

const JKS: &[u8] = include_bytes!("../../../tests/vectors/truststores/trust.jks");
const PKCS12: &[u8] = include_bytes!("../../../tests/vectors/truststores/trust.p12");
const ISSUER: &[u8] = include_bytes!("../../../tests/vectors/truststores/issuer.pem");

fn look(store: &[u8], alias: &str, password: &str) -> Result<Vec<u8>, TrustStoreError> {
    find(store, alias, &Secret::new(password.as_bytes().to_vec()))
}

fn issuer() -> Vec<u8> {
    pem::sections(ISSUER).unwrap().remove(0).der
}

fn has_the_issuer(store: &[u8]) {
    assert_eq!(look(store, "issuer", "changeit"), Ok(issuer()));
    // As in Java.
    assert_eq!(look(store, "ISSUER", "changeit"), Ok(issuer()));
    assert_ne!(look(store, "other", "changeit"), Ok(issuer()));
    let error = look(store, "absent", "changeit").unwrap_err().to_string();
    for part in ["\"absent\"", "\"issuer\"", "\"other\""] {
        assert!(error.contains(part), "{error}");
    }
    for wrong in ["changeIt", ""] {
        let refused = look(store, "issuer", wrong);
        assert_eq!(refused, Err(TrustStoreError::Password), "{wrong}");
    }
}

#[test]
fn jks_is_read() {
    has_the_issuer(JKS);
    // That of a private key.
    assert_eq!(look(JKS, "pair", "changeit"), Ok(issuer()));
}

#[test]
fn jks_that_was_touched_is_refused() {
    for place in (0..JKS.len()).step_by(7) {
        let mut store = JKS.to_vec();
        store[place] ^= 1;
        assert!(look(&store, "issuer", "changeit").is_err(), "{place}");
        assert!(look(&JKS[..place], "issuer", "changeit").is_err());
    }
}

#[cfg(feature = "truststore")]
#[test]
fn pkcs12_is_read() {
    has_the_issuer(PKCS12);
    has_the_issuer(include_bytes!(
        "../../../tests/vectors/truststores/legacy.p12"
    ));
    for place in (0..PKCS12.len()).step_by(31) {
        let mut store = PKCS12.to_vec();
        store[place] ^= 1;
        assert!(look(&store, "issuer", "changeit").is_err(), "{place}");
    }
    assert!(look(&PKCS12[..200], "issuer", "changeit").is_err());
}

#[cfg(not(feature = "truststore"))]
#[test]
fn a_build_without_pkcs12_says_what_to_do() {
    let refused = look(PKCS12, "issuer", "changeit").unwrap_err();
    assert_eq!(refused, TrustStoreError::Unsupported);
    let text = refused.to_string();
    for part in [
        "--features truststore",
        "keytool -exportcert",
        "certificate_file",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_is_neither_is_refused() {
    for store in [&b""[..], b"{}", b"\xfe\xed", ISSUER] {
        let refused = look(store, "issuer", "changeit");
        assert_eq!(refused, Err(TrustStoreError::Malformed));
    }
    let refused = find(JKS, "issuer", &Secret::new(vec![0xff]));
    assert_eq!(refused, Err(TrustStoreError::PasswordText));
}

#[test]
fn many_aliases_are_cut() {
    let aliases: Vec<_> = (0..30).map(|number| format!("a{number}\n")).collect();
    let text = listed(&aliases);
    assert!(
        text.starts_with("\"a0\\n\", ") && text.ends_with(" and 10 more"),
        "{text}"
    );
    assert_eq!(listed(&[]), "none at all");
}
