//! Refresh tokens: each is good once, and one that comes again ends all that came from the same grant.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Desk, OAuthError, Refused, ServiceError,
    issue::{Granted, Made, Refresh},
    parameters::Parameters,
    prove::Known,
    scope,
};
use crate::{
    clock::UnixTime,
    issued::{self, Fresh},
    store::{Change, Key, StoreError},
};

/// What is remembered of a refresh token.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Record {
    /// Whose it is.
    pub(super) client: Arc<str>,
    /// Whom it speaks for.
    pub(super) subject: String,
    /// What was granted.
    pub(super) scope: String,
    /// All that came from one grant.
    pub(super) family: String,
    /// When the family ends, in seconds since 1970.
    pub(super) until: i64,
    /// Whether it was used.
    pub(super) used: bool,
}

const REFUSED: OAuthError =
    OAuthError::InvalidGrant("The refresh token is not known, was used, was revoked or expired.");

impl Desk<'_> {
    /// The grant of RFC 6749 §6: a new access token and a new refresh token.
    pub(super) async fn refresh(
        &self,
        known: &Known<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<(Made, Vec<Change>), Refused> {
        let token = parameters.need("refresh_token", "refresh_token is missing.")?;
        let refused = |cause: &str| REFUSED.because(cause).of(known.name);
        let found = self.refresh_record(token).await?;
        let Some((key, bytes, record)) = found else {
            return Err(refused("there is no record of the refresh token").guessed());
        };
        if *record.client != **known.name {
            return Err(refused("the refresh token is another client's").guessed());
        }
        if record.used {
            return Err(self.reused(&record, known).await?);
        }
        self.check_family(&record, known).await?;
        let scope = scope::narrowed(known.client, &record.scope, parameters.get("scope"))
            .map_err(|error| error.because(error).of(known.name))?;
        let (refresh, mut changes) = self.next(&record)?;
        let granted = Granted {
            known,
            subject: &record.subject,
            scope: &scope,
            refresh: Some(refresh),
        };
        let made = self.make(&granted).await?;
        let used = Record {
            used: true,
            ..record.clone()
        };
        let used = used.bytes()?;
        changes.push(Change::replace(key, bytes, used, UnixTime(record.until)));
        Ok((made, changes))
    }

    /// The first refresh token of a new family, and what must be remembered of it.
    pub(super) fn first(
        &self,
        known: &Known<'_>,
        subject: &str,
        scope: &str,
        lifetime: i64,
    ) -> Result<(Refresh, Vec<Change>), Refused> {
        let record = Record {
            client: Arc::clone(known.name),
            subject: subject.to_owned(),
            scope: scope.to_owned(),
            family: issued::random_id()?,
            until: self.now.plus(lifetime).0,
            used: false,
        };
        self.next(&record)
    }

    /// What is remembered of `token`: the key, the very bytes, and what they say.
    pub(super) async fn refresh_record(
        &self,
        token: &str,
    ) -> Result<Option<(Key, Vec<u8>, Record)>, StoreError> {
        if !issued::is_refresh(token.as_bytes()) {
            return Ok(None);
        }
        let key = issued::refresh_key(token.as_bytes());
        let Some(bytes) = self.records.get(key).await? else {
            return Ok(None);
        };
        match serde_json::from_slice(&bytes) {
            Ok(record) => Ok(Some((key, bytes, record))),
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// Ends the family of `record`: its refresh tokens, and the access tokens that came with them.
    pub(super) async fn end_family(&self, record: &Record) -> Result<(), StoreError> {
        // The last access token may outlive the family.
        let lifetime = self.service.settings.access_token_lifetime;
        let until = UnixTime(record.until).plus(lifetime).plus(3600);
        issued::revoke(self.records, issued::family_key(&record.family), until).await
    }

    /// Somebody has a copy: nobody knows who of the two is the client.
    pub(super) async fn reused(
        &self,
        record: &Record,
        known: &Known<'_>,
    ) -> Result<Refused, Refused> {
        self.end_family(record).await?;
        let cause = "the refresh token was used before: its whole family is revoked";
        Ok(REFUSED.because(cause).of(known.name))
    }

    async fn check_family(&self, record: &Record, known: &Known<'_>) -> Result<(), Refused> {
        let refused = |cause: &str| REFUSED.because(cause).of(known.name);
        if self.now >= UnixTime(record.until) {
            return Err(refused("the refresh token expired"));
        }
        let family = issued::family_key(&record.family);
        if self.records.get(family).await?.is_some() {
            return Err(refused("the refresh token was revoked"));
        }
        Ok(())
    }

    /// A new token of the family of `record`.
    fn next(&self, record: &Record) -> Result<(Refresh, Vec<Change>), Refused> {
        let Fresh { token, key } = issued::new_refresh()?;
        let fresh = Record {
            used: false,
            ..record.clone()
        };
        // A family that is revoked meanwhile gets no new token.
        let stands = Change {
            key: issued::family_key(&record.family),
            expected: Some(None),
            new: None,
        };
        let change = Change::add(key, fresh.bytes()?, UnixTime(record.until));
        let refresh = Refresh {
            token,
            family: record.family.clone(),
        };
        Ok((refresh, vec![stands, change]))
    }
}

impl Record {
    fn bytes(&self) -> Result<Vec<u8>, ServiceError> {
        serde_json::to_vec(self).map_err(|_| ServiceError::Internal)
    }
}
