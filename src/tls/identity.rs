//! Who the gateway is: a certificate, its chain, and the private key that goes with it.

use std::{fmt, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use rustls::{
    Error, InconsistentKeys,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use super::{Certificate, provider};

/// A certificate with its chain and its private key.
#[derive(Clone)]
pub struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    certificate: Certificate,
    pub(super) digest: [u8; SHA256_OUTPUT_LEN],
}

/// Why a certificate and a private key are no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The first file holds no certificate.
    #[error("it holds no PEM certificate")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("a certificate in it cannot be read: {0}")]
    Certificate(String),
    /// The second file holds no private key.
    #[error("it holds no PEM private key")]
    NoKey,
    /// The private key is encrypted, and nobody is there to ask for the password.
    #[error(
        "the private key is encrypted: write it in the clear with openssl pkey, readable to the gateway alone"
    )]
    Encrypted,
    /// The private key is of a kind that is not used, or damaged.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// The first certificate is for another key.
    #[error(
        "the private key does not belong to the first certificate in the file: the gateway's own certificate comes first, those of its authorities behind it"
    )]
    Mismatch,
}

impl Identity {
    /// The identity of these two texts (PEM): the gateway's certificate with its chain behind it, and its
    /// private key.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn new(certificates: &[u8], private_key: &[u8]) -> Result<Self, IdentityError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(|error| IdentityError::Certificate(error.to_string()))?;
        let own = chain.first().ok_or(IdentityError::NoCertificate)?;
        let certificate = Certificate::parse(own);
        let certificate = certificate
            .ok_or_else(|| IdentityError::Certificate("it is no X.509 certificate".to_owned()))?;
        if is_encrypted(private_key) {
            return Err(IdentityError::Encrypted);
        }
        let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|_| IdentityError::NoKey)?;
        let mut digest = Context::new(&SHA256);
        for part in chain.iter().map(|c| &**c).chain([key.secret_der()]) {
            digest.update(&part.len().to_be_bytes());
            digest.update(part);
        }
        let mut own = [0; SHA256_OUTPUT_LEN];
        own.copy_from_slice(digest.finish().as_ref());
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(wrong)?;
        Ok(Self {
            key: Arc::new(key),
            certificate,
            digest: own,
        })
    }

    /// What its certificate says.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("names", &self.certificate.dns_names)
            .finish_non_exhaustive()
    }
}

fn wrong(error: Error) -> IdentityError {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => IdentityError::Mismatch,
        Error::InvalidCertificate(error) => IdentityError::Certificate(error.to_string()),
        other => IdentityError::Key(other.to_string()),
    }
}

/// As PKCS #8 says it, or as OpenSSL did before.
fn is_encrypted(pem: &[u8]) -> bool {
    [
        &b"-----BEGIN ENCRYPTED PRIVATE KEY-----"[..],
        b"Proc-Type: 4,ENCRYPTED",
    ]
    .into_iter()
    .any(|mark| memchr::memmem::find(pem, mark).is_some())
}
