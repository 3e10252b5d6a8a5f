//! Files that hold an issuer's keys, in the forms that they come in.

use std::path::PathBuf;

use super::trust_store::{self, TrustStoreError};
use crate::{
    jose::jwk::{self, EncodedKeyError, JwkSet, JwkSetError, Symmetric},
    secret::Secret,
};

/// A file with an issuer's keys, read again when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// Where it is.
    pub path: PathBuf,
    /// What stands in it.
    pub form: KeyForm,
}

/// What stands in a file of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// A JWKS document. May hold `oct` keys.
    Jwks,
    /// X.509 certificates in PEM: the first one's key.
    Certificate,
    /// A public key in PEM.
    PublicKey,
    /// A Java trust store: the key of the certificate under one alias.
    TrustStore {
        /// The name of the certificate, without regard to case.
        alias: Box<str>,
        /// The store's password.
        password: Secret,
    },
}

/// Why a file gives no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// It is no key set.
    #[error(transparent)]
    Document(#[from] JwkSetError),
    /// It is no certificate or public key that can be used.
    #[error(transparent)]
    Encoded(#[from] EncodedKeyError),
    /// It is no trust store, or has no such certificate.
    #[error(transparent)]
    TrustStore(#[from] TrustStoreError),
}

impl KeyFile {
    /// The keys in `document`, which is the content of the file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn parse(&self, document: &[u8]) -> Result<JwkSet, KeyFileError> {
        Ok(match &self.form {
            KeyForm::Jwks => jwk::parse_set(document, Symmetric::Allowed)?,
            KeyForm::Certificate => JwkSet::from_certificate_pem(document)?,
            KeyForm::PublicKey => JwkSet::from_public_key_pem(document)?,
            KeyForm::TrustStore { alias, password } => {
                JwkSet::from_certificate_der(&trust_store::find(document, alias, password)?)?
            }
        })
    }
}
