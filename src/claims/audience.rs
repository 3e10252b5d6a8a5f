//! The audience rule (RFC 7519 §4.1.3).

use super::ClaimsError;
use crate::jose::json::Object;

/// Which audiences an issuer's tokens may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audiences {
    /// `["ALL_AUDIENCES"]`: `aud` is not looked at.
    All,
    /// One of the token's `aud` values equals one of these.
    OneOf(std::sync::Arc<[Box<str>]>),
    /// Not configured: no `aud` passes; a URL must be a prefix of the resource's URL that ends on a
    /// segment boundary; anything else is refused.
    ResourcePrefix,
}

/// An `http` or `https` URL, cut into what is compared. It has no user, query or fragment.
struct Location<'u> {
    secure: bool,
    host: &'u str,
    port: u16,
    path: &'u str,
}

/// Checks `aud` for a request of `resource`, a URL without a query.
pub(super) fn check(
    claims: &Object,
    audiences: &Audiences,
    resource: Option<&str>,
) -> Result<(), ClaimsError> {
    let allowed = match audiences {
        Audiences::All => return Ok(()),
        Audiences::OneOf(allowed) => {
            let one_of = |aud: &str| allowed.iter().any(|allowed| **allowed == *aud);
            any(claims, one_of)?.unwrap_or(false)
        }
        Audiences::ResourcePrefix => {
            let resource = resource.and_then(Location::parse);
            let covers = |aud: &str| match (Location::parse(aud), &resource) {
                (Some(aud), Some(resource)) => aud.covers(resource),
                _ => false,
            };
            any(claims, covers)?.unwrap_or(true)
        }
    };
    if allowed {
        Ok(())
    } else {
        Err(ClaimsError::Audience)
    }
}

/// Whether one of the values of `aud` is `good`; `None` when there is no `aud`.
fn any(claims: &Object, good: impl Fn(&str) -> bool) -> Result<Option<bool>, ClaimsError> {
    const WHY: &str = "not a string or a non-empty array of strings";
    let malformed = ClaimsError::Malformed {
        claim: "aud",
        why: WHY,
    };
    let Some(value) = claims.get("aud") else {
        return Ok(None);
    };
    if let Some(aud) = value.string() {
        return Ok(Some(good(&aud)));
    }
    let mut found = None;
    for value in value.elements().ok_or_else(|| malformed.clone())? {
        // No early end: a mixed array is malformed wherever the good value stands.
        let aud = value.string().ok_or_else(|| malformed.clone())?;
        found = Some(found.unwrap_or(false) | good(&aud));
    }
    found.map(Some).ok_or(malformed)
}

impl<'u> Location<'u> {
    fn parse(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let secure = scheme.eq_ignore_ascii_case("https");
        if !secure && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at_checked(at)?,
            None => (rest, "/"),
        };
        let unfit = |c: char| matches!(c, '?' | '#' | '\\') || c.is_whitespace() || c.is_control();
        if path.contains(unfit) {
            return None;
        }
        let (host, port) = split_authority(authority)?;
        let port = match port {
            Some(port) => port,
            None if secure => 443,
            None => 80,
        };
        Some(Self {
            secure,
            host,
            port,
            path,
        })
    }

    /// Whether `resource` is this place, or lies below it.
    fn covers(&self, resource: &Location<'_>) -> bool {
        self.secure == resource.secure
            && self.host.eq_ignore_ascii_case(resource.host)
            && self.port == resource.port
            && match resource.path.strip_prefix(self.path) {
                None => false,
                Some(rest) => rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'),
            }
    }
}

/// Host and port; a user, an empty port, or a byte that no host has, makes it none at all.
fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = match authority.strip_prefix('[') {
        Some(literal) => literal.find(']')?.checked_add(2)?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at_checked(end_of_host)?;
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(parse_port(digits)?),
        None if rest.is_empty() => None,
        None => return None,
    };
    is_host(host).then_some((host, port))
}

fn is_host(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            !host.is_empty() && host.bytes().all(fit)
        }
    }
}

fn parse_port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RESOURCE: &str = "https://api.example.com/orders/42";

    fn one_of(aud: &Value) -> Result<(), ClaimsError> {
        let allowed = Audiences::OneOf(["https://api.example.com".into(), "orders".into()].into());
        check(&Object::of(&json!({"aud": aud})), &allowed, None)
    }

    fn prefix_of(resource: &str, aud: &Value) -> Result<(), ClaimsError> {
        let claims = json!({"aud": aud});
        check(
            &Object::of(&claims),
            &Audiences::ResourcePrefix,
            Some(resource),
        )
    }

    #[test]
    fn any_of_several_times_any_of_several() {
        for aud in [
            json!("orders"),
            json!(["a", "orders"]),
            json!(["https://api.example.com"]),
        ] {
            assert_eq!(one_of(&aud), Ok(()), "{aud}");
        }
        let others = [
            json!("other"),
            json!(["a", "b"]),
            json!(""),
            json!("order"),
            json!("orders1"),
            json!("Orders"),
            json!("https://api.example.com/"),
            json!("https://api.example"),
        ];
        for aud in others {
            assert_eq!(one_of(&aud), Err(ClaimsError::Audience), "{aud}");
        }
        let nothing_allowed = Audiences::OneOf([].into());
        let claims = json!({"aud": "orders"});
        let result = check(&Object::of(&claims), &nothing_allowed, None);
        assert_eq!(result, Err(ClaimsError::Audience));
    }

    #[test]
    fn no_aud_passes_only_where_none_is_configured() {
        let none = Object::of(&json!({}));
        let allowed = Audiences::OneOf(["orders".into()].into());
        assert_eq!(
            check(&none, &allowed, Some(RESOURCE)),
            Err(ClaimsError::Audience)
        );
        assert_eq!(
            check(&none, &Audiences::ResourcePrefix, Some(RESOURCE)),
            Ok(())
        );
        assert_eq!(check(&none, &Audiences::ResourcePrefix, None), Ok(()));
        assert_eq!(check(&none, &Audiences::All, None), Ok(()));
    }

    #[test]
    fn a_malformed_aud_is_not_an_absent_one() {
        let bad = [
            json!(1),
            json!({}),
            json!({"orders": 1}),
            json!([]),
            json!(["orders", 1]),
            json!([1, "orders"]),
            json!([["orders"]]),
            json!(["orders", null]),
            json!(null),
            json!(true),
        ];
        for aud in bad {
            let malformed = |r: &Result<(), ClaimsError>| {
                matches!(r, Err(ClaimsError::Malformed { claim: "aud", .. }))
            };
            assert!(malformed(&one_of(&aud)), "{aud}");
            assert!(malformed(&prefix_of(RESOURCE, &aud)), "{aud}");
            let claims = json!({"aud": aud});
            assert_eq!(check(&Object::of(&claims), &Audiences::All, None), Ok(()));
        }
    }

    #[test]
    fn a_prefix_ends_on_a_segment_boundary() {
        let good = [
            "https://api.example.com",
            "https://api.example.com/",
            "HTTPS://API.Example.com",
            "https://api.example.com:443",
            "https://api.example.com:443/orders",
            "https://api.example.com/orders",
            "https://api.example.com/orders/",
            RESOURCE,
        ];
        for aud in good {
            assert_eq!(prefix_of(RESOURCE, &json!(aud)), Ok(()), "{aud}");
            assert_eq!(prefix_of(RESOURCE, &json!(["other", aud])), Ok(()), "{aud}");
        }
        assert_eq!(prefix_of("http://a:80/x", &json!("http://a/x")), Ok(()));
        assert_eq!(
            prefix_of("https://[::1]:8443/x", &json!("https://[::1]:8443")),
            Ok(())
        );
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        let bad = [
            "orders",
            "",
            "/",
            "/orders",
            "api.example.com",
            "//api.example.com",
            "http://api.example.com",
            "https://api.example.com:8443",
            "https://api.example.com:",
            "https://api.example.com:0443",
            "https://api.example.com:+443",
            "https://",
            "https:///orders",
            "https://example.com",
            "https://api.example.com.",
            "https://api.example.com.evil.org",
            "https://api.example.co",
            "https://evil.org/https://api.example.com",
            "https://api.example.com/order",
            "https://api.example.com/orders/4",
            "https://api.example.com/orders/42/",
            "https://api.example.com/orders/42/items",
            "https://api.example.com/Orders",
            "https://api.example.com/%6frders",
            "https://api.example.com/./orders",
            "https://api.example.com/x/../orders",
            "https://api.example.com//",
            "https://api.example.com?",
            "https://api.example.com/?x",
            "https://api.example.com/#",
            "https://api.example.com#",
            "https://user@api.example.com",
            "https://@api.example.com",
            "https://user:pw@api.example.com/",
            "https://api.example.com\\orders",
            "https://api.example.com /orders",
            " https://api.example.com",
            "ftp://api.example.com",
            "https://api.example.com:443:443",
            "https://api.example.com:65979",
            "https://xn--\u{e9}/",
            "https://[::1",
            "https://[::1]x",
            "urn:api",
        ];
        for aud in bad {
            assert_eq!(
                prefix_of(RESOURCE, &json!(aud)),
                Err(ClaimsError::Audience),
                "{aud}"
            );
        }
        let some = json!("https://a/some");
        assert_eq!(
            prefix_of("https://a/something", &some),
            Err(ClaimsError::Audience)
        );
        assert_eq!(prefix_of("https://a/some/thing", &some), Ok(()));
        let literal = json!("https://[::1]:8443");
        assert_eq!(
            prefix_of("https://[::2]:8443/x", &literal),
            Err(ClaimsError::Audience)
        );
    }

    #[test]
    fn without_a_resource_no_url_is_its_prefix() {
        let claims = json!({"aud": "https://api.example.com"});
        for resource in [
            None,
            Some(""),
            Some("/orders"),
            Some("https://api.example.com/?x"),
        ] {
            let result = check(&Object::of(&claims), &Audiences::ResourcePrefix, resource);
            assert_eq!(result, Err(ClaimsError::Audience), "{resource:?}");
        }
    }
}
