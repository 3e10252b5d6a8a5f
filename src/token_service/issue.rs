//! Making tokens.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Desk, Refused, ServiceError, format::Format, prove::Known, settings::Form};
use crate::{
    issued::{self, Fresh},
    signing::{Claims, Header, Signer},
    store::{Change, Records},
};

/// How much longer than its token a record is kept, in seconds, so that the token is called expired and
/// not unknown.
const GRACE: i64 = 3600;

/// What is granted to whom.
pub(super) struct Granted<'g> {
    pub(super) known: &'g Known<'g>,
    pub(super) subject: &'g str,
    pub(super) scope: &'g str,
    /// The refresh token that goes with it, and the family that it belongs to.
    pub(super) refresh: Option<Refresh>,
}

/// A refresh token that is about to be given out.
pub(super) struct Refresh {
    pub(super) token: String,
    pub(super) family: String,
}

/// What was made, before anybody has it.
pub(super) struct Made {
    /// The response.
    pub(super) members: Map<String, Value>,
    /// What must be remembered before the response is sent.
    pub(super) changes: Vec<Change>,
}

impl Desk<'_> {
    /// Makes the access token. It is not good before the changes are made.
    pub(super) async fn make(&self, granted: &Granted<'_>) -> Result<Made, Refused> {
        let settings = &self.service.settings;
        let lifetime = settings.access_token_lifetime;
        let (token, changes) = match settings.access_token {
            Form::Jwt => (self.signed(granted).await?, Vec::new()),
            Form::Opaque => {
                let Fresh { token, key } = issued::new_access()?;
                let claims = Value::Object(self.members(granted)?).to_string();
                let until = self.now.plus(lifetime).plus(GRACE);
                (token, vec![Change::add(key, claims.into_bytes(), until)])
            }
        };
        let mut members = Map::new();
        members.insert("access_token".to_owned(), token.into());
        members.insert("token_type".to_owned(), "Bearer".into());
        members.insert("expires_in".to_owned(), lifetime.into());
        if !granted.scope.is_empty() {
            members.insert("scope".to_owned(), granted.scope.into());
        }
        if let Some(refresh) = &granted.refresh {
            members.insert("refresh_token".to_owned(), (*refresh.token).into());
        }
        Ok(Made { members, changes })
    }

    /// An access token of RFC 9068. The key works on a thread of its own: RSA takes a millisecond.
    async fn signed(&self, granted: &Granted<'_>) -> Result<String, Refused> {
        let mut claims = Claims::new();
        for (name, value) in self.members(granted)? {
            claims
                .set(&name, value)
                .map_err(|_| ServiceError::Internal)?;
        }
        let (signer, now) = (Arc::clone(&self.service.signer), self.now);
        let sign = move || Signer::sign(&signer, &Header::new("at+jwt"), &claims, now);
        let signed = tokio::task::spawn_blocking(sign).await;
        let signed = signed.map_err(|_| ServiceError::Internal)?;
        Ok(signed.map_err(ServiceError::from)?)
    }

    /// The claims (RFC 9068 §2.2).
    fn members(&self, granted: &Granted<'_>) -> Result<Map<String, Value>, Refused> {
        let settings = &self.service.settings;
        let audiences = match granted.known.client.audiences.as_slice() {
            [] => settings.audience.as_slice(),
            own => own,
        };
        let audience = match audiences {
            [one] => one.as_str().into(),
            several => Value::from(several.to_vec()),
        };
        let own = issued::random_id()?;
        let jti = match &granted.refresh {
            Some(refresh) => format!("{}.{own}", refresh.family),
            None => own,
        };
        let claims = json!({
            "iss": &*settings.issuer,
            "sub": granted.subject,
            "aud": audience,
            "client_id": &**granted.known.name,
            "iat": self.now.0,
            "exp": self.now.plus(settings.access_token_lifetime).0,
            "jti": jti,
        });
        let Value::Object(mut claims) = claims else {
            return Err(ServiceError::Internal.into());
        };
        if !granted.scope.is_empty() {
            claims.insert("scope".to_owned(), granted.scope.into());
        }
        Ok(claims)
    }

    /// Remembers what must be, and only then gives the response out. `None`: something was used before.
    pub(super) async fn give_out(
        &self,
        made: Made,
        mut first: Vec<Change>,
        format: Format,
    ) -> Result<Option<(Format, Map<String, Value>)>, Refused> {
        first.extend(made.changes);
        let done = first.is_empty() || Records::apply(self.records, first).await?;
        Ok(done.then_some((format, made.members)))
    }
}
