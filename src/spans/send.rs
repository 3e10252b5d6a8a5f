//! One call to the collector (OTLP over HTTP): what it means, and whether it is worth another.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE, header::RETRY_AFTER};
use prost::Message as _;
use reqwest::{Client, Response, Url};

use super::{Export, messages::ExportResponse};
use crate::call::{self, ClientError, Trust, cause};

/// The most that is read of an answer.
const MAX_ANSWER: usize = 64 << 10;
/// The longest that a collector may have us wait.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The way to one collector.
pub(super) struct Collector {
    client: Client,
    endpoint: Url,
    headers: HeaderMap,
    timeout: Duration,
}

/// Why a call led nowhere. The texts name neither the URL nor secrets.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// It may be better later.
    #[error("{why}")]
    Later {
        /// What went wrong.
        why: String,
        /// When the collector says that it will be.
        after: Option<Duration>,
    },
    /// It does not want these spans.
    #[error("its status is {0}")]
    Refused(StatusCode),
}

impl Collector {
    /// # Errors
    /// [`ClientError`].
    pub(super) fn new(export: &Export) -> Result<Self, ClientError> {
        let trust = Trust::of(&export.endpoint, export.authorities.as_deref());
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        let mut headers: HeaderMap = export.headers.iter().cloned().collect();
        headers.insert(CONTENT_TYPE, protobuf);
        Ok(Self {
            client: trust.client(call::builder().pool_max_idle_per_host(1))?,
            endpoint: export.endpoint.clone(),
            headers,
            timeout: export.timeout,
        })
    }

    /// Sends spans; how many of them the collector did not want.
    ///
    /// # Errors
    /// [`SendError`].
    pub(super) async fn send(&self, body: bytes::Bytes) -> Result<u64, SendError> {
        let request = self.client.post(self.endpoint.clone());
        let request = request.headers(self.headers.clone()).body(body);
        let response = request.timeout(self.timeout).send().await;
        let response = response.map_err(|error| SendError::Later {
            why: cause(error),
            after: None,
        })?;
        match response.status() {
            status if status.is_success() => Ok(rejected(response).await),
            // OTLP's own list of what may be tried again.
            status @ (StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT) => Err(SendError::Later {
                why: format!("its status is {status}"),
                after: retry_after(&response),
            }),
            status => Err(SendError::Refused(status)),
        }
    }
}

/// An answer that cannot be read says nothing: the status did.
async fn rejected(response: Response) -> u64 {
    let body = call::body(response, MAX_ANSWER).await;
    let Ok(Some(body)) = body else { return 0 };
    let answer = ExportResponse::decode(&*body).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    u64::try_from(partial.rejected_spans).unwrap_or_default()
}

fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}
