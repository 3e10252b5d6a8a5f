//! The token service: a registered client trades a signed assertion for an access token (RFC 7523), and
//! asks about its tokens or revokes them.
//!
//! [`Desk::answer`] is the one way in. It does no input or output but to the records, and the time is an
//! argument. What it issues is judged by the gateway as any other issuer's tokens are.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE},
    request::Parts,
};
use serde_json::{Map, Value};

use crate::{
    clock::UnixTime,
    issuer::{Issuer, Registry},
    signing::Signer,
    store::Records,
};

mod about;
mod assertion;
mod authenticate;
mod documents;
mod error;
mod format;
mod guesses;
mod inspect;
mod issue;
mod parameters;
mod prove;
mod refresh;
mod scope;
pub mod settings;
mod token;

pub use error::{Failure, OAuthError, ServiceError};
pub use guesses::Guesses;
pub use settings::{Client, Endpoint, Form, Grant, Settings};

use error::Refused;
use format::Format;
use parameters::Parameters;

/// A token service, prepared from the configuration.
#[derive(Debug)]
pub struct Service {
    /// What it is.
    pub settings: Settings,
    /// What signs its tokens.
    pub signer: Arc<Signer>,
    /// The keys of its clients that have some. A client stands here as an issuer of assertions, under the
    /// name that [`key_name`] gives it.
    pub keys: Registry,
}

/// A service at work on one request.
#[derive(Clone, Copy)]
pub struct Desk<'d> {
    /// The service.
    pub service: &'d Service,
    /// The issuer of its tokens, as the gateway knows it.
    pub own: &'d Issuer,
    /// What is remembered.
    pub records: &'d dyn Records,
    /// Who fails too often.
    pub guesses: &'d Guesses,
    /// From where the request is, if that is known.
    pub address: Option<IpAddr>,
    /// The time.
    pub now: UnixTime,
}

/// A request for an endpoint. Its method is one that the endpoint allows.
pub struct Request<'r> {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// Its head.
    pub head: &'r Parts,
    /// Its whole body.
    pub body: &'r [u8],
}

/// An answer, and what is to be told of it.
pub struct Answer {
    /// The response.
    pub response: Response<Bytes>,
    /// The registered client, if it is known.
    pub client: Option<Arc<str>>,
    /// By which grant a token was issued, if one was.
    pub issued: Option<Grant>,
    /// What was revoked, if anything was.
    pub revoked: Option<&'static str>,
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    body: String,
    content_type: &'static str,
    client: Option<Arc<str>>,
    issued: Option<Grant>,
    revoked: Option<&'static str>,
}

/// The name under which the keys of `client` are kept.
#[must_use]
pub fn key_name(client: &str) -> Arc<str> {
    format!("client {client}").into()
}

impl Service {
    /// The keys of the client `name`, if it is active and has any.
    fn keys_of(&self, name: &str) -> Option<&Arc<Issuer>> {
        self.keys.find(&key_name(name)).ok()
    }

    /// The grants that it offers.
    fn grants(&self) -> Vec<Grant> {
        let refresh = self.settings.refresh_token_lifetime;
        let refresh = refresh.map(|_| Grant::RefreshToken);
        std::iter::once(Grant::JwtBearer).chain(refresh).collect()
    }

    /// Whether it says what `other` says, the keys of clients aside.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.settings == other.settings && self.signer.is_like(&other.signer)
    }
}

impl<'d> Desk<'d> {
    /// Answers `request`.
    ///
    /// # Errors
    /// [`ServiceError`] where no answer of RFC 6749 fits.
    pub async fn answer(&self, request: &Request<'_>) -> Result<Answer, ServiceError> {
        let mut format = Format::accepted(&request.head.headers);
        let done = match self.check_guesses(None) {
            Ok(()) => self.act(request, &mut format).await,
            Err(refused) => Err(refused),
        };
        match done {
            Ok(done) => Ok(Answer::of(done, request.endpoint)),
            Err(Refused::Service(error)) => Err(error),
            Err(Refused::Failure(failure)) => {
                if failure.is_guess {
                    let client = failure.client.as_ref();
                    self.guesses.failed(self.address, client, self.now);
                }
                Ok(Answer::refused(*failure, format))
            }
        }
    }

    async fn act(&self, request: &Request<'_>, format: &mut Format) -> Result<Done, Refused> {
        match request.endpoint {
            Endpoint::Jwks => return Ok(self.service.jwks(self.now)),
            Endpoint::Metadata => return Ok(self.service.metadata()),
            Endpoint::TokenInfo if request.head.method == Method::GET => {
                let query = request.head.uri.query().unwrap_or_default();
                let parameters = Parameters::parse(query.as_bytes())?;
                return self.token_info(request, &parameters).await;
            }
            Endpoint::Token | Endpoint::Revoke | Endpoint::Introspect | Endpoint::TokenInfo => {}
        }
        let is_empty = request.endpoint == Endpoint::TokenInfo && request.body.is_empty();
        if !is_empty && !parameters::is_form(&request.head.headers) {
            return Err(OAuthError::NotAForm.into());
        }
        let parameters = Parameters::parse(request.body)?;
        if let Some(name) = parameters.get("format") {
            *format = Format::named(name).ok_or(OAuthError::InvalidRequest(
                "format must be json, urlencoded or xml.",
            ))?;
        }
        match request.endpoint {
            Endpoint::Token => self.token(request, &parameters, *format).await,
            Endpoint::Revoke => self.revoke(request, &parameters).await,
            Endpoint::Introspect => self.introspect(request, &parameters).await,
            Endpoint::TokenInfo => self.token_info(request, &parameters).await,
            Endpoint::Jwks => Ok(self.service.jwks(self.now)),
            Endpoint::Metadata => Ok(self.service.metadata()),
        }
    }

    /// Whether the address, and `client` from there, may try once more.
    fn check_guesses(&self, client: Option<&Arc<str>>) -> Result<(), Refused> {
        let checked = self.guesses.check(self.address, client, self.now);
        checked.map_err(|wait| ServiceError::TooManyFailures(wait).into())
    }
}

impl Answer {
    fn of(done: Done, endpoint: Endpoint) -> Self {
        let public = matches!(endpoint, Endpoint::Jwks | Endpoint::Metadata);
        let mut response = respond(StatusCode::OK, done.body, done.content_type);
        if public {
            let fields = response.headers_mut();
            let minutes = HeaderValue::from_static("public, max-age=300");
            fields.insert(CACHE_CONTROL, minutes);
            fields.remove(PRAGMA);
        }
        Self {
            response,
            client: done.client,
            issued: done.issued,
            revoked: done.revoked,
            failure: None,
        }
    }

    fn refused(failure: Failure, format: Format) -> Self {
        let error = failure.error;
        let members = Map::from_iter([
            ("error".to_owned(), Value::from(error.name())),
            ("error_description".to_owned(), error.to_string().into()),
        ]);
        let body = format.write(&members);
        let mut response = respond(error.status(), body, format.content_type());
        if error == (OAuthError::InvalidClient { basic: true }) {
            let challenge = HeaderValue::from_static("Basic realm=\"token service\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        Self {
            response,
            client: failure.client.clone(),
            issued: None,
            revoked: None,
            failure: Some(failure),
        }
    }
}

fn respond(status: StatusCode, body: String, content_type: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    if !content_type.is_empty() {
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
