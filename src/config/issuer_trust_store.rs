//! `truststore_file` of an issuer: which certificate of it, and with which password.

use super::section::Section;
use crate::{issuer::KeyForm, secret::Secret};

/// What stands beside `truststore_file`.
pub(super) fn form(issuer: &Section<'_>) -> Option<KeyForm> {
    let has_password = ["truststore_password", "truststore_password_file"]
        .into_iter()
        .any(|name| issuer.has(name));
    let password = match issuer.secret("truststore_password", "truststore_password_file") {
        Some((password, _)) => Some(password),
        // A store without a password is one that has no private keys: Java writes them too.
        None => (!has_password).then(|| Secret::new(Vec::new())),
    };
    let Some(alias) = issuer.some_text("truststore_alias") else {
        let help = "set \"truststore_alias\"; keytool -list -keystore FILE shows the names";
        let message = "a trust store needs the name of the issuer's certificate";
        issuer.missing(issuer.place("truststore_file"), message, help);
        return None;
    };
    Some(KeyForm::TrustStore {
        alias: alias.text.into(),
        password: password?,
    })
}
