//! Certificates that are not valid now, or not for long: worth a warning, and no error. Time does that
//! to a good configuration, and the other issuers must not suffer for it.

use super::context::Context;
use crate::{
    clock::UnixTime,
    issuer::warning::{self, CertificateWarning},
    jose::jwk::JwkSet,
};

/// Warns of the keys in `set` whose certificates end soon, have ended, or have not begun.
pub(super) fn warn(context: &Context<'_>, set: &JwkSet, issuer: &str) {
    let now: UnixTime = context.clock.now();
    for key in &set.keys {
        if let Some(warning) = warning::of(key, now) {
            let kid = key.kid().map(|kid| format!(" \"{kid}\""));
            let kid = kid.unwrap_or_default();
            let used = match warning {
                CertificateWarning::Expired(_) | CertificateWarning::NotYetValid(_) => {
                    ", and the key is not used"
                }
                CertificateWarning::ExpiresSoon(_) => "",
            };
            context.warn(format!(
                "issuer {issuer}: the certificate of its key{kid} {warning}{used}"
            ));
        }
    }
}
