//! The step from [`Unverified`] to [`Verified`]: the signature.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{
    compact::Unverified,
    header::Header,
    jwk::{BadSignature, Key, Thumbprint},
};

/// A token whose signature one of its issuer's keys made. Cloning shares it.
#[derive(Clone)]
pub struct Verified(Arc<Proof>);

struct Proof {
    header: Header,
    claims: Map<String, Value>,
    key: Thumbprint,
}

/// Verifies `token` with the first of `keys` that fits. The caller bounds how many there are.
///
/// # Errors
/// [`BadSignature`] when none of them does.
pub fn verify(token: Unverified<'_>, keys: &[Arc<Key>]) -> Result<Verified, BadSignature> {
    let algorithm = token.header.algorithm();
    let key = keys
        .iter()
        .find(|key| {
            key.verify(algorithm, token.signing_input, &token.signature)
                .is_ok()
        })
        .ok_or(BadSignature)?;
    let proof = Proof {
        header: token.header,
        claims: token.claims,
        key: key.thumbprint(),
    };
    Ok(Verified(Arc::new(proof)))
}

impl Verified {
    /// The header, now protected by the signature.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// The claims: signed, but not yet checked against anyone's rules.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.0.claims
    }

    /// Which key made the signature.
    #[must_use]
    pub fn key(&self) -> Thumbprint {
        self.0.key
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified([redacted])")
    }
}
