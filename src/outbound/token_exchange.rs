//! `token_exchange`: a token for the one that came, or for one of the gateway's own (RFC 8693).

use super::{Assertion, CredentialError, TokenRequest, order::Order};
use crate::clock::UnixTime;

/// What is exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenExchange {
    /// Whose token it is.
    pub subject: SubjectToken,
    /// `subject_token_type`.
    pub subject_type: Box<str>,
    /// A token that the gateway signs: the subject's, or else the actor's.
    pub own: Option<Assertion>,
    /// `requested_token_type`.
    pub requested_type: Option<Box<str>>,
}

/// Which token speaks for the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectToken {
    /// The one that the request brought.
    Inbound,
    /// One that the gateway signs.
    Own,
}

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

impl TokenExchange {
    /// The beginning of a request.
    pub(super) fn request(
        &self,
        order: &Order,
        now: UnixTime,
    ) -> Result<TokenRequest, CredentialError> {
        let claims = || order.claims.clone().unwrap_or_default();
        let own = self.own.as_ref().map(|own| own.sign(claims(), now));
        let own = own.transpose()?;
        let mut request = TokenRequest::new(GRANT_TYPE);
        let actor = match (self.subject, own) {
            (SubjectToken::Inbound, actor) => {
                let token = order.token.as_ref().ok_or(CredentialError::NoToken)?;
                request.add_bytes("subject_token", token.expose_secret());
                actor
            }
            (SubjectToken::Own, own) => {
                request.add("subject_token", &own.ok_or(CredentialError::NoToken)?);
                None
            }
        };
        request.add("subject_token_type", &self.subject_type);
        if let Some(actor) = actor {
            request.add("actor_token", &actor);
            request.add("actor_token_type", JWT);
        }
        if let Some(requested) = &self.requested_type {
            request.add("requested_token_type", requested);
        }
        Ok(request)
    }
}
