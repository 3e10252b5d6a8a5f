//! Keys behind a URL, which may be that of metadata that name the keys' own.

use std::{sync::Arc, time::Duration};

use reqwest::Url;

use super::{
    ClientCertificate, discovery,
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
    /// The certificate to show. Only the origin of `uri` sees it.
    pub client_certificate: Option<ClientCertificate>,
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

/// What to ask with the next time, so that only what changed is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Of the keys.
    pub(super) keys: Option<Validator>,
    /// Of the metadata.
    pub(super) led: Option<Led>,
}

/// Where metadata led.
#[derive(Clone, Debug)]
pub(super) struct Led {
    to: Url,
    validator: Option<Validator>,
}

impl Remote {
    /// Reads the keys, within the timeout and [`fetch::MAX_BYTES`] for each document. With what is
    /// `known`, it may come out that they are still the same.
    ///
    /// # Errors
    /// [`ReadError`] when that did not lead to a usable key.
    pub(super) async fn read(&self, clients: &Clients, known: &Known) -> Result<Fresh, ReadError> {
        // One limit over everything: neither a body that drips in nor a second document stretches it.
        tokio::time::timeout(self.timeout, self.follow(clients, known))
            .await
            .unwrap_or(Err(FetchError::Timeout(self.timeout).into()))
    }

    async fn follow(&self, clients: &Clients, known: &Known) -> Result<Fresh, ReadError> {
        let Some(metadata) = &self.metadata else {
            return self.keys(clients, &self.uri, known).await;
        };
        let led = self.lead(clients, metadata, known.led.as_ref()).await?;
        let keys = self.keys(clients, &led.to, known).await?;
        let (found, validator) = (Some(led.to.clone()), keys.known.keys);
        Ok(Fresh {
            found,
            known: Known {
                keys: validator,
                led: Some(led),
            },
            ..keys
        })
    }

    /// Where the metadata lead, which may be where they led `before`.
    async fn lead(
        &self,
        clients: &Clients,
        metadata: &Metadata,
        before: Option<&Led>,
    ) -> Result<Led, ReadError> {
        let unless = before.and_then(|led| led.validator.as_ref());
        let answer = fetch::fetch(clients, self, &self.uri, fetch::METADATA, unless)
            .await
            .map_err(ReadError::Metadata)?;
        match (answer.document, before) {
            (None, Some(before)) => Ok(before.clone()),
            (document, _) => Ok(Led {
                to: discovery::jwks_uri(&document.unwrap_or_default(), metadata, &self.uri)?,
                validator: answer.validator,
            }),
        }
    }

    async fn keys(&self, clients: &Clients, uri: &Url, known: &Known) -> Result<Fresh, ReadError> {
        let answer = fetch::fetch(clients, self, uri, fetch::KEYS, known.keys.as_ref()).await?;
        let set = match &answer.document {
            Some(document) => Some(read::usable(jwk::parse_set(document, Symmetric::Refused)?)?),
            None => None,
        };
        Ok(Fresh {
            // The same keys are asked for as before.
            known: Known {
                keys: if set.is_some() {
                    answer.validator
                } else {
                    known.keys.clone()
                },
                led: None,
            },
            set,
            found: None,
            document: answer.document,
            max_age: answer.max_age,
        })
    }
}
