//! Who made an assertion: its client, by the signature.

use std::sync::Arc;

use super::{
    Desk, OAuthError, Refused, ServiceError,
    assertion::{self, Assertion},
    settings::{Client, headers},
};
use crate::{
    issuer::{Issuer, KeyError},
    jose::{
        Verified,
        compact::{self, CompactError, IssuerClaimError},
        jwk::BadSignature,
        policy::PolicyError,
        verify,
    },
    store::{Change, Key},
};

/// The most bytes of an assertion: 8 KiB.
pub(super) const MAX_BYTES: usize = 8192;

/// What an assertion is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A grant (RFC 7523 §2.1).
    Grant,
    /// To say who the client is (RFC 7523 §2.2).
    Authentication,
}

/// A registered client.
pub(super) struct Known<'d> {
    pub(super) name: &'d Arc<str>,
    pub(super) client: &'d Client,
}

/// A client and its good assertion.
pub(super) struct Proved<'d> {
    pub(super) known: Known<'d>,
    pub(super) assertion: Assertion,
}

/// Why nobody is known to have made an assertion. Strangers are not told which it was.
#[derive(Debug, thiserror::Error)]
enum StrangerError {
    #[error(transparent)]
    Compact(#[from] CompactError),
    #[error(transparent)]
    Issuer(#[from] IssuerClaimError),
    #[error("no client has this name")]
    Unknown,
    #[error("the client is not active")]
    Inactive,
    #[error("the client has no key")]
    Keyless,
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

impl<'d> Desk<'d> {
    /// The active client whose key made the signature of `token`, and what it says.
    ///
    /// The failure says nothing of what is wrong before the signature was good: who knows no key learns
    /// nothing about clients.
    pub(super) async fn prove(&self, token: &str, r#use: Use) -> Result<Proved<'d>, Refused> {
        let failure = |known: Option<&Arc<str>>, error: &StrangerError| {
            let refused = r#use
                .error("The assertion is not one of an active client, signed by one of its keys.");
            let refused = refused.because(error).guessed();
            match known {
                Some(name) => refused.of(name),
                None => refused,
            }
        };
        let unverified = compact::parse(token.as_bytes(), MAX_BYTES)
            .map_err(|error| failure(None, &error.into()))?;
        let name = unverified
            .issuer()
            .map_err(|error| failure(None, &error.into()))?;
        let found = self.service.settings.clients.get_key_value(&*name);
        let (name, client) = found.ok_or_else(|| failure(None, &StrangerError::Unknown))?;
        self.check_guesses(Some(name))?;
        let failed = |error: StrangerError| failure(Some(name), &error);
        if !client.active {
            return Err(failed(StrangerError::Inactive));
        }
        let keys = self.service.keys_of(name);
        let keys = keys.ok_or_else(|| failed(StrangerError::Keyless))?;
        r#use
            .headers()
            .check(unverified.header())
            .map_err(|error| failed(error.into()))?;
        let verified = match verified(token, unverified, keys).await {
            Ok(verified) => verified,
            Err(StrangerError::Key(KeyError::Unavailable)) => {
                return Err(ServiceError::Keys(KeyError::Unavailable).into());
            }
            Err(error) => return Err(failed(error)),
        };
        let assertion = self.accept(name, &verified, r#use)?;
        Ok(Proved {
            known: Known { name, client },
            assertion,
        })
    }

    fn accept(
        &self,
        name: &Arc<str>,
        verified: &Verified,
        r#use: Use,
    ) -> Result<Assertion, Refused> {
        let settings = &self.service.settings;
        let own: &[&str] = &[&settings.assertion_audience];
        // Libraries put the issuer into the "aud" of what they authenticate with.
        let both: &[&str] = &[&settings.assertion_audience, &settings.issuer];
        let rules = assertion::Rules {
            client: name,
            audiences: match r#use {
                Use::Grant => own,
                Use::Authentication => both,
            },
            lifetime: settings.assertion_lifetime,
            skew: settings.clock_skew,
            lenient: r#use == Use::Grant,
        };
        let refused = |text| r#use.error(text).because(text).of(name);
        let assertion = assertion::check(verified.claims(), &rules, self.now)
            .map_err(|error| refused(error.text()))?;
        if r#use == Use::Authentication && assertion.subject != **name {
            return Err(refused("The assertion's sub is not the client."));
        }
        if r#use == Use::Authentication && assertion.jti.is_none() {
            return Err(refused(assertion::AssertionError::Jti.text()));
        }
        Ok(assertion)
    }
}

impl Proved<'_> {
    /// What uses the assertion up: a change that can be made once.
    pub(super) fn use_up(&self) -> Option<Change> {
        let jti = self.assertion.jti.as_deref()?;
        let key = Key::of(
            "assertion jti",
            &[self.known.name.as_bytes(), jti.as_bytes()],
        );
        Some(Change::add(key, Vec::new(), self.assertion.until))
    }
}

impl Use {
    fn error(self, text: &'static str) -> OAuthError {
        match self {
            Self::Grant => OAuthError::InvalidGrant(text),
            Self::Authentication => OAuthError::InvalidClient { basic: false },
        }
    }

    fn headers(self) -> crate::jose::policy::HeaderPolicy {
        headers(match self {
            Self::Grant => "authorization-grant+jwt",
            Self::Authentication => "client-authentication+jwt",
        })
    }
}

/// The signature, by the keys of the client; once more if they changed meanwhile.
async fn verified(
    token: &str,
    unverified: compact::Unverified<'_>,
    client: &Issuer,
) -> Result<Verified, StrangerError> {
    let keys = client.keys.find(unverified.header()).await?;
    let bad = match verify::verify(unverified, &keys) {
        Ok(verified) => return Ok(verified),
        Err(bad) => bad,
    };
    let again = compact::parse(token.as_bytes(), MAX_BYTES)?;
    match client.keys.find_others(again.header(), &keys).await {
        Some(others) => Ok(verify::verify(again, &others)?),
        None => Err(bad.into()),
    }
}
