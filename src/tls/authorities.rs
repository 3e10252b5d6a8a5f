//! Whom one side of a connection trusts to vouch for the other.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Authorities that were read from a file.
#[derive(Clone, Debug)]
pub struct Authorities {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) digest: [u8; SHA256_OUTPUT_LEN],
}

/// Why a file holds no authorities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthoritiesError {
    /// There is no certificate in it.
    #[error("it holds no PEM certificate")]
    NoCertificate,
    /// One of its certificates cannot be used.
    #[error("a certificate in it cannot be used: {0}")]
    Unusable(String),
}

impl Authorities {
    /// The authorities in `pem`; every certificate in it counts, or none.
    ///
    /// # Errors
    /// [`AuthoritiesError`].
    pub fn new(pem: &[u8]) -> Result<Self, AuthoritiesError> {
        let unusable =
            |error: &dyn std::fmt::Display| AuthoritiesError::Unusable(error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        if roots.is_empty() {
            return Err(AuthoritiesError::NoCertificate);
        }
        let mut own = [0; SHA256_OUTPUT_LEN];
        own.copy_from_slice(digest(&SHA256, pem).as_ref());
        Ok(Self {
            roots: Arc::new(roots),
            digest: own,
        })
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Authorities {}
