//! `client_certificate_file` and `client_private_key_file` of `fetch`.

use super::{files, section::Section, value::Span};
use crate::issuer::{ClientCertificate, client_certificate::ClientCertificateError};

const CERTIFICATE: &str = "client_certificate_file";
const PRIVATE_KEY: &str = "client_private_key_file";

/// Reads both files, and looks whether they belong together.
pub(super) fn decode(fetch: &Section<'_>) -> Option<ClientCertificate> {
    let (certificate, key) = (fetch.path(CERTIFICATE), fetch.path(PRIVATE_KEY));
    let ((certificate, certificate_span), (key, key_span)) = match (certificate, key) {
        (None, None) => return None,
        (Some((_, span)), None) => return lone(fetch, span, CERTIFICATE, PRIVATE_KEY),
        (None, Some((_, span))) => return lone(fetch, span, PRIVATE_KEY, CERTIFICATE),
        (Some(certificate), Some(key)) => (certificate, key),
    };
    let read = |path: &std::path::Path, span| {
        let bytes = files::read(path, files::MAX_DOCUMENT).map(zeroize::Zeroizing::new);
        let failed = |error: files::FileError| fetch.context.error(span, error.to_string());
        bytes.map_err(failed).ok()
    };
    let (public, private) = (read(&certificate, certificate_span), read(&key, key_span));
    if private.is_some() && files::is_open_to_others(&key) {
        let path = key.display();
        fetch.context.warn(format!(
            "{path} holds a private key and is open to others: chmod 600 {path}"
        ));
    }
    ClientCertificate::new(&public?, &private?)
        .map_err(|error| {
            let span = match error {
                ClientCertificateError::NoCertificate | ClientCertificateError::Pair(_) => {
                    certificate_span
                }
                ClientCertificateError::NoKey | ClientCertificateError::Encrypted => key_span,
            };
            fetch.context.error(span, error.to_string());
        })
        .ok()
}

fn lone(fetch: &Section<'_>, span: Span, there: &str, absent: &str) -> Option<ClientCertificate> {
    let message = format!("\"{there}\" needs \"{absent}\" beside it");
    fetch.missing(span, message, &format!("set \"{absent}\""));
    None
}
