//! The HTTP clients that fetch key sets, by whom they trust.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use reqwest::{Certificate, Client, ClientBuilder, Url, redirect, retry};

use super::{FetchError, cause};
use crate::issuer::ClientCertificate;

/// How long a connection is kept for the next fetch. Short: one that its server closes in silence
/// would cost a fetch, and a new one costs little.
const IDLE: Duration = Duration::from_secs(10);

/// Whom a client trusts to vouch for a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Trust {
    /// Nobody: for plain http, which must not fail because a machine has no certificates.
    Nobody,
    /// The machine's authorities.
    Machine,
    /// These authorities (PEM) and no others.
    Only(Vec<u8>),
}

/// The HTTP clients: one for each distinct trust and certificate, made when it is first needed. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(in crate::issuer) struct Clients(Arc<Mutex<HashMap<Side, Client>>>);

/// Whom a client trusts, and the digest of the certificate that it shows.
type Side = (Trust, Option<[u8; SHA256_OUTPUT_LEN]>);

impl Clients {
    /// The client for `uri`, with these authorities instead of the machine's, that shows this
    /// certificate. One that cannot be made is tried again the next time.
    ///
    /// # Errors
    /// [`FetchError::Trust`].
    pub(in crate::issuer) fn get(
        &self,
        uri: &Url,
        authorities: Option<&[u8]>,
        shown: Option<&ClientCertificate>,
    ) -> Result<Client, FetchError> {
        let side = (
            Trust::of(uri, authorities),
            shown.map(ClientCertificate::digest),
        );
        // A client is put in whole or not at all, so a panic elsewhere leaves nothing half-made.
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&side) {
            return Ok(client.clone());
        }
        let client = side.0.client(shown)?;
        clients.insert(side, client.clone());
        Ok(client)
    }
}

impl Trust {
    fn of(uri: &Url, authorities: Option<&[u8]>) -> Self {
        match authorities {
            _ if uri.scheme() == "http" => Self::Nobody,
            None => Self::Machine,
            Some(pem) => Self::Only(pem.to_vec()),
        }
    }

    fn client(&self, shown: Option<&ClientCertificate>) -> Result<Client, FetchError> {
        let mut builder = Client::builder()
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // The environment has no say in where keys come from.
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE);
        if let Some(certificate) = shown {
            let identity = certificate.identity();
            builder = builder.identity(identity.map_err(|e| FetchError::Trust(cause(e)))?);
        }
        self.apply(builder)?
            .build()
            .map_err(|e| FetchError::Trust(cause(e)))
    }

    fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, FetchError> {
        match self {
            Self::Nobody => Ok(builder.tls_certs_only([])),
            Self::Machine => Ok(builder.https_only(true)),
            Self::Only(pem) => {
                let authorities = Certificate::from_pem_bundle(pem)
                    .map_err(|_| FetchError::Trust("the authorities are not PEM".into()))?;
                if authorities.is_empty() {
                    return Err(FetchError::Trust(
                        "the authorities hold no certificate".into(),
                    ));
                }
                Ok(builder.https_only(true).tls_certs_only(authorities))
            }
        }
    }
}
