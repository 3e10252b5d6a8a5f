//! Keys behind a URL, which may be that of metadata that name the keys' own.

use std::{sync::Arc, time::Duration};

use reqwest::Url;

use super::{
    discovery,
    fetch::{self, Clients, FetchError, Validator},
    read::{self, Fresh, ReadError},
};
use crate::{
    jose::jwk::{self, Symmetric},
    secret::Secret,
};

/// How an issuer's keys are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The URL of the JWKS document, or of the metadata; https unless the configuration check
    /// allowed otherwise.
    pub uri: Url,
    /// What stands there, if it is the issuer's metadata and not the JWKS document itself.
    pub metadata: Option<Metadata>,
    /// How often it is fetched in the background.
    pub refresh: Duration,
    /// The least time between two fetches that requests cause.
    pub cooldown: Duration,
    /// How long keys serve after the last fetch that succeeded.
    pub stale_for: Duration,
    /// The most time that one fetch may take, of both documents where there are two.
    pub timeout: Duration,
    /// PEM certificates of the authorities to trust instead of the machine's.
    pub authorities: Option<Vec<u8>>,
    /// Basic authentication: user name and password. Only the origin of `uri` gets them.
    pub credentials: Option<(String, Secret)>,
}

/// What the issuer's metadata must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What they must say of whose they are: the issuer's exact name.
    pub issuer: Arc<str>,
    /// Whether the keys may come over http from other machines than this one.
    pub allow_http: bool,
}

impl Remote {
    /// Reads the keys, within the timeout and [`fetch::MAX_BYTES`] for each document. With `unless`,
    /// it may come out that they are still the same.
    ///
    /// # Errors
    /// [`ReadError`] when that did not lead to a usable key.
    pub(super) async fn read(
        &self,
        clients: &Clients,
        unless: Option<&Validator>,
    ) -> Result<Fresh, ReadError> {
        // One limit over everything: neither a body that drips in nor a second document stretches it.
        tokio::time::timeout(self.timeout, self.follow(clients, unless))
            .await
            .unwrap_or(Err(FetchError::Timeout(self.timeout).into()))
    }

    async fn follow(
        &self,
        clients: &Clients,
        unless: Option<&Validator>,
    ) -> Result<Fresh, ReadError> {
        let Some(metadata) = &self.metadata else {
            return self.keys(clients, &self.uri, unless).await;
        };
        let answer = fetch::fetch(clients, self, &self.uri, fetch::METADATA, None)
            .await
            .map_err(ReadError::Metadata)?;
        let document = answer.document.unwrap_or_default();
        let uri = discovery::jwks_uri(&document, metadata, &self.uri)?;
        let keys = self.keys(clients, &uri, unless).await?;
        Ok(Fresh {
            found: Some(uri),
            ..keys
        })
    }

    async fn keys(
        &self,
        clients: &Clients,
        uri: &Url,
        unless: Option<&Validator>,
    ) -> Result<Fresh, ReadError> {
        let answer = fetch::fetch(clients, self, uri, fetch::KEYS, unless).await?;
        let set = match &answer.document {
            Some(document) => Some(read::usable(jwk::parse_set(document, Symmetric::Refused)?)?),
            None => None,
        };
        Ok(Fresh {
            set,
            found: None,
            document: answer.document,
            validator: answer.validator,
            max_age: answer.max_age,
        })
    }
}
