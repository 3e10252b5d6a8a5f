//! Java trust stores: certificates by alias.

use crate::secret::Secret;

mod jks;
mod pkcs12;

/// The most aliases that an error lists.
const MAX_LISTED: usize = 20;

/// Why a trust store gives no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustStoreError {
    /// It is PKCS#12, and the program was built without that.
    #[error(
        "this build reads no PKCS#12: build with --features truststore, or take the certificate out \
         (keytool -exportcert -rfc -alias … -keystore … -file issuer.pem) and name it in certificate_file"
    )]
    Unsupported,
    /// It is neither PKCS#12 nor JKS.
    #[error("it is no trust store: neither PKCS#12 nor JKS")]
    Malformed,
    /// Its integrity code does not fit.
    #[error("the password is wrong, or the trust store is damaged")]
    Password,
    /// The password is not text.
    #[error("the password is not UTF-8")]
    PasswordText,
    /// It can be opened, and not be read.
    #[error("the trust store cannot be read: {0}")]
    Content(String),
    /// It has no certificate of that name.
    #[error("it has no certificate \"{wanted}\"; it has {}", listed(aliases))]
    Alias {
        /// What was asked for.
        wanted: String,
        /// What it has, in its order.
        aliases: Vec<String>,
    },
    /// It has more than one certificate of that name.
    #[error("it has more than one certificate \"{0}\"")]
    Ambiguous(String),
}

/// A certificate in DER, and what the store calls it.
struct Entry {
    alias: String,
    der: Vec<u8>,
}

/// The certificate in `store` that is called `alias`, in DER. As in Java, case does not matter.
///
/// # Errors
/// [`TrustStoreError`].
pub(super) fn find(
    store: &[u8],
    alias: &str,
    password: &Secret,
) -> Result<Vec<u8>, TrustStoreError> {
    let password =
        std::str::from_utf8(password.expose_secret()).map_err(|_| TrustStoreError::PasswordText)?;
    let mut entries = if jks::is_one(store) {
        jks::read(store, password)?
    } else {
        pkcs12::read(store, password)?
    };
    let is_wanted = |entry: &Entry| entry.alias.to_lowercase() == alias.to_lowercase();
    match entries.iter().filter(|entry| is_wanted(entry)).count() {
        0 => Err(TrustStoreError::Alias {
            wanted: alias.to_owned(),
            aliases: entries.into_iter().map(|entry| entry.alias).collect(),
        }),
        1 => {
            entries.retain(is_wanted);
            Ok(entries.pop().map(|entry| entry.der).unwrap_or_default())
        }
        _ => Err(TrustStoreError::Ambiguous(alias.to_owned())),
    }
}

fn listed(aliases: &[String]) -> String {
    let shown: Vec<_> = aliases
        .iter()
        .take(MAX_LISTED)
        .map(|alias| format!("\"{}\"", alias.escape_default()))
        .collect();
    match (shown.len(), aliases.len()) {
        (0, _) => "none at all".to_owned(),
        (some, all) if some < all => format!("{} and {} more", shown.join(", "), all - some),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests;
