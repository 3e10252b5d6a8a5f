//! The HTTP clients that fetch key sets, by whom they trust.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use reqwest::{Client, Url};

use super::FetchError;
use crate::{
    call::{self, ClientError, Trust, cause},
    issuer::ClientCertificate,
};

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
        let client = new(&side.0, shown)?;
        clients.insert(side, client.clone());
        Ok(client)
    }
}

/// A client that keeps one connection, and shows this certificate.
fn new(trust: &Trust, shown: Option<&ClientCertificate>) -> Result<Client, FetchError> {
    let wrong = |why: ClientError| FetchError::Trust(why.to_string());
    let mut builder = call::builder().pool_max_idle_per_host(1);
    if let Some(certificate) = shown {
        let identity = certificate.identity();
        builder = builder.identity(identity.map_err(|e| FetchError::Trust(cause(e)))?);
    }
    trust.client(builder).map_err(wrong)
}
