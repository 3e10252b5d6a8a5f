//! Sessions in the pipeline: a cookie stands in for a token that did not come, and a good token begins one.

use super::*;
use crate::{
    claims::Identity,
    issuer::Issuer,
    session::{self, Fingerprint, Id, SealError, Session, Settings},
    store::{Key, Owner, StoreError},
    telemetry::metrics::SessionLabels,
    token::ExtractError,
};

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

/// Among the keys of the store, those of sessions that were ended. No issuer is called so.
const ENDED: &[u8] = b"ended session";

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
        let ended = self.store.contains(ended(session.id)).await;
        if ended.map_err(SessionError::from)? {
            return Ok(None);
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
        if !route.session {
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

    /// Ends the session of a request for the log-out path.
    pub(super) async fn log_out(
        &self,
        settings: &Settings,
        snapshot: &Snapshot,
        head: &Parts,
    ) -> Result<Response<ResponseBody>, Refusal> {
        if head.method != http::Method::POST {
            let allow = "POST".to_owned();
            return Err(crate::route::NoRoute::Method { allow }.into());
        }
        if session::is_of_another_origin(head, settings, snapshot.policy.public_url.as_deref()) {
            return Err(SessionError::OtherOrigin.into());
        }
        let cookie = token::cookie_value(head, session::name(settings.secure));
        if let Some(session) = cookie.and_then(|cookie| self.opened(settings, &cookie)) {
            let (owner, key) = (Owner::of(ENDED), ended(session.id));
            let ended = self.store.consume_once(owner, key, session.until).await;
            ended.map_err(SessionError::from)?;
            self.count_session("ended");
        }
        let mut response = Response::new(ResponseBody::Own(Bytes::new()));
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        let no_store = http::HeaderValue::from_static("no-store");
        let fields = response.headers_mut();
        fields.insert(http::header::CACHE_CONTROL, no_store);
        fields.extend(session::clear(settings).map(|clear| (http::header::SET_COOKIE, clear)));
        Ok(response)
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

/// The settings of sessions, if `head` asks for the path that ends them.
pub(super) fn asks_to_end<'s>(snapshot: &'s Snapshot, head: &Parts) -> Option<&'s Settings> {
    let settings = snapshot.policy.session.as_ref()?;
    (settings.logout_path.as_deref() == Some(head.uri.path())).then_some(settings)
}

/// Takes the token and the session out of what goes to the upstream.
pub(super) fn strip(
    head: &mut Parts,
    route: &Route,
    snapshot: &Snapshot,
) -> Result<(), ExtractError> {
    if let Some(settings) = &snapshot.policy.session {
        token::strip_cookie(head, session::name(settings.secure));
    }
    token::strip(head, &route.token)
}

/// Tells the client what has become of its session. What a cookie made or brought about is nobody else's:
/// a cache that is shared must not keep it (RFC 9111 §5.2.2.7).
pub(super) fn tell(
    login: Login,
    is_refusal: bool,
    snapshot: &Snapshot,
    response: &mut Response<ResponseBody>,
) {
    let settings = snapshot.policy.session.as_ref();
    // What the upstream says with the same status is not said of the session.
    let refused = is_refusal && response.status() == http::StatusCode::UNAUTHORIZED;
    let cookie = match login {
        Login::None => return,
        Login::Begins(cookie) => Some(cookie),
        Login::Serves if !refused => None,
        Login::Serves | Login::Dead => settings.and_then(session::clear),
    };
    let fields = response.headers_mut();
    fields.extend(cookie.map(|cookie| (http::header::SET_COOKIE, cookie)));
    // A refusal says more: no cache keeps it.
    if !is_refusal {
        let private = http::HeaderValue::from_static("private");
        fields.append(http::header::CACHE_CONTROL, private);
    }
}

fn rules(issuer: &Issuer) -> Fingerprint {
    let fingerprint = issuer.fingerprint();
    Fingerprint(fingerprint.first_chunk().copied().unwrap_or_default())
}

fn ended(session: Id) -> Key {
    Key::of(ENDED, &session.0)
}
