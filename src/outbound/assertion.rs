//! A token that the gateway signs for an upstream or an authorization server (RFC 7519, RFC 7523).

use serde_json::Value;

use super::{CredentialError, Signature};
use crate::{
    claims::ClaimPath,
    clock::UnixTime,
    jose::json::Object,
    signing::{ClaimError, Claims, Header, SignError},
};

/// What is signed, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Who signs.
    pub signature: Signature,
    /// `typ`, and nothing else.
    pub header: Header,
    /// Claims by name, `iss`, `sub` and `aud` among them.
    pub claims: Vec<(Box<str>, ClaimValue)>,
    /// From the signature to `exp`, in seconds.
    pub lifetime: i64,
    /// `nbf` is so many seconds before the signature; `None`: there is none.
    pub not_before: Option<i64>,
}

/// What a claim says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// Always this.
    Fixed(Value),
    /// What the inbound token says here.
    Taken {
        /// Where it says it.
        claim: ClaimPath,
        /// Whether the claim is left out when the inbound token lacks it; else the request is refused.
        optional: bool,
    },
}

/// The claims of one request, without times and `jti`, and every text that flowed in.
pub(super) struct Filled {
    pub(super) claims: Claims,
    pub(super) flowed: Vec<String>,
}

impl Assertion {
    /// Whether something of the inbound token flows in.
    #[must_use]
    pub fn takes_claims(&self) -> bool {
        let mut values = self.claims.iter();
        values.any(|(_, value)| matches!(value, ClaimValue::Taken { .. }))
    }

    /// The claims, with those of the inbound token that are to flow in.
    pub(super) fn fill(&self, inbound: Option<&Object>) -> Result<Filled, CredentialError> {
        let mut filled = Filled {
            claims: Claims::new(),
            flowed: Vec::new(),
        };
        for (name, value) in &self.claims {
            match value {
                ClaimValue::Fixed(value) => filled.set(name, value.clone())?,
                ClaimValue::Taken { claim, optional } => {
                    let inbound = inbound.ok_or(CredentialError::NoToken)?;
                    match claim.find(inbound) {
                        Some(text) => {
                            filled.set(name, text.to_value())?;
                            filled.flowed.push(text.as_written().to_owned());
                        }
                        // No JSON is empty, so that it is nobody's value.
                        None if *optional => filled.flowed.push(String::new()),
                        None => return Err(CredentialError::ClaimMissing(claim.clone())),
                    }
                }
            }
        }
        Ok(filled)
    }

    /// The token, with times of `now` and a fresh `jti`.
    pub(super) fn sign(&self, mut claims: Claims, now: UnixTime) -> Result<String, SignError> {
        claims.set_random_id()?;
        if let Some(before) = self.not_before {
            set_time(&mut claims, "nbf", now.plus(-before))?;
        }
        set_time(&mut claims, "iat", now)?;
        set_time(&mut claims, "exp", now.plus(self.lifetime))?;
        self.signature.sign(&self.header, &claims, now)
    }
}

impl Filled {
    fn set(&mut self, name: &str, value: Value) -> Result<(), CredentialError> {
        let set = self.claims.set(name, value);
        set.map_err(CredentialError::Claim)
    }
}

/// Only a clock beyond the year 9999 has a time that cannot be written.
fn set_time(claims: &mut Claims, name: &str, time: UnixTime) -> Result<(), SignError> {
    let set = claims.set(name, time.0);
    set.map_err(|_: ClaimError| SignError::NoExpiry)
}
