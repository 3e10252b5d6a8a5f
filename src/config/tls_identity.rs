//! A certificate and its private key, in two files.

use super::{files, section::Section, value::Span};
use crate::{
    clock::UnixTime,
    issuer::warning,
    tls::{Authorities, Identity, IdentityError},
};

/// Reads the files at these two keys; `None` when neither is set, or something is wrong.
pub(super) fn decode(
    section: &Section<'_>,
    certificate: &'static str,
    private_key: &'static str,
) -> Option<Identity> {
    let paths = (section.path(certificate), section.path(private_key));
    let ((certificates, span), (key, key_span)) = match paths {
        (None, None) => return None,
        (Some((_, span)), None) => return lone(section, span, certificate, private_key),
        (None, Some((_, span))) => return lone(section, span, private_key, certificate),
        (Some(certificates), Some(key)) => (certificates, key),
    };
    let read = |path: &std::path::Path, span| {
        let bytes = files::read(path, files::MAX_DOCUMENT).map(zeroize::Zeroizing::new);
        let failed = |error: files::FileError| section.context.error(span, error.to_string());
        bytes.map_err(failed).ok()
    };
    let (public, private) = (read(&certificates, span), read(&key, key_span));
    if private.is_some() && files::is_open_to_others(&key) {
        let path = key.display();
        section.context.warn(format!(
            "{path} holds a private key and is open to others: chmod 600 {path}"
        ));
    }
    let identity = Identity::new(&public?, &private?)
        .map_err(|error| {
            let (path, span) = match error {
                IdentityError::NoCertificate | IdentityError::Certificate(_) => {
                    (&certificates, span)
                }
                IdentityError::NoKey
                | IdentityError::Encrypted
                | IdentityError::Key(_)
                | IdentityError::Mismatch => (&key, key_span),
            };
            let message = format!("{}: {error}", path.display());
            section.context.error(span, message);
        })
        .ok()?;
    warn_of_dates(section, &certificates, &identity);
    Some(identity)
}

/// The authorities in the file at `ca_file`, or another key.
pub(super) fn authorities(section: &Section<'_>, name: &str) -> Option<Authorities> {
    let (path, span) = section.path(name)?;
    let bytes = files::read(&path, files::MAX_DOCUMENT)
        .map_err(|error| section.context.error(span, error.to_string()))
        .ok()?;
    Authorities::new(&bytes)
        .map_err(|error| {
            let message = format!("{}: {error}", path.display());
            section.context.error(span, message);
        })
        .ok()
}

/// Clients refuse a certificate that has ended. Whoever starts the gateway all the same is told, and not
/// kept from it: one name's certificate must not take the others along.
fn warn_of_dates(section: &Section<'_>, path: &std::path::Path, identity: &Identity) {
    let certificate = identity.certificate();
    let dates = (
        UnixTime(certificate.not_before),
        UnixTime(certificate.not_after),
    );
    if let Some(warning) = warning::of_dates(dates.0, dates.1, section.context.clock.now()) {
        let path = path.display();
        section
            .context
            .warn(format!("{path}: the certificate {warning}"));
    }
}

fn lone(section: &Section<'_>, span: Span, there: &str, absent: &str) -> Option<Identity> {
    let message = format!("\"{there}\" needs \"{absent}\" beside it");
    section.missing(span, message, &format!("set \"{absent}\""));
    None
}
