//! How often a route lets whom pass: limits, whom they count, and what clients are told of them.
//!
//! Only what is proved counts: claims of a token that has passed every check, or the client's address as the
//! gateway knows it. Nothing that a client merely says makes a bucket.

use std::{fmt, net::IpAddr};

use http::HeaderValue;

use crate::{
    claims::ClaimPath,
    jose::json::Object,
    store::{Key, Level, Rate},
};

mod fields;
#[cfg(test)]
mod tests;

pub use fields::{Fields, RATE_LIMIT, RATE_LIMIT_POLICY, seconds};

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// What it is called towards clients: ASCII letters, digits, `-`, `_` and `.`.
    pub name: Box<str>,
    /// Whose requests are counted together.
    pub by: By,
    /// How many.
    pub rate: Rate,
    /// The same as in the configuration.
    pub text: Box<str>,
    /// Whether all gateways of one store count together.
    pub shared: bool,
    /// Whether responses tell of it.
    pub told: bool,
    /// Which buckets are its own: limits that have the same one here count together.
    pub scope: Key,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// One subject of one issuer.
    Subject,
    /// One issuer.
    Issuer,
    /// One address, or one /64 network of IPv6.
    Address,
    /// One value of a claim of one issuer.
    Claim(ClaimPath),
}

/// The limits of a route; none of them costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    limits: Box<[RateLimit]>,
    policy: Option<HeaderValue>,
}

/// Who makes a request, as far as limits care.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// Who the token proves it to be; `None`: nobody in particular.
    pub who: Option<Known<'a>>,
    /// The client's address, if that is known.
    pub address: Option<IpAddr>,
}

/// Who a token proves somebody to be.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The user.
    pub subject: Option<&'a str>,
    /// The claims, all of them checked.
    pub claims: &'a Object,
}

/// Where a bucket belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The bucket.
    pub key: Key,
    /// Whether it is an address's. Of those a stranger may have many.
    pub is_address: bool,
}

/// A request that nobody can be counted for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// The claim is absent or null.
    #[error("the limit \"{0}\" counts by a claim that the token does not have")]
    Missing(Box<str>),
    /// The claim is a list or an object.
    #[error("the limit \"{0}\" counts by a claim that is not one string, number or boolean")]
    Malformed(Box<str>),
}

impl RateLimits {
    /// These limits, in their order.
    #[must_use]
    pub fn new(limits: Vec<RateLimit>) -> Self {
        Self {
            policy: fields::policy(&limits),
            limits: limits.into(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// The limits.
    pub fn iter(&self) -> impl Iterator<Item = &RateLimit> {
        self.limits.iter()
    }

    /// What a response says, where it says anything; `levels` in the order of the limits.
    #[must_use]
    pub fn fields(&self, levels: &[Level]) -> Option<Fields> {
        let policy = self.policy.clone()?;
        let limits = self.iter().zip(levels).filter(|(limit, _)| limit.told);
        Some(Fields {
            policy,
            left: fields::left(limits)?,
        })
    }
}

impl RateLimit {
    /// For whom `asker` is counted. Where no token came although the limit counts by one, the address counts, so
    /// that one stranger does not use up what all strangers have.
    ///
    /// # Errors
    /// [`NotCounted`] when the token does not say what the limit counts by.
    pub fn count(&self, asker: &Asker<'_>) -> Result<Counted, NotCounted> {
        let key = |kind, names: &[&[u8]]| {
            let scope: &[u8] = self.scope.bytes();
            let all = std::iter::once(&scope).chain(names).copied();
            Key::of(kind, &all.collect::<smallvec::SmallVec<[&[u8]; 4]>>())
        };
        let verified = |key| Counted {
            key,
            is_address: false,
        };
        let Some(known) = asker.who.filter(|_| self.by != By::Address) else {
            let network = Network::of(asker.address);
            return Ok(Counted {
                key: key("rate by address", &[network.bytes()]),
                is_address: true,
            });
        };
        let issuer = known.issuer.as_bytes();
        match &self.by {
            By::Address | By::Issuer => Ok(verified(key("rate by issuer", &[issuer]))),
            By::Subject => {
                let missing = || NotCounted::Missing(self.name.clone());
                let subject = known.subject.filter(|subject| !subject.is_empty());
                let subject = subject.ok_or_else(missing)?;
                let names = [issuer, subject.as_bytes()];
                Ok(verified(key("rate by subject", &names)))
            }
            By::Claim(path) => {
                let claim = path.find(known.claims);
                let claim = claim.ok_or_else(|| NotCounted::Missing(self.name.clone()))?;
                if let Some(text) = claim.string() {
                    return Ok(verified(key("rate by text", &[issuer, text.as_bytes()])));
                }
                if claim.elements().is_some() || claim.members().is_some() {
                    return Err(NotCounted::Malformed(self.name.clone()));
                }
                let written = claim.as_written().as_bytes();
                Ok(verified(key("rate by value", &[issuer, written])))
            }
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => f.write_str("subject"),
            Self::Issuer => f.write_str("issuer"),
            Self::Address => f.write_str("address"),
            Self::Claim(path) => write!(f, "claim {path}"),
        }
    }
}

/// An address, or of IPv6 the network of which a host has the whole.
enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
    /// All whose address is not known count together.
    Unknown,
}

impl Network {
    fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    const fn bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
            Self::Unknown => &[],
        }
    }
}
