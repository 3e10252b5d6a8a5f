//! What is asked and said about tokens: revocation (RFC 7009), introspection (RFC 7662) and tokeninfo.

use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use super::{
    Desk, Done, OAuthError, Refused, Request, format::Format, inspect::Live, parameters::Parameters,
};
use crate::issued;

/// The claims that introspection and tokeninfo repeat.
const SHOWN: [&str; 8] = [
    "iss",
    "sub",
    "aud",
    "client_id",
    "scope",
    "exp",
    "iat",
    "jti",
];

impl Desk<'_> {
    /// Revokes a token of the client that asks. It is told nothing of any other.
    pub(super) async fn revoke(
        &self,
        request: &Request<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<Done, Refused> {
        let known = self.authenticate(request, parameters).await?;
        let token = parameters.need("token", "token is missing.")?;
        let mut done = Done {
            client: Some(known.name.clone()),
            ..Done::default()
        };
        if issued::is_refresh(token.as_bytes()) {
            let record = self.refresh_record(token).await?;
            let record = record.map(|(_, _, record)| record);
            if let Some(record) = record.filter(|record| *record.client == **known.name) {
                self.end_family(&record).await?;
                done.revoked = Some("refresh_token");
            }
        } else if let Some(live) = self.access(token).await?
            && *live.client == **known.name
        {
            let (key, until) = live.revoke;
            issued::revoke(self.records, key, until).await?;
            done.revoked = Some("access_token");
        }
        Ok(done)
    }

    /// Says whether a token is active, and what it says. A client may ask about its own, and about others
    /// where the configuration lets it.
    pub(super) async fn introspect(
        &self,
        request: &Request<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<Done, Refused> {
        let known = self.authenticate(request, parameters).await?;
        let token = parameters.need("token", "token is missing.")?;
        let live = self.access(token).await?;
        let live = live.filter(|live| known.client.introspect || *live.client == **known.name);
        let members = match live {
            Some(live) => {
                let mut members = shown(&live);
                members.insert("active".to_owned(), true.into());
                members.insert("token_type".to_owned(), "Bearer".into());
                members
            }
            None => Map::from_iter([("active".to_owned(), false.into())]),
        };
        Ok(Done {
            client: Some(known.name.clone()),
            ..Done::json(&members)
        })
    }

    /// What a token says of itself, to whoever has it.
    pub(super) async fn token_info(
        &self,
        request: &Request<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<Done, Refused> {
        let token = presented(request, parameters)?;
        let Some(live) = self.access(&token).await? else {
            let cause = "the token is unknown, expired or revoked";
            return Err(OAuthError::InvalidToken.because(cause).guessed());
        };
        let mut members = shown(&live);
        let exp = members.get("exp").and_then(Value::as_i64);
        let left = exp.map_or(0, |exp| (exp - self.now.0).max(0));
        members.insert("expires_in".to_owned(), left.into());
        members.insert("token_type".to_owned(), "Bearer".into());
        Ok(Done {
            client: Some(live.client),
            ..Done::json(&members)
        })
    }
}

impl Done {
    fn json(members: &Map<String, Value>) -> Self {
        Self {
            body: Format::Json.write(members),
            content_type: Format::Json.content_type(),
            ..Self::default()
        }
    }
}

/// The one token of a request, in the Authorization header or in the parameter `access_token`.
fn presented(request: &Request<'_>, parameters: &Parameters<'_>) -> Result<String, Refused> {
    const ONE: OAuthError =
        OAuthError::InvalidRequest("Send one token: as Bearer, or as access_token.");
    let mut fields = request.head.headers.get_all(AUTHORIZATION).iter();
    let field = fields.next();
    let parameter = parameters.get("access_token");
    match (field, fields.next(), parameter) {
        (Some(field), None, None) => {
            let field = field.to_str().unwrap_or_default();
            let (scheme, token) = field.split_once(' ').unwrap_or_default();
            let bearer = scheme.eq_ignore_ascii_case("bearer");
            let token = Some(token.trim()).filter(|token| bearer && !token.is_empty());
            Ok(token.ok_or(ONE)?.to_owned())
        }
        (None, _, Some(parameter)) => Ok(parameter.to_owned()),
        _ => Err(ONE.into()),
    }
}

fn shown(live: &Live) -> Map<String, Value> {
    let claims = live.claims();
    let mut members = Map::new();
    for name in SHOWN {
        if let Some(value) = claims.get(name) {
            members.insert(name.to_owned(), value.to_value());
        }
    }
    members
}
