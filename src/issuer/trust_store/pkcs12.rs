//! PKCS#12 (RFC 7292), Java's form since version 9. Behind the feature `truststore`.

use super::{Entry, TrustStoreError};

/// The certificates in `store`.
#[cfg(feature = "truststore")]
pub(super) fn read(store: &[u8], password: &str) -> Result<Vec<Entry>, TrustStoreError> {
    use p12_keystore::Pkcs12Archive;

    if !is_sequence(store) {
        return Err(TrustStoreError::Malformed);
    }
    let archive = Pkcs12Archive::from_pkcs12(store, password).map_err(refused)?;
    let entries = archive.certs.into_iter().map(|bag| Entry {
        der: bag.cert.as_der().to_vec(),
        alias: bag
            .friendly_name
            .unwrap_or_else(|| bag.cert.subject().to_owned()),
    });
    Ok(entries.collect())
}

#[cfg(feature = "truststore")]
fn refused(error: p12_keystore::error::Error) -> TrustStoreError {
    use p12_keystore::error::Error;

    match error {
        // Where there is no integrity code, a wrong password shows as a bad padding.
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => TrustStoreError::Password,
        other => TrustStoreError::Content(other.to_string()),
    }
}

/// The certificates in `store`: none without the feature.
#[cfg(not(feature = "truststore"))]
pub(super) fn read(store: &[u8], _password: &str) -> Result<Vec<Entry>, TrustStoreError> {
    Err(if is_sequence(store) {
        TrustStoreError::Unsupported
    } else {
        TrustStoreError::Malformed
    })
}

/// Whether it begins as a PFX in DER or BER does.
fn is_sequence(store: &[u8]) -> bool {
    store.first() == Some(&0x30)
}
