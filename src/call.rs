//! The gateway's own HTTP calls: whom they trust, what they never do, and how much they read.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Response, Url, redirect, retry};

/// How long a connection is kept for the next call. Short: one that its server closes in silence would
/// cost a call, and a new one costs little.
const IDLE: Duration = Duration::from_secs(10);

/// Whom a client trusts to vouch for a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Nobody: for plain http, which must not fail because a machine has no certificates.
    Nobody,
    /// The machine's authorities.
    Machine,
    /// These authorities (PEM) and no others.
    Only(Vec<u8>),
}

/// Why a client cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The authorities cannot be read.
    #[error("the authorities are not PEM")]
    NotPem,
    /// The authorities are nobody.
    #[error("the authorities hold no certificate")]
    NoCertificate,
    /// The TLS library refuses.
    #[error("{0}")]
    Tls(String),
}

impl Trust {
    /// Whom a client of `url` trusts: these authorities (PEM), or the machine's.
    #[must_use]
    pub fn of(url: &Url, authorities: Option<&[u8]>) -> Self {
        match authorities {
            _ if url.scheme() == "http" => Self::Nobody,
            None => Self::Machine,
            Some(pem) => Self::Only(pem.to_vec()),
        }
    }

    /// The client that `builder` makes, with this trust.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn client(&self, builder: ClientBuilder) -> Result<Client, ClientError> {
        let builder = match self {
            Self::Nobody => builder.tls_certs_only([]),
            Self::Machine => builder.https_only(true),
            Self::Only(pem) => {
                let authorities =
                    Certificate::from_pem_bundle(pem).map_err(|_| ClientError::NotPem)?;
                if authorities.is_empty() {
                    return Err(ClientError::NoCertificate);
                }
                builder.https_only(true).tls_certs_only(authorities)
            }
        };
        builder.build().map_err(|e| ClientError::Tls(cause(e)))
    }
}

/// What every client has in common. It follows nobody: whoever can make a server redirect gets neither
/// tokens nor claims, and says neither which keys there are nor who somebody is. The environment has no
/// say in it either.
pub fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .pool_idle_timeout(IDLE)
}

/// The body of `response`; `None` when it has more than `most` bytes.
///
/// # Errors
/// [`reqwest::Error`] when it breaks off.
pub async fn body(mut response: Response, most: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > most - body.len() {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// The innermost cause: "Connection refused" says more than "error sending request", and unlike
/// the outer texts it never holds the URL.
#[must_use]
pub fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
