//! The token endpoint (RFC 6749 §3.2).

use serde_json::{Map, Value};

use super::{
    Desk, Done, OAuthError, Refused, Request,
    format::Format,
    issue::Granted,
    parameters::Parameters,
    prove::{Known, Use},
    scope,
    settings::{Client, Grant},
};

const USED: OAuthError = OAuthError::InvalidGrant("The assertion was used before.");

impl Desk<'_> {
    /// Grants a token, or not.
    pub(super) async fn token(
        &self,
        request: &Request<'_>,
        parameters: &Parameters<'_>,
        format: Format,
    ) -> Result<Done, Refused> {
        let grant = parameters.need("grant_type", "grant_type is missing.")?;
        let offered = self.service.grants();
        let grant = offered.into_iter().find(|own| own.name() == grant);
        match grant.ok_or(OAuthError::UnsupportedGrantType)? {
            Grant::JwtBearer => self.bearer(request, parameters, format).await,
            Grant::RefreshToken => self.refreshed(request, parameters, format).await,
        }
    }

    /// RFC 7523 §2.1.
    async fn bearer(
        &self,
        request: &Request<'_>,
        parameters: &Parameters<'_>,
        format: Format,
    ) -> Result<Done, Refused> {
        let assertion = parameters.need("assertion", "assertion is missing.")?;
        let client = self.client(request, parameters).await?;
        let proved = self.prove(assertion, Use::Grant).await?;
        let known = &proved.known;
        let claimed = client.map(|client| &**client.name);
        let named = [claimed, parameters.get("client_id")];
        if named
            .into_iter()
            .flatten()
            .any(|name| *name != **known.name)
        {
            let error = OAuthError::InvalidGrant("The assertion is another client's.");
            return Err(error.because(error).of(known.name));
        }
        let of_client = |error: OAuthError| error.because(error).of(known.name);
        if !known.client.grants.contains(&Grant::JwtBearer) {
            return Err(of_client(OAuthError::UnauthorizedClient));
        }
        let subject = &*proved.assertion.subject;
        if !may_speak_for(known.client, subject) {
            let error = OAuthError::InvalidGrant("The client may not speak for this subject.");
            return Err(of_client(error));
        }
        let scope = scope::granted(known.client, parameters.get("scope")).map_err(of_client)?;
        let mut changes: Vec<_> = proved.use_up().into_iter().collect();
        let mut refresh = None;
        let lifetime = self.service.settings.refresh_token_lifetime;
        let may_refresh = known.client.grants.contains(&Grant::RefreshToken);
        if let Some(lifetime) = lifetime.filter(|_| may_refresh) {
            let (token, more) = self.first(known, subject, &scope, lifetime)?;
            changes.extend(more);
            refresh = Some(token);
        }
        let granted = Granted {
            known,
            subject,
            scope: &scope,
            refresh,
        };
        let made = self.make(&granted).await?;
        let given = self.give_out(made, changes, format).await?;
        let Some((format, members)) = given else {
            return Err(USED
                .because("the jti of the assertion was used before")
                .of(known.name));
        };
        Ok(done(known, Grant::JwtBearer, format, &members))
    }

    /// RFC 6749 §6.
    async fn refreshed(
        &self,
        request: &Request<'_>,
        parameters: &Parameters<'_>,
        format: Format,
    ) -> Result<Done, Refused> {
        let known = self.authenticate(request, parameters).await?;
        if !known.client.grants.contains(&Grant::RefreshToken) {
            let error = OAuthError::UnauthorizedClient;
            return Err(error.because(error).of(known.name));
        }
        let (made, changes) = self.refresh(&known, parameters).await?;
        let given = self.give_out(made, changes, format).await?;
        let Some((format, members)) = given else {
            // Another request was faster with the same token, or its family has just been revoked.
            let token = parameters.get("refresh_token").unwrap_or_default();
            let record = self.refresh_record(token).await?;
            return Err(match record {
                Some((_, _, record)) => self.reused(&record, &known).await?,
                None => USED
                    .because("the refresh token has just ended")
                    .of(known.name),
            });
        };
        Ok(done(&known, Grant::RefreshToken, format, &members))
    }
}

fn may_speak_for(client: &Client, subject: &str) -> bool {
    let listed = client.subjects.as_ref();
    listed.is_none_or(|subjects| subjects.iter().any(|own| **own == *subject))
}

fn done(known: &Known<'_>, grant: Grant, format: Format, members: &Map<String, Value>) -> Done {
    Done {
        body: format.write(members),
        content_type: format.content_type(),
        client: Some(known.name.clone()),
        issued: Some(grant),
        revoked: None,
    }
}
