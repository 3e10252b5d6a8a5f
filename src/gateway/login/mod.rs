//! Sessions in the pipeline: a cookie stands in for a token that did not come, and a good token begins one.

use super::*;
use crate::{
    claims::Identity,
    issuer::Issuer,
    session::{self, Fingerprint, Id, SealError, Session, Settings},
    store::{StoreError, Use},
    telemetry::metrics::SessionLabels,
    token::ExtractError,
};

mod end;
mod tell;

pub(super) use end::asked_for as end_asked_for;
pub(super) use tell::tell;

/// Why a session does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The settings of its issuer are not those under which it began.
    #[error("the settings of the session's issuer changed since it began")]
    Changed,
    /// Somebody else's page wants to end it.
    #[error("the request to log out comes from a page of another origin")]
    OtherOrigin,
    /// It cannot be said whether it has been ended.
    #[error("whether the session was ended is not known: {0}")]
    Unknown(#[from] StoreError),
}

/// What has become of a request's session, for the response.
#[derive(Debug, Default)]
pub enum Login {
    /// There is none.
    #[default]
    None,
    /// The request is served by one.
    Serves,
    /// A cookie came that is no session, or none any more.
    Dead,
    /// One begins, with this `Set-Cookie`.
    Begins(http::HeaderValue),
}

/// A token by which a session may begin, kept until it has proved good.
pub(super) struct Fresh<'s> {
    settings: &'s Settings,
    keys: &'s session::Keys,
    token: Vec<u8>,
}

impl Gateway {
    /// The session of a request that carries no token, if its cookie counts on this route.
    pub(super) async fn session(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        head: &Parts,
        note: &mut Note,
    ) -> Result<Option<Session>, Refusal> {
        let Some(settings) = snapshot.policy.session.as_ref().filter(|_| route.session) else {
            return Ok(None);
        };
        let Some(cookie) = token::cookie_value(head, session::name(settings.secure)) else {
            return Ok(None);
        };
        if !session::may_log_in(head, settings, snapshot.policy.public_url.as_deref()) {
            return Ok(None);
        }
        note.login = Login::Dead;
        let Some(session) = self.opened(settings, &cookie) else {
            return Ok(None);
        };
        match self.store.contains(end::key(session.id)).await {
            Ok(false) => {}
            Ok(true) => return Ok(None),
            Err(error) => {
                let decided = self.despite(Use::Sessions, error);
                decided.map_err(SessionError::from)?;
            }
        }
        note.login = Login::Serves;
        Ok(Some(session))
    }

    /// The token of a request, if a session may begin by it: it does not go on with one already.
    pub(super) fn fresh<'s>(
        &'s self,
        snapshot: &'s Snapshot,
        route: &Route,
        head: &Parts,
        token: &RawToken<'_>,
    ) -> Option<Fresh<'s>> {
        let settings = snapshot.policy.session.as_ref()?;
        if !route.session || is_planted(head, route, settings, snapshot) {
            return None;
        }
        let cookie = token::cookie_value(head, session::name(settings.secure));
        let known = cookie.and_then(|cookie| self.opened(settings, &cookie));
        if known.is_some_and(|known| known.token == token.expose()) {
            return None;
        }
        Some(Fresh {
            settings,
            keys: self.session_keys(settings)?,
            token: token.expose().to_vec(),
        })
    }

    /// Begins a session for `identity`. Where there can be none, the client goes on with its token.
    pub(super) fn begin(
        &self,
        fresh: Fresh<'_>,
        issuer: &Issuer,
        identity: &Identity,
        note: &mut Note,
        trace: &mut impl Trace,
    ) {
        let now = self.clock.now();
        let until = fresh.settings.until(now, identity.exp());
        if until <= now {
            return;
        }
        let cookie = Id::random().and_then(|id| {
            let session = Session {
                id,
                until,
                rules: rules(issuer),
                token: fresh.token,
            };
            fresh.settings.start(&session, fresh.keys, now)
        });
        let outcome = match cookie {
            Ok(cookie) => {
                trace.pass(Step::Session, || format!("one begins, until {until}"));
                note.login = Login::Begins(cookie);
                "started"
            }
            Err(error) => {
                tracing::debug!(issuer = &*issuer.name, %error, "no session begins");
                trace.pass(Step::Session, || format!("none begins: {error}"));
                match error {
                    SealError::TooLarge => "too_large",
                    SealError::Random => "failed",
                }
            }
        };
        if trace.is_served() {
            self.count_session(outcome);
        }
    }

    fn opened(&self, settings: &Settings, cookie: &RawToken<'_>) -> Option<Session> {
        let keys = self.session_keys(settings)?;
        settings.open(cookie.expose(), keys, self.clock.now())
    }

    /// The configured keys, or the gateway's own, which last as long as it does.
    fn session_keys<'s>(&'s self, settings: &'s Settings) -> Option<&'s session::Keys> {
        let own = || self.session_keys.get_or_init(session::Keys::generate);
        settings.keys.as_ref().or_else(|| own().as_ref())
    }

    fn count_session(&self, outcome: &'static str) {
        let labels = SessionLabels { outcome };
        self.metrics.sessions.get_or_create(&labels).inc();
    }
}

/// Whether `session` began under the settings that its issuer has now.
pub(super) fn check(session: &Session, issuer: &Issuer) -> Result<(), SessionError> {
    if session.rules == rules(issuer) {
        Ok(())
    } else {
        Err(SessionError::Changed)
    }
}

/// Whether somebody else's page may have made the browser bring a token of somebody else, to have its user go
/// on under that name: in any place but a header, which no page can set for another origin unasked.
fn is_planted(head: &Parts, route: &Route, settings: &Settings, snapshot: &Snapshot) -> bool {
    route.token.header.is_none()
        && !token::in_authorization(head)
        && session::is_of_another_origin(head, settings, snapshot.policy.public_url.as_deref())
}

/// Takes the token and the session out of what goes to the upstream, and what only the gateway may show it.
pub(super) fn strip(
    head: &mut Parts,
    route: &Route,
    snapshot: &Snapshot,
) -> Result<(), ExtractError> {
    if let Some(settings) = &snapshot.policy.session {
        token::strip_cookie(head, session::name(settings.secure));
    }
    if let Some(credential) = snapshot.policy.credentials.of(route.upstream) {
        credential.strip(&mut head.headers);
    }
    token::strip(head, &route.token)
}

fn rules(issuer: &Issuer) -> Fingerprint {
    let fingerprint = issuer.fingerprint();
    Fingerprint(fingerprint.first_chunk().copied().unwrap_or_default())
}
