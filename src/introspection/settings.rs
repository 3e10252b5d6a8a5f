//! How an issuer is asked.

use std::time::Duration;

use reqwest::Url;

use crate::secret::Secret;

/// How an issuer is asked about tokens, prepared from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where; https unless the configuration check allowed otherwise.
    pub endpoint: Url,
    /// What stands there.
    pub method: Method,
    /// Who we are there; a userinfo endpoint is shown the token itself instead.
    pub credentials: Option<Credentials>,
    /// Which tokens in the form of a JWT are asked about.
    pub jwt: Jwt,
    /// Whether it is asked about tokens that have no such form.
    pub opaque: bool,
    /// The most time that one call may take.
    pub timeout: Duration,
    /// How long a good answer is believed, at most until `exp`: so long a revoked token passes.
    pub cache: Duration,
    /// PEM certificates of the authorities to trust instead of the machine's.
    pub authorities: Option<Vec<u8>>,
}

/// What kind of endpoint it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// RFC 7662.
    Introspect,
    /// OpenID Connect Core 1.0 §5.3.
    Userinfo,
}

/// When the issuer is asked about a token in the form of a JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jwt {
    /// Never.
    Local,
    /// When no key here verifies it.
    Fallback,
    /// Each time, after it was verified here.
    Always,
}

/// Who the gateway is at the endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub secret: Secret,
    /// How they are sent.
    pub authentication: Authentication,
}

/// How the credentials are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// In the Authorization header.
    Basic,
    /// In the body.
    Post,
}
