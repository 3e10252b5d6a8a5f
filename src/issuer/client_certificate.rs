//! The certificate that the gateway shows to the server of an issuer's keys (mutual TLS).

use std::fmt;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use zeroize::Zeroizing;

use crate::{
    jose::pem::{self, PemError},
    secret::Secret,
};

/// Certificate and private key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pem: Secret,
    digest: [u8; SHA256_OUTPUT_LEN],
}

/// Why a certificate and its private key cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientCertificateError {
    /// The first file holds no certificate.
    #[error("it holds no PEM certificate")]
    NoCertificate,
    /// The second file holds no private key.
    #[error("it holds no PEM private key")]
    NoKey,
    /// The private key is encrypted, and nobody is there to ask for the password.
    #[error(
        "the private key is encrypted: write it in the clear with openssl pkey, readable to the gateway alone"
    )]
    Encrypted,
    /// They do not belong together, or the TLS library does not take them.
    #[error("certificate and private key cannot be used together: {0}")]
    Pair(String),
}

impl ClientCertificate {
    /// A certificate, perhaps with its chain, and its private key: both PEM.
    ///
    /// # Errors
    /// [`ClientCertificateError`].
    pub fn new(certificate: &[u8], private_key: &[u8]) -> Result<Self, ClientCertificateError> {
        let labels = |text| {
            let sections: Result<Vec<_>, PemError> = pem::sections(text);
            sections.unwrap_or_default().into_iter().map(|s| s.label)
        };
        if !labels(certificate).any(|label| label == "CERTIFICATE") {
            return Err(ClientCertificateError::NoCertificate);
        }
        if labels(private_key).any(|label| label == "ENCRYPTED PRIVATE KEY") {
            return Err(ClientCertificateError::Encrypted);
        }
        if !labels(private_key).any(|label| label.ends_with("PRIVATE KEY")) {
            return Err(ClientCertificateError::NoKey);
        }
        let pem = Zeroizing::new([certificate, b"\n", private_key].concat());
        let mut own = [0; SHA256_OUTPUT_LEN];
        own.copy_from_slice(digest(&SHA256, &pem).as_ref());
        let this = Self {
            pem: Secret::new(pem.to_vec()),
            digest: own,
        };
        this.check()?;
        Ok(this)
    }

    /// For the client that shows it.
    pub(super) fn identity(&self) -> reqwest::Result<reqwest::Identity> {
        reqwest::Identity::from_pem(self.pem.expose_secret())
    }

    /// What tells it from others.
    pub(super) const fn digest(&self) -> [u8; SHA256_OUTPUT_LEN] {
        self.digest
    }

    fn check(&self) -> Result<(), ClientCertificateError> {
        let client = self.identity().and_then(|identity| {
            let builder = reqwest::Client::builder().identity(identity);
            builder.tls_certs_only([]).build()
        });
        let wrong = |error| ClientCertificateError::Pair(crate::call::cause(error));
        client.map(|_| ()).map_err(wrong)
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate([redacted])")
    }
}
