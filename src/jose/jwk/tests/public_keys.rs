//! Public keys in PEM.

use crate::jose::{
    Algorithm,
    fixtures::{ED25519, P256, RSA, Signer, der, pem, signers},
    jwk::{EncodedKeyError, JwkError, JwkSet, SpkiError},
    pem::PemError,
};

/// 1.2.840.113549.1.1.10.
const RSA_PSS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

fn asymmetric() -> impl Iterator<Item = &'static Signer> {
    signers().into_iter().filter(|s| s.jwk["kty"] != "oct")
}

fn read(text: &str) -> Result<JwkSet, EncodedKeyError> {
    JwkSet::from_public_key_pem(text.as_bytes())
}

fn error(label: &str, der: &[u8]) -> EncodedKeyError {
    read(&pem(label, der)).unwrap_err()
}

/// A SubjectPublicKeyInfo of the RSA key for RSASSA-PSS, with these parameters.
fn pss(parameters: &[u8]) -> Vec<u8> {
    let algorithm = der(0x30, &[&der(6, &[&RSA_PSS]), parameters]);
    let [pkcs1, _] = RSA.public_ders();
    der(0x30, &[&algorithm, &der(3, &[&[0], &pkcs1])])
}

/// The parameters that name the hash 2.16.840.1.101.3.4.2.`last`.
fn hash(last: u8) -> Vec<u8> {
    let oid = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    let hash = der(0x30, &[&der(6, &[&oid]), &der(5, &[])]);
    let salt = der(2, &[&[32]]);
    der(0x30, &[&der(0xa0, &[&hash]), &der(0xa2, &[&salt])])
}

#[test]
fn every_kind_of_key_is_read_and_is_the_same_as_its_jwk() {
    for signer in asymmetric() {
        let set = read(&pem("PUBLIC KEY", &signer.spki())).unwrap();
        let key = &set.keys[0];
        assert_eq!((set.keys.len(), key.kid()), (1, None));
        assert_eq!(key.thumbprint(), signer.key().thumbprint());
        assert_eq!(key.algorithms(), signer.key().algorithms());
        for algorithm in key.algorithms().iter() {
            let signature = signer.sign(algorithm, b"hello");
            assert!(key.verify(algorithm, b"hello", &signature).is_ok());
            assert!(key.verify(algorithm, b"hullo", &signature).is_err());
        }
        let mut cut = signer.spki();
        cut.pop();
        let refused = error("PUBLIC KEY", &cut);
        assert_eq!(refused, EncodedKeyError::PublicKey(SpkiError::Malformed));
        let longer = [signer.spki(), vec![0]].concat();
        let refused = error("PUBLIC KEY", &longer);
        assert_eq!(refused, EncodedKeyError::PublicKey(SpkiError::Malformed));
    }
}

#[test]
fn pkcs1_is_read_too() {
    let [pkcs1, spki] = RSA.public_ders();
    let set = read(&pem("RSA PUBLIC KEY", &pkcs1)).unwrap();
    assert_eq!(set.keys[0].thumbprint(), RSA.key().thumbprint());
    let malformed = EncodedKeyError::PublicKey(SpkiError::Malformed);
    assert_eq!(error("RSA PUBLIC KEY", &spki), malformed);
    assert_eq!(error("PUBLIC KEY", &pkcs1), malformed);
}

#[test]
fn a_key_for_pss_is_for_nothing_else() {
    let algorithms = |parameters: &[u8]| {
        let set = read(&pem("PUBLIC KEY", &pss(parameters)));
        set.map(|set| set.keys[0].algorithms().to_string())
    };
    assert_eq!(algorithms(&[]).as_deref(), Ok("PS256, PS384, PS512"));
    assert_eq!(algorithms(&hash(2)).as_deref(), Ok("PS384"));
    let refused = EncodedKeyError::PublicKey(SpkiError::Hash);
    // SHA-224, and SHA-1 by default.
    assert_eq!(algorithms(&hash(4)), Err(refused.clone()));
    assert_eq!(algorithms(&der(0x30, &[])), Err(refused));
    let key = &read(&pem("PUBLIC KEY", &pss(&hash(2)))).unwrap().keys[0];
    let sign = |algorithm| RSA.sign(algorithm, b"x");
    let good = sign(Algorithm::Ps384);
    assert!(key.verify(Algorithm::Ps384, b"x", &good).is_ok());
    for other in [Algorithm::Ps256, Algorithm::Rs384] {
        assert!(key.verify(other, b"x", &sign(other)).is_err(), "{other}");
    }
}

#[test]
fn a_file_that_is_something_else_says_what_it_is() {
    let good = pem("PUBLIC KEY", &P256.spki());
    assert!(read(&format!("a comment\n{good}")).is_ok());
    let certificate = P256.certificate("250101000000Z", "300101000000Z");
    for (label, expected) in [
        ("CERTIFICATE", EncodedKeyError::IsACertificate),
        ("PRIVATE KEY", EncodedKeyError::Private),
        ("EC PRIVATE KEY", EncodedKeyError::Private),
        (
            "PGP MESSAGE",
            EncodedKeyError::NotAPublicKey("PGP MESSAGE".to_owned()),
        ),
    ] {
        assert_eq!(error(label, &certificate), expected);
    }
    assert_eq!(
        read(&good.repeat(2)).unwrap_err(),
        EncodedKeyError::Several(2)
    );
    let der = JwkSet::from_public_key_pem(&P256.spki()).unwrap_err();
    assert_eq!(der, EncodedKeyError::Pem(PemError::NotText));
    assert_eq!(
        read("").unwrap_err(),
        EncodedKeyError::Pem(PemError::Nothing)
    );
}

#[test]
fn a_key_that_is_no_good_is_refused_with_its_reason() {
    let mut spki = P256.spki();
    *spki.last_mut().unwrap() ^= 1;
    let refused = error("PUBLIC KEY", &spki);
    assert_eq!(refused, EncodedKeyError::Key(JwkError::PointInvalid));
    let mut spki = ED25519.spki();
    let start = spki.len() - 32;
    spki[start..].fill(0);
    let refused = error("PUBLIC KEY", &spki);
    assert_eq!(refused, EncodedKeyError::Key(JwkError::PointLowOrder));
    // X25519, whose keys agree and do not sign: 1.3.101.110.
    let mut spki = ED25519.spki();
    let place = spki.windows(3).position(|w| w == [0x2b, 0x65, 0x70]);
    spki[place.unwrap() + 2] = 0x6e;
    let refused = error("PUBLIC KEY", &spki);
    assert_eq!(refused, EncodedKeyError::PublicKey(SpkiError::Kind));
    // A curve that nothing is verified on: brainpoolP256r1 in place of P-256, of another length.
    let oid = [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07];
    let ec = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let algorithm = der(0x30, &[&der(6, &[&ec]), &der(6, &[&oid])]);
    let spki = der(0x30, &[&algorithm, &der(3, &[&[0, 4], &[1; 64]])]);
    let refused = error("PUBLIC KEY", &spki);
    assert_eq!(refused, EncodedKeyError::PublicKey(SpkiError::Curve));
    // A compressed point.
    let p256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let algorithm = der(0x30, &[&der(6, &[&ec]), &der(6, &[&p256])]);
    let spki = der(0x30, &[&algorithm, &der(3, &[&[0, 2], &[1; 32]])]);
    let refused = error("PUBLIC KEY", &spki);
    assert_eq!(refused, EncodedKeyError::PublicKey(SpkiError::Point));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0_u8.., 0..300)) {
        let _ = read(&pem("PUBLIC KEY", &bytes));
        let _ = JwkSet::from_certificate_der(&bytes);
        let _ = JwkSet::from_certificate_pem(&bytes);
    }

    #[test]
    fn nothing_that_was_touched_makes_it_panic(place in 0_usize..350, value: u8) {
        for signer in asymmetric() {
            let mut certificate = signer.certificate("250101000000Z", "300101000000Z");
            if let Some(byte) = certificate.get_mut(place) {
                *byte = value;
            }
            let _ = JwkSet::from_certificate_der(&certificate);
        }
    }
}
