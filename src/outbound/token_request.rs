//! One request to a token endpoint (RFC 6749 §3.2), and its bounded answer.

use reqwest::{
    Client, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};

use super::CallError;
use crate::call::{body, cause};

/// The most bytes that an answer may have: 64 KiB.
const MAX_BYTES: usize = 64 * 1024;

/// A form that is being filled in.
#[derive(Default)]
pub struct TokenRequest {
    form: String,
    authorization: Option<HeaderValue>,
}

impl TokenRequest {
    /// A request with this `grant_type`.
    #[must_use]
    pub fn new(grant_type: &str) -> Self {
        let mut request = Self::default();
        request.add("grant_type", grant_type);
        request
    }

    /// Adds a parameter.
    pub fn add(&mut self, name: &str, value: &str) {
        self.add_bytes(name, value.as_bytes());
    }

    pub(super) fn add_bytes(&mut self, name: &str, value: &[u8]) {
        if !self.form.is_empty() {
            self.form.push('&');
        }
        self.form
            .extend(form_urlencoded::byte_serialize(name.as_bytes()));
        self.form.push('=');
        self.form.extend(form_urlencoded::byte_serialize(value));
    }

    pub(super) fn authorize(&mut self, value: HeaderValue) {
        self.authorization = Some(value);
    }
}

/// Sends `request` to `url`. Whoever calls it sets the limit on the time.
///
/// # Errors
/// [`CallError`] when there is no complete answer of at most 64 KiB.
pub async fn post(
    client: &Client,
    url: &Url,
    request: TokenRequest,
) -> Result<(StatusCode, Vec<u8>), CallError> {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut sending = client.post(url.clone()).header(CONTENT_TYPE, form);
    sending = sending.header(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(value) = request.authorization {
        sending = sending.header(AUTHORIZATION, value);
    }
    let response = sending.body(request.form).send().await.map_err(failed)?;
    let status = response.status();
    let body = body(response, MAX_BYTES).await.map_err(failed)?;
    Ok((status, body.ok_or(CallError::TooLarge(MAX_BYTES))?))
}

fn failed(error: reqwest::Error) -> CallError {
    if error.is_connect() {
        CallError::Connect(cause(error))
    } else {
        CallError::Exchange(cause(error))
    }
}
