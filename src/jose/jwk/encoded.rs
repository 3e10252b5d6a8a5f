//! Keys that come as PEM: a certificate, or a public key alone.

use std::sync::Arc;

use super::{
    JwkError, JwkSet, Key,
    certificate::{Certificate, CertificateError, CertificateFacts},
    spki::{self, SpkiError},
};
use crate::jose::pem::{self, PemError, Section};

const CERTIFICATE: &str = "CERTIFICATE";
const PUBLIC_KEY: &str = "PUBLIC KEY";
const RSA_PUBLIC_KEY: &str = "RSA PUBLIC KEY";

/// Why a certificate or a public key is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodedKeyError {
    /// It is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A private key stands in it.
    #[error(
        "it holds a private key: the gateway must not have it, leave only the certificate or public key"
    )]
    Private,
    /// A certificate was asked for, and this is not one.
    #[error("it holds no certificate, but \"{0}\": a public key alone is for public_key_file")]
    NotACertificate(String),
    /// A public key was asked for, and this is a certificate.
    #[error("it holds a certificate: name it in certificate_file")]
    IsACertificate,
    /// A public key was asked for, and this is something else.
    #[error("it holds no public key, but \"{0}\"")]
    NotAPublicKey(String),
    /// More than one public key.
    #[error("it holds {0} public keys, and one is expected: more keys are for jwks_file")]
    Several(usize),
    /// The certificate is not one, or its key is not for signatures.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The public key is not one, or not for signatures.
    #[error(transparent)]
    PublicKey(#[from] SpkiError),
    /// The key is not a sound one.
    #[error("the key is not used: {0}")]
    Key(#[from] JwkError),
}

impl JwkSet {
    /// The key of the first certificate in `text`; those that follow are its chain, and not looked at.
    ///
    /// # Errors
    /// [`EncodedKeyError`].
    pub fn from_certificate_pem(text: &[u8]) -> Result<Self, EncodedKeyError> {
        let sections = public_sections(text)?;
        if let Some(other) = sections.iter().find(|s| s.label != CERTIFICATE) {
            return Err(EncodedKeyError::NotACertificate(shown(&other.label)));
        }
        let first = sections.first().ok_or(PemError::Nothing)?;
        Self::from_certificate_der(&first.der)
    }

    /// The key of a certificate in DER.
    ///
    /// # Errors
    /// [`EncodedKeyError`].
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, EncodedKeyError> {
        let Certificate { key, facts } = Certificate::parse(der)?;
        Ok(Self::of(Key::from_public_key(key, Some(facts))?))
    }

    /// The one public key in `text`: a SubjectPublicKeyInfo, or PKCS#1's RSAPublicKey.
    ///
    /// # Errors
    /// [`EncodedKeyError`].
    pub fn from_public_key_pem(text: &[u8]) -> Result<Self, EncodedKeyError> {
        let sections = public_sections(text)?;
        let [Section { label, der }] = sections.as_slice() else {
            return Err(EncodedKeyError::Several(sections.len()));
        };
        let key = match &**label {
            PUBLIC_KEY => spki::read(der)?,
            RSA_PUBLIC_KEY => spki::read_pkcs1(der)?,
            CERTIFICATE => return Err(EncodedKeyError::IsACertificate),
            other => return Err(EncodedKeyError::NotAPublicKey(shown(other))),
        };
        Ok(Self::of(Key::from_public_key(
            key,
            None::<CertificateFacts>,
        )?))
    }

    fn of(key: Key) -> Self {
        Self {
            keys: vec![Arc::new(key)],
            skipped: Vec::new(),
        }
    }
}

fn public_sections(text: &[u8]) -> Result<Vec<Section>, EncodedKeyError> {
    let sections = pem::sections(text)?;
    if sections.iter().any(|s| s.label.ends_with("PRIVATE KEY")) {
        return Err(EncodedKeyError::Private);
    }
    Ok(sections)
}

/// The label of another section, for people to read.
fn shown(label: &str) -> String {
    crate::jose::excerpt::excerpt(label)
}
