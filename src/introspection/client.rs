//! The HTTP client of one endpoint.

use std::time::Duration;

use reqwest::{Certificate, Client, redirect, retry};

use super::{CallError, Settings, call::cause};

/// How long a connection is kept for the next call.
const IDLE: Duration = Duration::from_secs(10);

/// How many connections are kept.
const MAX_IDLE: usize = 16;

/// Makes the client. It follows nobody: whoever can make the server redirect must get no token.
///
/// # Errors
/// [`CallError::Trust`].
pub(super) fn of(settings: &Settings) -> Result<Client, CallError> {
    let builder = Client::builder()
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        // The environment has no say in who sees tokens.
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(MAX_IDLE)
        .pool_idle_timeout(IDLE);
    let builder = match &settings.authorities {
        _ if settings.endpoint.scheme() == "http" => builder.tls_certs_only([]),
        None => builder.https_only(true),
        Some(pem) => {
            let authorities = Certificate::from_pem_bundle(pem)
                .map_err(|_| CallError::Trust("the authorities are not PEM".into()))?;
            builder.https_only(true).tls_certs_only(authorities)
        }
    };
    builder.build().map_err(|e| CallError::Trust(cause(e)))
}
