//! The cookie itself (RFC 6265bis).

use http::HeaderValue;

use super::{SameSite, SealError, Settings};

/// The cookie's name. Browsers take one that begins with `__Host-` from this very host and over https
/// only (RFC 6265bis §4.1.3.2).
#[must_use]
pub const fn name(secure: bool) -> &'static str {
    if secure {
        "__Host-portcullis"
    } else {
        "portcullis"
    }
}

/// `Set-Cookie` for `value`, for so many `seconds`.
pub(super) fn set(
    settings: &Settings,
    value: &str,
    seconds: i64,
) -> Result<HeaderValue, SealError> {
    let text = render(settings, value, seconds);
    let mut value = HeaderValue::try_from(text).map_err(|_| SealError::TooLarge)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Set-Cookie` that removes the cookie.
#[must_use]
pub fn clear(settings: &Settings) -> Option<HeaderValue> {
    HeaderValue::try_from(render(settings, "", 0)).ok()
}

fn render(settings: &Settings, value: &str, seconds: i64) -> String {
    let name = name(settings.secure);
    let secure = if settings.secure { "; Secure" } else { "" };
    let same_site = match settings.same_site {
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
    };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly{secure}; SameSite={same_site}")
}
