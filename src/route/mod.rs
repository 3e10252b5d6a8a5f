//! Routes: which requests go where, and what they must bring.

use std::{collections::HashSet, sync::Arc};

use http::Method;

use crate::{bind::Bindings, rate::RateLimits, rule::Rules, token::Sources};

pub mod host;
pub mod pattern;
pub mod table;
pub mod target;
pub mod visit;
pub mod when;

pub use host::HostError;
pub use table::{NoRoute, Routes, RoutesError};
pub use target::TargetError;
pub use visit::Visit;
pub use when::When;

/// Whether a route asks for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No request passes without a good token.
    Required,
    /// A request without a token is anonymous; a bad token is refused.
    Optional,
    /// Tokens are ignored.
    Public,
}

impl Access {
    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Public => "public",
        }
    }
}

/// One route, prepared from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its number in the table, from 0.
    pub id: usize,
    /// Its name in metrics and logs: host and path as configured.
    pub name: Arc<str>,
    /// The host it is for, lower case and without port; `None`: every host.
    pub host: Option<Box<str>>,
    /// `/orders/{id}`; `{name}` is one segment, `{*rest}` all that follows.
    pub path: Box<str>,
    /// The methods it is for; `None`: all.
    pub methods: Option<Vec<Method>>,
    /// What a request must be like besides; a request for which it is not goes to the next route of
    /// the same host and path.
    pub when: When,
    /// Whether it asks for a token.
    pub access: Access,
    /// Where a request carries its token.
    pub token: Sources,
    /// The issuers whose tokens it takes; `None`: every active one.
    pub issuers: Option<HashSet<Arc<str>>>,
    /// Scopes that a token must all have.
    pub scopes: Vec<Box<str>>,
    /// Scopes of which a token must have at least one, unless this is empty.
    pub any_scopes: Vec<Box<str>>,
    /// Claims that are bound to the request.
    pub bind: Bindings,
    /// Rules that must all be true.
    pub rules: Rules,
    /// How often it lets whom pass.
    pub limits: RateLimits,
    /// Whether a session may log in its requests, and begin on it.
    pub session: bool,
    /// Protocols to which its requests may switch; case does not matter.
    pub upgrades: Vec<Box<str>>,
    /// Whether a tunnel ends when the token does that it began with.
    pub tunnel_until_expiry: bool,
    /// The number of its upstream.
    pub upstream: usize,
}

/// The issuer is trusted, but not on this route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the route does not take tokens of this issuer")]
pub struct NotAdmitted;

impl Route {
    /// Whether it has bindings or rules.
    #[must_use]
    pub const fn asks_for_more(&self) -> bool {
        !self.bind.is_empty() || !self.rules.is_empty()
    }

    /// Whether this route takes tokens of `issuer`.
    ///
    /// # Errors
    /// [`NotAdmitted`] when it does not.
    pub fn admit(&self, issuer: &str) -> Result<(), NotAdmitted> {
        match &self.issuers {
            Some(issuers) if !issuers.contains(issuer) => Err(NotAdmitted),
            _ => Ok(()),
        }
    }
}
