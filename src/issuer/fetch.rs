//! One fetch of a document over HTTP: bounded in size, without redirects.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, IF_NONE_MATCH},
};
use zeroize::Zeroizing;

use super::Remote;
use crate::{
    call::{self, cause},
    secret::Secret,
};

mod client;
mod freshness;

pub(super) use client::Clients;
pub(super) use freshness::Validator;

/// The most bytes that a key set, or the metadata that lead to it, may have: 1 MiB.
pub const MAX_BYTES: usize = 1 << 20;

/// RFC 7517 §8.5.2 registers the first; most servers send the second.
pub(super) const KEYS: HeaderValue =
    HeaderValue::from_static("application/jwk-set+json, application/json;q=0.9");

/// What metadata are (RFC 8414 §3.2).
pub(super) const METADATA: HeaderValue = HeaderValue::from_static("application/json");

/// Why a document was not fetched. The texts name neither the URL nor credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The TLS client cannot be made: the authorities are no certificates, or there are none.
    #[error("TLS cannot be set up: {0}")]
    Trust(String),
    /// The credentials cannot stand in a header.
    #[error("the credentials cannot be sent")]
    Credentials,
    /// No connection: name, route, refusal or certificate.
    #[error("no connection: {0}")]
    Connect(String),
    /// The exchange broke off.
    #[error("the exchange failed: {0}")]
    Exchange(String),
    /// The answer was not complete in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// The answer points elsewhere. Whoever can make the server redirect must not choose our keys.
    #[error("the answer is a redirect ({0}), and none is followed")]
    Redirect(u16),
    /// The status is another than 200.
    #[error("the answer's status is {0}, not 200")]
    Status(u16),
    /// The body is longer than [`MAX_BYTES`].
    #[error("the answer is longer than {MAX_BYTES} bytes")]
    TooLarge,
}

/// A document, and what its server says of it.
#[derive(Debug)]
pub(super) struct Answer {
    /// `None`: it is the same as when the validator was given.
    pub(super) document: Option<Vec<u8>>,
    pub(super) validator: Option<Validator>,
    /// How long its server wants it to be used.
    pub(super) max_age: Option<Duration>,
}

/// Fetches the document at `uri` as `remote` says, at most [`MAX_BYTES`]. Whoever calls it sets the
/// limit on the time. With `unless`, it may come out that the document is still the same.
///
/// # Errors
/// [`FetchError`] when there is neither a complete `200` answer nor a `304` that was asked for.
pub(super) async fn fetch(
    clients: &Clients,
    remote: &Remote,
    uri: &Url,
    accepted: HeaderValue,
    unless: Option<&Validator>,
) -> Result<Answer, FetchError> {
    // A document does not choose who gets the password, and who learns who we are.
    let is_own = uri.origin() == remote.uri.origin();
    let shown = remote.client_certificate.as_ref().filter(|_| is_own);
    let client = clients.get(uri, remote.authorities.as_deref(), shown)?;
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(ACCEPT, accepted);
    let unless = unless.filter(|validator| validator.uri == *uri);
    if let Some(validator) = unless {
        headers.insert(IF_NONE_MATCH, validator.etag.clone());
    }
    if let Some((user, password)) = &remote.credentials
        && is_own
    {
        headers.insert(AUTHORIZATION, basic(user, password)?);
    }
    let request = client.get(uri.clone()).headers(headers);
    let response = request.send().await.map_err(failed)?;
    let validator = Validator::of(uri, response.headers());
    let max_age = freshness::lifetime(response.headers());
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if unless.is_some() => {
            return Ok(Answer {
                document: None,
                validator,
                max_age,
            });
        }
        status if status.is_redirection() => return Err(FetchError::Redirect(status.as_u16())),
        status => return Err(FetchError::Status(status.as_u16())),
    }
    let body = call::body(response, MAX_BYTES).await.map_err(failed)?;
    let body = body.ok_or(FetchError::TooLarge)?;
    Ok(Answer {
        document: Some(body),
        validator,
        max_age,
    })
}

/// The value of `Authorization` for Basic credentials (RFC 7617 §2).
fn basic(user: &str, password: &Secret) -> Result<HeaderValue, FetchError> {
    let pair = Zeroizing::new([user.as_bytes(), b":", password.expose_secret()].concat());
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_slice())));
    let mut value = HeaderValue::from_str(&text).map_err(|_| FetchError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}

fn failed(error: reqwest::Error) -> FetchError {
    if error.is_connect() {
        FetchError::Connect(cause(error))
    } else {
        FetchError::Exchange(cause(error))
    }
}
