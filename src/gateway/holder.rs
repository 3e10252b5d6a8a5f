//! Tokens that are bound to a client's certificate (RFC 8705 §3): good only over a connection on which the
//! client has shown it.

use super::{Note, Snapshot};
use crate::{claims::Identity, tls::PeerCertificate};

/// Why a token is not the client's to present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HolderError {
    /// The claim that binds it cannot be read.
    #[error("the token's \"cnf\" is malformed")]
    Malformed,
    /// The client has shown no certificate.
    #[error("the token is bound to a client certificate (\"cnf\"), and none was shown")]
    NoCertificate,
    /// The client has shown another certificate.
    #[error(
        "the token is bound to another client certificate (\"cnf\") than the one that was shown"
    )]
    OtherCertificate,
}

/// Checks the binding of a token where clients can be asked for certificates.
///
/// # Errors
/// [`HolderError`].
pub(super) fn check(
    identity: &Identity,
    snapshot: &Snapshot,
    note: &Note,
) -> Result<(), HolderError> {
    match &snapshot.policy.tls {
        Some(tls) if tls.asks_for_certificates() => {
            is_holder(identity, note.certificate.as_deref())
        }
        _ => Ok(()),
    }
}

fn is_holder(identity: &Identity, shown: Option<&PeerCertificate>) -> Result<(), HolderError> {
    let Some(confirmation) = identity.claims().get("cnf") else {
        return Ok(());
    };
    if confirmation.members().is_none() {
        return Err(HolderError::Malformed);
    }
    let Some(bound) = confirmation.get("x5t#S256") else {
        // Bound in another way, which is not this room's to check.
        return Ok(());
    };
    let bound = bound.string().ok_or(HolderError::Malformed)?;
    let shown = shown.ok_or(HolderError::NoCertificate)?;
    if *bound == *shown.x5t_s256() {
        Ok(())
    } else {
        Err(HolderError::OtherCertificate)
    }
}
