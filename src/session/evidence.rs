//! Whether a request may be logged in by a cookie, which browsers send along without being asked.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{HOST, ORIGIN},
    request::Parts,
};

use super::Settings;

/// `Sec-Fetch-Site` (Fetch Metadata): no script can set it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the cookie of a request like this counts: where the method changes nothing (RFC 9110 §9.2.1),
/// or where `settings` allow more and the browser says that a page of the same origin made it.
/// `public_url` is what clients call, if that is known.
#[must_use]
pub fn may_log_in(head: &Parts, settings: &Settings, public_url: Option<&str>) -> bool {
    matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS)
        || (settings.unsafe_methods && is_same_origin(&head.headers, settings, public_url))
}

/// Whether there is evidence that a page of another origin made the request. A program that is no browser
/// gives none.
#[must_use]
pub fn is_of_another_origin(head: &Parts, settings: &Settings, public_url: Option<&str>) -> bool {
    let says = |name| head.headers.contains_key(name);
    (says(SEC_FETCH_SITE) || says(ORIGIN)) && !is_same_origin(&head.headers, settings, public_url)
}

/// Whether there is evidence that the request comes from a page of the same origin, and none against it.
pub(super) fn is_same_origin(
    headers: &HeaderMap,
    settings: &Settings,
    public_url: Option<&str>,
) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    let mut origins = headers.get_all(ORIGIN).iter();
    let (site, origin) = (sites.next(), origins.next());
    if sites.next().is_some() || origins.next().is_some() {
        return false;
    }
    let own = |origin: &HeaderValue| is_own(origin, headers, settings, public_url);
    (site.is_some() || origin.is_some())
        && site.is_none_or(|site| site == "same-origin")
        && origin.is_none_or(own)
}

/// Whether `origin` (RFC 6454 §7) is that of `public_url`, or has the request's own host. A page that came
/// over plain HTTP may be anybody's, so it is not of the origin of a cookie that is for https only.
fn is_own(
    origin: &HeaderValue,
    headers: &HeaderMap,
    settings: &Settings,
    public_url: Option<&str>,
) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(parse) else {
        return false;
    };
    if settings.secure && origin.0 != "https" {
        return false;
    }
    let public = public_url.and_then(parse);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let asked = host.and_then(|host| parse(&format!("{}://{host}", origin.0)));
    public.as_ref() == Some(&origin) || asked.as_ref() == Some(&origin)
}

/// Scheme, host and port of a URL; `None` for `null`, and for anything that is no URL of the web.
fn parse(text: &str) -> Option<(String, String, u16)> {
    let url = reqwest::Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(())?;
    let host = url.host_str()?.to_owned();
    Some((url.scheme().to_owned(), host, url.port_or_known_default()?))
}
