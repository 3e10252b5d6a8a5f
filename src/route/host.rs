//! The host that a request is for, in its one canonical form.

use std::borrow::Cow;

use http::{header::HOST, request::Parts};

/// Why a request names no host, or more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is no `Host`.
    #[error("the request has no Host")]
    Missing,
    /// There are several, or the target names another one.
    #[error("the request names more than one host")]
    Several,
    /// Not a host with an optional port; user information is here too.
    #[error("the Host is not a host name with an optional port")]
    Malformed,
}

/// The host of a request in lower case, without its port and a final dot.
///
/// # Errors
/// [`HostError`] unless the request names exactly one host (RFC 9112 §3.2).
pub fn of(head: &Parts) -> Result<Cow<'_, str>, HostError> {
    let mut values = head.headers.get_all(HOST).iter();
    let value = values.next().ok_or(HostError::Missing)?;
    if values.next().is_some() {
        return Err(HostError::Several);
    }
    let text = value.to_str().map_err(|_| HostError::Malformed)?;
    if let Some(authority) = head.uri.authority()
        && !authority.as_str().eq_ignore_ascii_case(text)
    {
        return Err(HostError::Several);
    }
    canonical(text)
}

/// As [`of`], for one `Host` value.
///
/// # Errors
/// [`HostError::Malformed`].
pub fn canonical(value: &str) -> Result<Cow<'_, str>, HostError> {
    // Most are plain, which one look finds out: no two dots together, and none at either end.
    let mut last = b'.';
    let is_plain = value.bytes().all(|b| {
        let before = std::mem::replace(&mut last, b);
        matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-') || (b == b'.' && before != b'.')
    });
    if is_plain && last != b'.' {
        return Ok(Cow::Borrowed(value));
    }
    let written = without_port(value).ok_or(HostError::Malformed)?;
    let host = written.strip_suffix('.').unwrap_or(written);
    if !is_name(host) && !is_ipv6(written) {
        return Err(HostError::Malformed);
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Ok(Cow::Owned(host.to_ascii_lowercase()));
    }
    Ok(Cow::Borrowed(host))
}

fn without_port(value: &str) -> Option<&str> {
    let after_bracket = value.rfind(']').map_or(0, |at| at + 1);
    match value.get(after_bracket..)?.find(':') {
        None => Some(value),
        Some(colon) => {
            let (host, port) = value.split_at_checked(after_bracket + colon)?;
            let digits = port.strip_prefix(':')?;
            // A port that does not exist is one of which others make another (RFC 3986 §3.2.3).
            let is_port = digits.len() <= 5
                && digits.bytes().all(|b| b.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<u16>().is_ok());
            is_port.then_some(host)
        }
    }
}

/// Labels with single dots between them: whoever drops a final dot may drop two.
fn is_name(host: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    host.split('.')
        .all(|label| !label.is_empty() && label.bytes().all(fits))
}

fn is_ipv6(host: &str) -> bool {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, hosts: &[&str]) -> Parts {
        let mut request = http::Request::builder().uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn case_port_and_final_dot_do_not_matter() {
        for host in [
            "api.example.com",
            "API.example.COM",
            "api.example.com:8080",
            "api.example.com.",
            "api.example.com:",
            "api.example.com:65535",
        ] {
            assert_eq!(
                of(&head("/", &[host])).unwrap(),
                "api.example.com",
                "{host}"
            );
        }
        assert_eq!(of(&head("/", &["[::1]:8080"])).unwrap(), "[::1]");
        assert_eq!(
            of(&head("http://a.example/x", &["a.example"])).unwrap(),
            "a.example"
        );
    }

    #[test]
    fn one_host_and_no_other() {
        assert_eq!(of(&head("/", &[])), Err(HostError::Missing));
        assert_eq!(of(&head("/", &["a", "a"])), Err(HostError::Several));
        assert_eq!(
            of(&head("http://a.example/x", &["b.example"])),
            Err(HostError::Several)
        );
        for host in [
            "",
            "u@a",
            "a:b",
            "a:123456",
            "a:65536",
            "a:+1",
            "a b",
            "a/b",
            "a,b",
            "a%2eb",
            "a..b",
            "a..",
            ".a",
            ".",
            "::1",
            "[::1",
            "[x]",
            "[::1%25eth0]",
            "[v1.a]",
            "[::1]x",
            "[::1].",
            "[::1]:x",
        ] {
            assert_eq!(of(&head("/", &[host])), Err(HostError::Malformed), "{host}");
        }
    }
}
