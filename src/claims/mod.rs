//! What a verified token's claims must say (RFC 7519 §4, RFC 8725): pure, `now` is an argument.
//!
//! A claim that does not parse is never taken for an absent one: it refuses the token.

use std::sync::Arc;

use serde_json::Value;

use crate::{clock::UnixTime, jose::json::Object};

pub mod allowed;
pub mod audience;
pub mod evidence;
pub mod path;
pub mod scope;
pub mod time;

pub use audience::Audiences;
pub use evidence::Evidence;
pub use path::ClaimPath;
pub use scope::Scopes;

/// What one issuer's tokens must say, prepared from its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The issuer: `iss` equals it exactly, once more after the signature.
    pub issuer: Arc<str>,
    /// Claims that must be there and not null.
    pub require: Arc<[ClaimPath]>,
    /// Which audiences are allowed.
    pub audiences: Audiences,
    /// Claims that must be there with one of the listed values.
    pub allowed: Arc<[(ClaimPath, Vec<Value>)]>,
    /// How far clocks may differ, in seconds.
    pub clock_skew: i64,
    /// How old `iat` may be, in seconds; then `iat` must be there.
    pub max_age: Option<i64>,
}

/// A token that its issuer signed or vouches for, and that its rules accept, now and for this resource.
/// Cloning shares it.
///
/// Only [`check`] makes one:
///
/// ```compile_fail,E0451
/// use portcullis::claims::{Evidence, Identity};
///
/// fn forge(evidence: Evidence) -> Identity {
///     Identity { issuer: "https://idp.example.com".into(), evidence }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Identity {
    issuer: Arc<str>,
    evidence: Evidence,
    times: time::Times,
}

/// The checks in their order, for whoever shows how far a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// `iss` is the issuer whose key made the signature, or who vouches for the token.
    Issuer,
    /// `exp`, `nbf`, `iat` and the age.
    Time,
    /// `aud`.
    Audience,
    /// Required claims, and claims with a list of allowed values.
    Claims,
}

/// Why the claims are refused. The texts name claims, never values of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// `iss` is not the issuer whose key made the signature or who vouches for the token, or is not there.
    #[error("the token's \"iss\" is not the issuer whose key signed it, or who vouches for it")]
    Issuer,
    /// `exp` plus the skew has been reached.
    #[error("the token expired at {0}")]
    Expired(UnixTime),
    /// `nbf` minus the skew is in the future.
    #[error("the token is not valid before {0}")]
    NotYetValid(UnixTime),
    /// `iat` minus the skew is in the future.
    #[error("the token says it was issued at {0}, which is in the future")]
    IssuedInFuture(UnixTime),
    /// `iat` is longer ago than the issuer's `max_age`.
    #[error("the token was issued at {0}, which is too long ago")]
    TooOld(UnixTime),
    /// No `aud` value is allowed.
    #[error("the token's audience is not allowed")]
    Audience,
    /// A required or restricted claim is absent or null.
    #[error("the claim \"{0}\" is missing")]
    Missing(ClaimPath),
    /// A restricted claim has none of its allowed values.
    #[error("the claim \"{0}\" does not have an allowed value")]
    NotAllowed(ClaimPath),
    /// A registered claim has the wrong type or is out of range.
    #[error("the claim \"{claim}\" is malformed: {why}")]
    Malformed {
        /// Its name.
        claim: &'static str,
        /// What it should be.
        why: &'static str,
    },
}

/// Checks the claims of `evidence` against `rules` in the order issuer, time, audience, required and allowed claims.
///
/// `resource` is the URL that was asked for (`public_url` and the canonical path), if `public_url` is set.
///
/// # Errors
/// [`ClaimsError`] is the first check that fails.
pub fn check(
    evidence: impl Into<Evidence>,
    rules: &Rules,
    now: UnixTime,
    resource: Option<&str>,
) -> Result<Identity, ClaimsError> {
    let evidence = evidence.into();
    let times = accept(evidence.claims(), rules, now, resource)?;
    Ok(Identity {
        issuer: Arc::clone(&rules.issuer),
        evidence,
        times,
    })
}

impl Identity {
    /// Its issuer: `iss`, and the name that the issuer has in the configuration.
    #[must_use]
    pub const fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// Checks once more what may have changed since [`check`] made this: the time, and the resource
    /// if the audience rule looks at it. `rules` are the same; their other checks cannot come out
    /// differently, for neither they nor the claims change.
    ///
    /// # Errors
    /// [`ClaimsError`] is the first check that fails.
    pub fn check_again(
        &self,
        rules: &Rules,
        now: UnixTime,
        resource: Option<&str>,
    ) -> Result<(), ClaimsError> {
        self.times.check(rules, now)?;
        match &rules.audiences {
            Audiences::ResourcePrefix => audience::check(self.claims(), &rules.audiences, resource),
            Audiences::All | Audiences::OneOf(_) => Ok(()),
        }
    }

    /// The claims, all of them checked.
    #[must_use]
    pub fn claims(&self) -> &Object {
        self.evidence.claims()
    }

    /// `exp`, if it is there.
    #[must_use]
    pub fn exp(&self) -> Option<UnixTime> {
        self.times.exp()
    }

    /// The first second in which `rules` do not accept the token any more, skew included; `None` when
    /// neither `exp` nor an age ends it.
    #[must_use]
    pub fn end(&self, rules: &Rules) -> Option<UnixTime> {
        self.times.end(rules)
    }

    /// The token's header.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

impl Step {
    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 4] = [Self::Issuer, Self::Time, Self::Audience, Self::Claims];
}

impl ClaimsError {
    /// The step that failed; those before it passed, those after it were not taken.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Issuer => Step::Issuer,
            Self::Expired(_) | Self::NotYetValid(_) | Self::IssuedInFuture(_) | Self::TooOld(_) => {
                Step::Time
            }
            Self::Audience => Step::Audience,
            Self::Missing(_) | Self::NotAllowed(_) => Step::Claims,
            Self::Malformed { claim, .. } => match *claim {
                "iss" => Step::Issuer,
                "exp" | "nbf" | "iat" => Step::Time,
                "aud" => Step::Audience,
                _ => Step::Claims,
            },
        }
    }
}

fn accept(
    claims: &Object,
    rules: &Rules,
    now: UnixTime,
    resource: Option<&str>,
) -> Result<time::Times, ClaimsError> {
    issuer(claims, &rules.issuer)?;
    let times = time::Times::read(claims)?;
    times.check(rules, now)?;
    audience::check(claims, &rules.audiences, resource)?;
    allowed::check(claims, rules)?;
    Ok(times)
}

/// The registry was asked with the same `iss`, but before the signature: what that led to is not
/// trusted here.
fn issuer(claims: &Object, expected: &str) -> Result<(), ClaimsError> {
    let iss = claims.get("iss").ok_or(ClaimsError::Issuer)?;
    let iss = iss.string().ok_or(ClaimsError::Malformed {
        claim: "iss",
        why: "not one string",
    })?;
    if iss == expected {
        Ok(())
    } else {
        Err(ClaimsError::Issuer)
    }
}

#[cfg(test)]
mod tests;
