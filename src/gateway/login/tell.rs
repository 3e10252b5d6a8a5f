//! What the client is told of its session.

use http::{HeaderValue, StatusCode, header};

use super::*;

/// Tells the client what has become of its session. What a cookie made or brought about is nobody else's:
/// a cache that is shared must not keep it (RFC 9111 §5.2.2.7).
pub(in crate::gateway) fn tell(
    login: Login,
    is_refusal: bool,
    snapshot: &Snapshot,
    response: &mut Response<ResponseBody>,
) {
    let settings = snapshot.policy.session.as_ref();
    // What the upstream says with the same status is not said of the session.
    let refused = is_refusal && response.status() == StatusCode::UNAUTHORIZED;
    let cookie = match login {
        Login::None => return,
        Login::Begins(cookie) => Some(cookie),
        Login::Serves if !refused => None,
        Login::Serves | Login::Dead => settings.and_then(session::clear),
    };
    let fields = response.headers_mut();
    if let Some(cookie) = cookie {
        // Beside the cookies of the upstream.
        fields.append(header::SET_COOKIE, cookie);
    }
    // A refusal says more: no cache keeps it.
    if !is_refusal {
        let private = HeaderValue::from_static("private");
        fields.append(header::CACHE_CONTROL, private);
    }
}
