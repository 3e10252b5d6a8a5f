//! The credential that a permitted request shows its upstream.

use super::*;
use crate::{
    clock::UnixTime,
    forward::{self, ForwardError, Hop, Way},
    outbound::{Credential, CredentialError, Held, Inbound},
    secret::Secret,
};

/// The token, where the credential of the route's upstream is made of it.
pub(super) fn wanted(token: &RawToken<'_>, snapshot: &Snapshot, route: &Route) -> Option<Secret> {
    let credential = snapshot.policy.credentials.of(route.upstream)?;
    let wants = credential.wants_token();
    wants.then(|| Secret::new(token.expose().to_vec()))
}

/// What `permit` and its token have to offer.
fn inbound<'i>(permit: &'i Permit, token: Option<&'i Secret>) -> Inbound<'i> {
    let principal = permit.principal();
    Inbound {
        claims: principal.map(|principal| principal.identity().claims()),
        token: token.map(Secret::expose_secret),
    }
}

/// Forwards with what `credential` shows; once more with another token when the upstream refuses the first.
pub(super) async fn forward(
    credential: &Credential,
    note: &Note,
    permit: Permit,
    body: RequestBody,
    hop: &Hop<'_>,
    way: &Way<'_>,
    metrics: &Metrics,
) -> Result<Response<ResponseBody>, Refusal> {
    let inbound = inbound(&permit, note.token.as_ref());
    let obtained = credential.obtain(&inbound, way.clock);
    let held = waiting(note.trace.record.as_deref(), Wait::Credential, obtained).await?;
    let started = Instant::now();
    let forwarded = match held {
        None => forward::forward(permit, body, hop, way).await,
        Some(held) => {
            let renew = async || Some(shown(&credential.renew(&held, way.clock).await?));
            forward::forward_with(permit, body, hop, way, shown(&held), renew).await
        }
    };
    note.was_answered_in(started.elapsed(), metrics);
    forwarded.map_err(|error: ForwardError| error.into())
}

fn shown(held: &Held) -> forward::Credential {
    forward::Credential {
        name: held.header.clone(),
        value: held.value.clone(),
    }
}

impl Snapshot {
    /// What the request of `permit` would show its upstream, for whoever wants to know; `None`: nothing. No
    /// network is used.
    ///
    /// # Errors
    /// [`CredentialError`] when what has to flow in is not there.
    pub fn rehearse_credential(
        &self,
        permit: &Permit,
        note: &Note,
        now: UnixTime,
    ) -> Result<Option<String>, CredentialError> {
        let Some(credential) = self.policy.credentials.of(permit.route().upstream) else {
            return Ok(None);
        };
        let inbound = inbound(permit, note.token.as_ref());
        credential.rehearse(&inbound, now).map(Some)
    }
}
