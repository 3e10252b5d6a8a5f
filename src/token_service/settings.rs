//! What the token service is: prepared from the configuration.

use std::{collections::BTreeMap, sync::Arc};

use reqwest::Url;

use crate::{jose::AlgorithmSet, jose::policy::HeaderPolicy, secret::Secret};

/// `[token_service]`. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The `iss` of its tokens.
    pub issuer: Arc<str>,
    /// What clients call, without a slash at its end: the endpoints stand below it.
    pub base: Box<str>,
    /// What the paths of the endpoints begin with: `/oauth`.
    pub prefix: Box<str>,
    /// The `aud` of its tokens, unless the client has its own.
    pub audience: Vec<String>,
    /// In what form access tokens are issued.
    pub access_token: Form,
    /// How long they live.
    pub access_token_lifetime: i64,
    /// How long a family of refresh tokens lives, from its first grant on; `None`: there are none.
    pub refresh_token_lifetime: Option<i64>,
    /// What the `aud` of an assertion must hold.
    pub assertion_audience: Box<str>,
    /// How far away the end of an assertion may be.
    pub assertion_lifetime: i64,
    /// How far clocks may differ.
    pub clock_skew: i64,
    /// Who may ask.
    pub clients: BTreeMap<Arc<str>, Client>,
}

/// `[token_service.clients.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Whether it is one at all.
    pub active: bool,
    /// What it may ask for, and gets when it asks for nothing.
    pub scopes: Vec<Box<str>>,
    /// Whom it may speak for; `None`: anybody.
    pub subjects: Option<Vec<Box<str>>>,
    /// The `aud` of its tokens; empty: that of the service.
    pub audiences: Vec<String>,
    /// What it may do at the token endpoint.
    pub grants: Vec<Grant>,
    /// Its secret, if it has one.
    pub secret: Option<Secret>,
    /// Whether it may ask about tokens of other clients.
    pub introspect: bool,
}

/// The form of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 9068.
    Jwt,
    /// 256 random bits.
    Opaque,
}

/// How a client gets a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grant {
    /// RFC 7523 §2.1.
    JwtBearer,
    /// RFC 6749 §6.
    RefreshToken,
}

/// Where the token service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// RFC 6749 §3.2.
    Token,
    /// RFC 7009.
    Revoke,
    /// RFC 7662.
    Introspect,
    /// What a token says of itself.
    TokenInfo,
    /// The keys that verify its tokens.
    Jwks,
    /// RFC 8414.
    Metadata,
}

/// Where the keys stand.
pub(super) const JWKS_PATH: &str = "/.well-known/jwks.json";
/// Where the metadata stand.
pub(super) const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

impl Settings {
    /// What stands at `path`.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> Option<Endpoint> {
        match path {
            JWKS_PATH => return Some(Endpoint::Jwks),
            METADATA_PATH => return Some(Endpoint::Metadata),
            _ => {}
        }
        if let Some(rest) = path.strip_prefix(METADATA_PATH) {
            // RFC 8414 §3.1: behind it stands the path of the issuer.
            let url = Url::parse(&self.issuer).ok()?;
            let own = url.path().trim_end_matches('/');
            return (!own.is_empty() && own == rest).then_some(Endpoint::Metadata);
        }
        let rest = path.strip_prefix(&*self.prefix)?;
        let all = [
            Endpoint::Token,
            Endpoint::Revoke,
            Endpoint::Introspect,
            Endpoint::TokenInfo,
        ];
        all.into_iter()
            .find(|e| rest.strip_prefix('/') == Some(e.name()))
    }

    /// The URL of an endpoint.
    #[must_use]
    pub fn url(&self, endpoint: Endpoint) -> String {
        let base = &self.base;
        match endpoint {
            Endpoint::Jwks => format!("{base}{JWKS_PATH}"),
            Endpoint::Metadata => format!("{base}{METADATA_PATH}"),
            other => format!("{base}{}/{}", self.prefix, other.name()),
        }
    }
}

impl Endpoint {
    /// Its name in logs, metrics and, for four of them, in its path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Introspect => "introspect",
            Self::TokenInfo => "tokeninfo",
            Self::Jwks => "jwks",
            Self::Metadata => "metadata",
        }
    }

    /// What `Allow` says.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        match self {
            Self::Token | Self::Revoke | Self::Introspect => "POST",
            Self::TokenInfo => "GET, POST",
            Self::Jwks | Self::Metadata => "GET, HEAD",
        }
    }
}

impl Grant {
    /// Its `grant_type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::RefreshToken => "refresh_token",
        }
    }

    /// Its name in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::JwtBearer => "jwt_bearer",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl Form {
    /// Its name in the configuration and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Opaque => "opaque",
        }
    }
}

/// What the header of an assertion may say. `own` is the type that is for its use only.
pub(super) fn headers(own: &str) -> HeaderPolicy {
    HeaderPolicy {
        algorithms: AlgorithmSet::asymmetric(),
        types: vec!["jwt".into(), own.into()],
        critical: Vec::new(),
    }
}
