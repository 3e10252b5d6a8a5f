//! Certificates for the tests of this room, and what is read of them.

use rcgen::{CertificateParams, DnType, KeyPair};

use super::*;

/// A self-signed identity for these names.
pub(super) fn identity(names: &[&str]) -> Identity {
    let (certificate, key) = pem(names);
    Identity::new(certificate.as_bytes(), key.as_bytes()).unwrap()
}

fn pem(names: &[&str]) -> (String, String) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "a, b");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Acme");
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn a_certificate_says_for_whom_it_is_and_when() {
    let identity = identity(&["API.example", "*.b.example", "127.0.0.1"]);
    let certificate = identity.certificate();
    let names: Vec<_> = certificate.dns_names.iter().map(|n| &**n).collect();
    assert_eq!(names, ["api.example", "*.b.example"]);
    assert!(certificate.not_before < certificate.not_after);
    let peer = PeerCertificate::new(&identity.key.cert[0]);
    let subject = peer.subject().to_str().unwrap();
    assert!(
        subject.contains("CN=a\\, b") && subject.contains("O=Acme"),
        "{subject}"
    );
    assert_eq!(peer.fingerprint().len(), 64);
    assert_eq!(peer.x5t_s256().len(), 43);
    assert_eq!(Certificate::parse(b"\x30\x03\x02\x01\x00"), None);
}

#[test]
fn what_does_not_belong_together_is_no_identity() {
    let (certificate, key) = pem(&["a.example"]);
    let (_, other) = pem(&["a.example"]);
    let identity = |certificate: &str, key: &str| {
        Identity::new(certificate.as_bytes(), key.as_bytes()).map(|_| ())
    };
    assert_eq!(identity(&certificate, &key), Ok(()));
    assert_eq!(identity(&certificate, &other), Err(IdentityError::Mismatch));
    assert_eq!(identity(&key, &key), Err(IdentityError::NoCertificate));
    assert_eq!(
        identity(&certificate, &certificate),
        Err(IdentityError::NoKey)
    );
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    assert_eq!(
        identity(&certificate, &encrypted),
        Err(IdentityError::Encrypted)
    );
    let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        identity(text, &key),
        Err(IdentityError::Certificate(_))
    ));
    let text = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(
        identity(&certificate, text),
        Err(IdentityError::Key(_))
    ));
}

#[test]
fn the_same_files_are_the_same_settings() {
    let (certificate, key) = pem(&["a.example"]);
    let one = || Identity::new(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(one(), one());
    assert_ne!(one(), identity(&["a.example"]));
    let authorities = || Authorities::new(certificate.as_bytes()).unwrap();
    assert_eq!(authorities(), authorities());
    assert_eq!(
        Authorities::new(key.as_bytes()).unwrap_err(),
        AuthoritiesError::NoCertificate
    );
    let outgoing = |name| Outgoing::new(name, Some(authorities()), Some(one()), false).unwrap();
    assert_eq!(outgoing("a.example"), outgoing("a.example"));
    assert_ne!(outgoing("a.example"), outgoing("b.example"));
    assert!(Outgoing::new("not a name", None, None, false).is_err());
}

#[test]
fn keys_are_agreed_on_with_a_post_quantum_group_first() {
    let first = provider().kx_groups[0].name();
    assert_eq!(first, rustls::NamedGroup::X25519MLKEM768);
}
