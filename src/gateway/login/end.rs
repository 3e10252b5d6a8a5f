//! A session ends: the client logs out.

use http::{HeaderValue, Method, StatusCode, header};

use super::*;
use crate::{
    route::NoRoute,
    store::{Key, Owner},
};

impl Gateway {
    /// Ends the session of a request for the log-out path.
    pub(in crate::gateway) async fn log_out(
        &self,
        settings: &Settings,
        snapshot: &Snapshot,
        head: &Parts,
    ) -> Result<Response<ResponseBody>, Refusal> {
        if head.method != Method::POST {
            let allow = "POST".to_owned();
            return Err(NoRoute::Method { allow }.into());
        }
        if session::is_of_another_origin(head, settings, snapshot.policy.public_url.as_deref()) {
            return Err(SessionError::OtherOrigin.into());
        }
        let cookie = token::cookie_value(head, session::name(settings.secure));
        if let Some(session) = cookie.and_then(|cookie| self.opened(settings, &cookie)) {
            let (owner, key) = (Owner::of(KIND), key(session.id));
            let ended = self.store.consume_once(owner, key, session.until).await;
            // One that is not known to be ended is never said to be.
            let ended = ended.inspect_err(|_| self.count_store_failure(Use::Sessions, false));
            if ended.map_err(SessionError::from)? {
                self.count_session("ended");
            }
        }
        let mut response = Response::new(ResponseBody::Own(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let no_store = HeaderValue::from_static("no-store");
        let fields = response.headers_mut();
        fields.insert(header::CACHE_CONTROL, no_store);
        if let Some(clear) = session::clear(settings) {
            fields.insert(header::SET_COOKIE, clear);
        }
        Ok(response)
    }
}

/// The settings of sessions, if `head` asks for the path that ends them.
pub(in crate::gateway) fn asked_for<'s>(
    snapshot: &'s Snapshot,
    head: &Parts,
) -> Option<&'s Settings> {
    let settings = snapshot.policy.session.as_ref()?;
    (settings.logout_path.as_deref() == Some(head.uri.path())).then_some(settings)
}

/// What the store has of a session that was ended.
pub(super) fn key(session: Id) -> Key {
    Key::of(KIND, &[&session.0])
}

/// Whose place ended sessions take in the store.
const KIND: &str = "session";
