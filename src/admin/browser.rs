//! What a browser may be made to ask by somebody else's page, and is refused.
//!
//! An operator's browser reaches the admin listener, and shows pages of strangers. Two ways are closed here. A
//! name of a stranger that begins to mean 127.0.0.1 (DNS rebinding) makes the stranger's page one of ours for the
//! browser; its `Host` still tells it. And any page may send a simple POST anywhere, without reading the answer;
//! the browser says where that came from (Fetch Standard, `Origin`; Fetch Metadata, `Sec-Fetch-Site`).

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, uri::Authority};

use super::{Answer, answer};

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Foreign {
    /// It asks for a host of another name.
    #[error("without an admin secret, only localhost and loopback addresses may be asked for")]
    Name,
    /// A page of another origin made it.
    #[error("the admin listener takes no requests of other pages")]
    Page,
    /// A form could have made it.
    #[error("the body must be application/json")]
    Form,
}

impl Foreign {
    pub(super) fn answer(self) -> Answer {
        let status = match self {
            Self::Name => StatusCode::MISDIRECTED_REQUEST,
            Self::Page => StatusCode::FORBIDDEN,
            Self::Form => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        };
        let body = format!("{self}\n");
        answer(status, "text/plain; charset=utf-8", body.into())
    }
}

/// Whether it may be answered. With a secret any name will do: a rebound page does not know the secret, and
/// without one the listener is on loopback.
///
/// # Errors
/// [`Foreign`]: why not.
pub(super) fn admit<B>(request: &Request<B>, has_secret: bool) -> Result<(), Foreign> {
    let fields = request.headers();
    let host = only(fields, &header::HOST);
    if !has_secret {
        let asked = request.uri().authority().map(Authority::as_str);
        let names = [host, asked];
        let mut names = names.into_iter().flatten().peekable();
        if names.peek().is_none() || !names.all(is_loopback) {
            return Err(Foreign::Name);
        }
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    if fields.contains_key("sec-fetch-site") {
        let site = only(fields, "sec-fetch-site");
        return match site {
            Some("same-origin" | "none") => Ok(()),
            _ => Err(Foreign::Page),
        };
    }
    if !fields.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let origin = only(fields, &header::ORIGIN).and_then(|origin| origin.split_once("://"));
    match (origin, host) {
        (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Foreign::Page),
    }
}

/// Whether its body says that it is JSON, which no form can say.
///
/// # Errors
/// [`Foreign::Form`] when it does not.
pub(super) fn json(fields: &HeaderMap) -> Result<(), Foreign> {
    let kind = only(fields, &header::CONTENT_TYPE).ok_or(Foreign::Form)?;
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Foreign::Form)
    }
}

/// The value of a field that stands there once.
fn only(fields: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    let mut all = fields.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => HeaderValue::to_str(value).ok(),
        _ => None,
    }
}

/// Whether `host` is a name of this machine that nobody else can give a meaning.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let is_address = bare
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    !host.contains('@') && (is_address || name.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, fields: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri("/reload");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn without_a_secret_only_names_of_this_machine_are_answered() {
        for host in [
            "localhost",
            "LocalHost:9090",
            "127.0.0.1:9090",
            "127.1.2.3",
            "[::1]:9090",
        ] {
            assert_eq!(
                admit(&asked("GET", &[("host", host)]), false),
                Ok(()),
                "{host}"
            );
        }
        let strangers = [
            "evil.example",
            "localhost.evil.example",
            "a@localhost",
            "10.0.0.1",
            "[::2]",
            "",
            "localhost:",
            "localhost, evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "2130706433",
        ];
        for host in strangers {
            let request = asked("GET", &[("host", host)]);
            let expected = if host == "localhost:" {
                Ok(())
            } else {
                Err(Foreign::Name)
            };
            assert_eq!(admit(&request, false), expected, "{host}");
            assert_eq!(admit(&request, true), Ok(()), "{host}");
        }
        let twice = [("host", "localhost"), ("host", "localhost")];
        for fields in [&[][..], &twice] {
            assert_eq!(admit(&asked("GET", fields), false), Err(Foreign::Name));
        }
        let mut absolute = asked("GET", &[("host", "localhost")]);
        *absolute.uri_mut() = "http://evil.example/status".parse().unwrap();
        assert_eq!(admit(&absolute, false), Err(Foreign::Name));
    }

    #[test]
    fn a_post_of_another_page_is_refused() {
        let host = ("host", "localhost:9090");
        for fields in [
            &[host][..],
            &[host, ("origin", "http://localhost:9090")],
            &[host, ("origin", "HTTPS://LOCALHOST:9090")],
            &[
                host,
                ("sec-fetch-site", "same-origin"),
                ("origin", "http://other"),
            ],
            &[host, ("sec-fetch-site", "none")],
        ] {
            assert_eq!(admit(&asked("POST", fields), false), Ok(()), "{fields:?}");
        }
        for fields in [
            &[host, ("origin", "http://evil.example")][..],
            &[host, ("origin", "http://localhost:9091")],
            &[host, ("origin", "http://localhost")],
            &[host, ("origin", "null")],
            &[host, ("origin", "")],
            &[
                host,
                ("origin", "http://localhost:9090"),
                ("origin", "http://localhost:9090"),
            ],
            &[host, ("sec-fetch-site", "cross-site")],
            &[
                host,
                ("sec-fetch-site", "same-site"),
                ("origin", "http://localhost:9090"),
            ],
            &[
                host,
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "cross-site"),
            ],
        ] {
            for method in ["POST", "PUT", "OPTIONS"] {
                let request = asked(method, fields);
                assert_eq!(admit(&request, true), Err(Foreign::Page), "{fields:?}");
            }
            // A page that reads what is not its own is kept from the answer by the browser.
            assert_eq!(admit(&asked("GET", fields), false), Ok(()), "{fields:?}");
        }
    }

    #[test]
    fn only_what_no_form_can_send_is_json() {
        for kind in ["application/json", "Application/JSON; charset=utf-8"] {
            let request = asked("POST", &[("content-type", kind)]);
            assert_eq!(json(request.headers()), Ok(()), "{kind}");
        }
        for kind in [
            "text/plain",
            "text/plain; application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonp",
            "",
        ] {
            let request = asked("POST", &[("content-type", kind)]);
            assert_eq!(json(request.headers()), Err(Foreign::Form), "{kind}");
        }
        assert_eq!(json(&HeaderMap::new()), Err(Foreign::Form));
    }
}
