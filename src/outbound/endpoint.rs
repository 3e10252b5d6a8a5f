//! A token endpoint, and who the gateway is there.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Url, header::HeaderValue};
use zeroize::Zeroizing;

use super::{CallError, CredentialError, Signature, token_request::TokenRequest};
use crate::{
    clock::UnixTime,
    secret::Secret,
    signing::{Claims, Header, SignError},
};

/// Where tokens are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where; https unless the configuration check allowed otherwise.
    pub url: Url,
    /// Who the gateway is there; `None`: an assertion says so.
    pub client: Option<Client>,
    /// `scope`, separated by blanks; empty: none is asked for.
    pub scope: Box<str>,
    /// More parameters, such as `audience` and `resource` (RFC 8707).
    pub parameters: Vec<(Box<str>, Box<str>)>,
    /// The most time that one fetch may take, the wait for its turn included.
    pub timeout: Duration,
    /// How long nothing is fetched after a failure, in seconds.
    pub cooldown: i64,
    /// PEM certificates of the authorities to trust instead of the machine's.
    pub authorities: Option<Vec<u8>>,
}

/// A client of the authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// `client_id`.
    pub id: Box<str>,
    /// How it shows that it is the one.
    pub authentication: Authentication,
}

/// How a client authenticates (RFC 6749 §2.3, RFC 7523 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// It names itself, and nothing more.
    None,
    /// `client_secret_basic`.
    Basic(Secret),
    /// `client_secret_post`.
    Post(Secret),
    /// `private_key_jwt` or `client_secret_jwt`.
    Assertion {
        /// Who signs.
        signature: Signature,
        /// Its `aud`: the token endpoint, unless the server wants another one.
        audience: Box<str>,
    },
}

/// How long an assertion of a client is good, in seconds.
const ASSERTION_LIFETIME: i64 = 60;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Endpoint {
    /// What every request has: scope, parameters, and who asks.
    pub(super) fn complete(
        &self,
        request: &mut TokenRequest,
        now: UnixTime,
    ) -> Result<(), CredentialError> {
        if !self.scope.is_empty() {
            request.add("scope", &self.scope);
        }
        for (name, value) in &self.parameters {
            request.add(name, value);
        }
        match &self.client {
            Some(client) => client.authenticate(request, now),
            None => Ok(()),
        }
    }
}

impl Client {
    /// Adds who asks to `request`.
    ///
    /// # Errors
    /// [`CredentialError`] when it cannot be signed or sent.
    pub fn authenticate(
        &self,
        request: &mut TokenRequest,
        now: UnixTime,
    ) -> Result<(), CredentialError> {
        match &self.authentication {
            Authentication::None => request.add("client_id", &self.id),
            Authentication::Basic(secret) => request.authorize(basic(&self.id, secret)?),
            Authentication::Post(secret) => {
                request.add("client_id", &self.id);
                request.add_bytes("client_secret", secret.expose_secret());
            }
            Authentication::Assertion {
                signature,
                audience,
            } => {
                let assertion = self.assertion(signature, audience, now)?;
                request.add("client_id", &self.id);
                request.add("client_assertion_type", ASSERTION_TYPE);
                request.add("client_assertion", &assertion);
            }
        }
        Ok(())
    }

    /// RFC 7523 §3, and a `jti` that is fresh each time.
    fn assertion(
        &self,
        signature: &Signature,
        audience: &str,
        now: UnixTime,
    ) -> Result<String, SignError> {
        let mut claims = Claims::new();
        claims.set_random_id()?;
        for (name, value) in [("iss", &*self.id), ("sub", &*self.id), ("aud", audience)] {
            claims.set(name, value).map_err(|_| SignError::NoExpiry)?;
        }
        claims
            .complete(now, ASSERTION_LIFETIME)
            .map_err(|_| SignError::NoExpiry)?;
        signature.sign(&Header::new("JWT"), &claims, now)
    }
}

/// Both encoded, in a header too (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &Secret) -> Result<HeaderValue, CallError> {
    let encode = |bytes: &[u8]| form_urlencoded::byte_serialize(bytes).collect::<String>();
    let secret = Zeroizing::new(encode(secret.expose_secret()));
    let pair = Zeroizing::new(format!("{}:{}", encode(id.as_bytes()), secret.as_str()));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| CallError::Exchange("the secret cannot be sent".into()))?;
    value.set_sensitive(true);
    Ok(value)
}
