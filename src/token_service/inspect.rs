//! Tokens of this service that somebody asks about or revokes.

use std::sync::Arc;

use super::{Desk, Service};
use crate::{
    claims::{self, Audiences, Evidence},
    clock::UnixTime,
    issued::{self, IssuedError},
    jose::{compact, json::Object, verify},
    signing::Phase,
    store::{Key, Records, StoreError},
};

/// A good access token of this service.
pub(super) struct Live {
    evidence: Evidence,
    /// What revokes it, and until when that must be remembered.
    pub(super) revoke: (Key, UnixTime),
    /// Its client.
    pub(super) client: Arc<str>,
}

impl Service {
    /// Whether a token with these checked claims still stands: it was not revoked, its client is active, and
    /// its key is in use. `kid` is that of the key which signed it; `None` for one that is opaque.
    ///
    /// # Errors
    /// [`IssuedError`] when it does not, or when that is not known.
    pub async fn stands(
        &self,
        claims: &Object,
        kid: Option<&str>,
        now: UnixTime,
        records: &dyn Records,
    ) -> Result<(), IssuedError> {
        let client = claims.get("client_id");
        let client = client.and_then(|client| client.string());
        let client = client.and_then(|client| self.settings.clients.get(&*client));
        if !client.is_some_and(|client| client.active) {
            return Err(IssuedError::ClientInactive);
        }
        if let Some(kid) = kid {
            let mut keys = self.signer.keys().iter();
            let key = keys.find(|held| held.key.kid() == Some(kid));
            if key.is_none_or(|held| held.life.phase_at(now) == Phase::Gone) {
                return Err(IssuedError::KeyGone);
            }
        }
        issued::check_revoked(records, claims, kid.is_some()).await
    }
}

impl Live {
    pub(super) fn claims(&self) -> &Object {
        self.evidence.claims()
    }
}

impl Desk<'_> {
    /// The access token `token`, if it is one of this service and good now, for whatever audience.
    pub(super) async fn access(&self, token: &str) -> Result<Option<Live>, StoreError> {
        match self.look(token.as_bytes()).await {
            Ok(live) => Ok(Some(live)),
            Err(IssuedError::Unavailable(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    async fn look(&self, token: &[u8]) -> Result<Live, IssuedError> {
        let (evidence, kid): (Evidence, _) = if issued::is_access(token) {
            let issued = issued::find(self.records, token).await?;
            (issued.into(), None)
        } else {
            let verified = self.verified(token).await.ok_or(IssuedError::Unknown)?;
            let kid = verified.header().kid().unwrap_or_default().to_owned();
            (verified.into(), Some(kid))
        };
        let rules = claims::Rules {
            audiences: Audiences::All,
            ..self.own.rules.clone()
        };
        claims::check(evidence.clone(), &rules, self.now, None)
            .map_err(|_| IssuedError::Unknown)?;
        let claims = evidence.claims();
        let stands = self
            .service
            .stands(claims, kid.as_deref(), self.now, self.records);
        stands.await?;
        let text = |name| {
            let value = claims.get(name).and_then(|value| value.string());
            value.map(std::borrow::Cow::into_owned)
        };
        let key = match kid {
            Some(_) => issued::jti_key(&text("jti").ok_or(IssuedError::Unknown)?),
            None => issued::access_key(token),
        };
        let exp = claims.get("exp").and_then(|exp| exp.number()?.as_i64());
        let until = UnixTime(exp.ok_or(IssuedError::Unknown)?).plus(rules.clock_skew);
        let client = text("client_id").ok_or(IssuedError::Unknown)?.into();
        Ok(Live {
            // Whoever comes later is told that it was revoked, as long as it would not have expired.
            revoke: (key, until.plus(3600)),
            client,
            evidence,
        })
    }

    async fn verified(&self, token: &[u8]) -> Option<crate::jose::Verified> {
        let unverified = compact::parse(token, super::prove::MAX_BYTES).ok()?;
        if *unverified.issuer().ok()? != *self.own.name {
            return None;
        }
        self.own.headers.check(unverified.header()).ok()?;
        let keys = self.own.keys.find(unverified.header()).await.ok()?;
        verify::verify(unverified, &keys).ok()
    }
}
