//! One call: the token goes out, and a bounded body comes back.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    Client, RequestBuilder, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use zeroize::Zeroizing;

use super::{Authentication, Credentials, IntrospectionError, MAX_BYTES, Method, Settings};
use crate::{
    call::{body, cause},
    jose::json::JsonError,
};

/// Why a call led nowhere. The texts name neither the URL, nor the token, nor credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The TLS client cannot be made.
    #[error("TLS cannot be set up: {0}")]
    Trust(String),
    /// No connection: name, route, refusal or certificate.
    #[error("no connection: {0}")]
    Connect(String),
    /// The exchange broke off.
    #[error("the exchange failed: {0}")]
    Exchange(String),
    /// The answer was not complete in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// It does not know us: its owner and ours have to talk.
    #[error("it refuses the gateway's credentials ({0})")]
    Credentials(u16),
    /// Another status than those that mean something.
    #[error("its status is {0}")]
    Status(u16),
    /// The body is longer than [`MAX_BYTES`].
    #[error("its answer is longer than {MAX_BYTES} bytes")]
    TooLarge,
    /// The body is no strict JSON object.
    #[error("its answer is {0}")]
    Json(#[from] JsonError),
    /// The body lacks what it must have.
    #[error("its answer has no {0}")]
    Lacks(&'static str),
    /// Whoever made the call is gone.
    #[error("the call was given up")]
    GivenUp,
}

/// Asks about `token`. Whoever calls it sets the limit on the time.
///
/// # Errors
/// [`IntrospectionError::Inactive`] when the token is refused by its status, [`CallError`] else, unless
/// there is a complete `200` answer.
pub(super) async fn call(
    client: &Client,
    settings: &Settings,
    token: &[u8],
) -> Result<Vec<u8>, IntrospectionError> {
    let request = match settings.method {
        Method::Introspect => introspect(client, settings, token)?,
        Method::Userinfo => {
            let value = Zeroizing::new([b"Bearer ", token].concat());
            let request = client.get(settings.endpoint.clone());
            request.header(AUTHORIZATION, sensitive(&value)?)
        }
    };
    let json = HeaderValue::from_static("application/json");
    let request = request.header(ACCEPT, json);
    let response = request.send().await.map_err(failed)?;
    match (response.status(), settings.method) {
        (StatusCode::OK, _) => {}
        // RFC 6750 §3.1: the token was the credential here, and not ours.
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Method::Userinfo) => {
            return Err(IntrospectionError::Inactive);
        }
        (status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), Method::Introspect) => {
            return Err(CallError::Credentials(status.as_u16()).into());
        }
        (status, _) => return Err(CallError::Status(status.as_u16()).into()),
    }
    let body = body(response, MAX_BYTES).await.map_err(failed)?;
    Ok(body.ok_or(CallError::TooLarge)?)
}

/// RFC 7662 §2.1.
fn introspect(
    client: &Client,
    settings: &Settings,
    token: &[u8],
) -> Result<RequestBuilder, CallError> {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut request = client.post(settings.endpoint.clone());
    request = request.header(CONTENT_TYPE, form);
    let mut body = format!("token={}&token_type_hint=access_token", encoded(token));
    match &settings.credentials {
        None => {}
        Some(us) if us.authentication == Authentication::Post => {
            let (id, secret) = pair(us);
            body += &format!("&client_id={id}&client_secret={}", secret.as_str());
        }
        Some(us) => {
            let (id, secret) = pair(us);
            let pair = Zeroizing::new(format!("{id}:{}", secret.as_str()));
            let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
            request = request.header(AUTHORIZATION, sensitive(value.as_bytes())?);
        }
    }
    Ok(request.body(body))
}

/// Both encoded, in a header too (RFC 6749 §2.3.1).
fn pair(us: &Credentials) -> (String, Zeroizing<String>) {
    let secret = Zeroizing::new(encoded(us.secret.expose_secret()));
    (encoded(us.client_id.as_bytes()), secret)
}

fn encoded(bytes: &[u8]) -> String {
    form_urlencoded::byte_serialize(bytes).collect()
}

fn sensitive(value: &[u8]) -> Result<HeaderValue, CallError> {
    let mut value = HeaderValue::from_bytes(value)
        .map_err(|_| CallError::Exchange("the token cannot be sent".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn failed(error: reqwest::Error) -> CallError {
    if error.is_connect() {
        CallError::Connect(cause(error))
    } else {
        CallError::Exchange(cause(error))
    }
}
