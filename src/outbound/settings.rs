//! What an upstream is shown, prepared from the configuration.

use http::HeaderName;

use super::{Assertion, Endpoint, SignedJwt, SubjectToken, TokenExchange};

/// `[upstreams.NAME.credential]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The field that it is shown in. A request never brings it along.
    pub header: HeaderName,
    /// What stands in front of it, without the blank; empty: nothing.
    pub scheme: Box<str>,
    /// What it is.
    pub kind: Kind,
}

/// Where the token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The client brought it, and it was found good.
    Forward,
    /// The gateway signs it.
    SignedJwt(SignedJwt),
    /// RFC 6749 §4.4.
    ClientCredentials(Endpoint),
    /// RFC 7523 §2.1: for an assertion that the gateway signs.
    JwtBearer(Endpoint, Assertion),
    /// RFC 8693.
    TokenExchange(Endpoint, TokenExchange),
}

impl Kind {
    /// Its name in a configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::SignedJwt(_) => "signed_jwt",
            Self::ClientCredentials(_) => "client_credentials",
            Self::JwtBearer(..) => "jwt_bearer",
            Self::TokenExchange(..) => "token_exchange",
        }
    }

    /// Whether it needs a request with an identity.
    #[must_use]
    pub fn needs_identity(&self) -> bool {
        self.needs_token() || self.assertion().is_some_and(Assertion::takes_claims)
    }

    /// Whether the inbound token itself flows in.
    #[must_use]
    pub fn needs_token(&self) -> bool {
        match self {
            Self::Forward => true,
            Self::TokenExchange(_, exchange) => exchange.subject == SubjectToken::Inbound,
            Self::SignedJwt(_) | Self::ClientCredentials(_) | Self::JwtBearer(..) => false,
        }
    }

    /// Where it is fetched.
    #[must_use]
    pub const fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Forward | Self::SignedJwt(_) => None,
            Self::ClientCredentials(endpoint)
            | Self::JwtBearer(endpoint, _)
            | Self::TokenExchange(endpoint, _) => Some(endpoint),
        }
    }

    /// What the gateway signs for it, client assertions aside.
    #[must_use]
    pub const fn assertion(&self) -> Option<&Assertion> {
        match self {
            Self::Forward | Self::ClientCredentials(_) => None,
            Self::SignedJwt(signed) => Some(&signed.assertion),
            Self::JwtBearer(_, assertion) => Some(assertion),
            Self::TokenExchange(_, exchange) => exchange.own.as_ref(),
        }
    }
}
