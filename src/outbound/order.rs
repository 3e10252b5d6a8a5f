//! What of a request flows into the credential for its upstream.

use super::{CredentialError, Kind, SubjectToken, assertion::Filled};
use crate::{jose::json::Object, secret::Secret, signing::Claims, store::Key};

/// What the request has to offer.
#[derive(Clone, Copy, Default)]
pub struct Inbound<'i> {
    /// The claims of its identity; `None`: it has none.
    pub claims: Option<&'i Object>,
    /// Its token as it came, where [`super::Credential::wants_token`].
    pub token: Option<&'i [u8]>,
}

/// Everything that a credential is made of, and the digest of what differs from request to request.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) key: Key,
    /// Of the token that the gateway signs, without times and `jti`.
    pub(super) claims: Option<Claims>,
    /// The inbound token.
    pub(super) token: Option<Secret>,
}

impl Order {
    /// What `kind` takes of `inbound`.
    pub(super) fn of(kind: &Kind, inbound: &Inbound<'_>) -> Result<Self, CredentialError> {
        let filled = match kind.assertion() {
            Some(assertion) => Some(assertion.fill(inbound.claims)?),
            None => None,
        };
        let token = match kind {
            Kind::TokenExchange(_, exchange) if exchange.subject == SubjectToken::Inbound => {
                Some(inbound.token.ok_or(CredentialError::NoToken)?)
            }
            _ => None,
        };
        let (claims, flowed) = filled.map_or((None, Vec::new()), |filled| {
            let Filled { claims, flowed } = filled;
            (Some(claims), flowed)
        });
        let mut parts: Vec<&[u8]> = vec![token.unwrap_or_default()];
        parts.extend(flowed.iter().map(String::as_bytes));
        Ok(Self {
            key: Key::of("outbound", &parts),
            claims,
            token: token.map(|token| Secret::new(token.to_vec())),
        })
    }
}
