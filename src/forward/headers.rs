//! The header fields on their way: what belongs to one connection only is dropped (RFC 9110 §7.6.1),
//! what only the gateway may say is dropped and then set.

use http::{HeaderMap, HeaderName, HeaderValue, header::CONNECTION};
use smallvec::SmallVec;

/// `x-request-id`, on every request and every response.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `x-forwarded-for`.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `x-forwarded-proto`.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `x-forwarded-host`.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `traceparent` (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What becomes of a field of the client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on.
    Passes,
    /// It ends at this connection, whatever `Connection` says, or was asked of this proxy.
    HopByHop,
    /// It says how the body is framed, or for whom the request is: the gateway says it anew.
    Framing,
    /// Only the gateway may say it.
    Own,
    /// The gateway says it too, and continues what a trusted proxy said.
    Continued,
    /// Anyone may begin a trace.
    Trace,
    /// By it a client could make the upstream see another request than the one that was checked.
    Rewrite,
    /// By it a client could make the upstream see another method.
    MethodOverride,
}

impl Fate {
    /// The fate of the field `name`, in lower case.
    fn of(name: &str) -> Self {
        match name {
            "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "expect" => Self::HopByHop,
            "host" | "content-length" => Self::Framing,
            "x-auth-subject" | "x-auth-issuer" | "x-auth-realm" | "x-auth-groups"
            | "x-auth-scope" => Self::Own,
            "x-request-id" => Self::Own,
            "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" | "forwarded" => {
                Self::Continued
            }
            "traceparent" => Self::Trace,
            "x-original-url" | "x-rewrite-url" | "x-original-host" | "x-forwarded-prefix"
            | "x-forwarded-port" | "x-forwarded-server" => Self::Rewrite,
            "x-http-method-override" | "x-http-method" | "x-method-override" => {
                Self::MethodOverride
            }
            _ => Self::Passes,
        }
    }

    /// As [`Fate::of`], also for a spelling that an upstream could take for another: `X_Auth_Subject`,
    /// `x.auth.subject`. Nobody's proxy writes such a name, so trust does not matter.
    fn of_any_spelling(name: &str) -> (Self, bool) {
        if memchr::memchr2(b'_', b'.', name.as_bytes()).is_none() {
            return (Self::of(name), false);
        }
        let dashed: String = name
            .chars()
            .map(|c| if matches!(c, '_' | '.') { '-' } else { c })
            .collect();
        (Self::of(&dashed), true)
    }
}

/// Whether a request's field goes on to the upstream as it is.
///
/// `trusted` is whether the client is a proxy whose word counts, `one_method` whether the route is for
/// some methods only.
pub fn passes(name: &str, trusted: bool, one_method: bool) -> bool {
    match Fate::of_any_spelling(name) {
        (Fate::Passes, _) => true,
        (Fate::HopByHop | Fate::Framing | Fate::Own, _) => false,
        (Fate::Continued | Fate::Rewrite, alias) => trusted && !alias,
        (Fate::Trace, alias) => !alias,
        (Fate::MethodOverride, _) => !one_method,
    }
}

/// Whether a field ends at this connection, whatever `Connection` says.
pub(super) fn is_hop_by_hop(name: &HeaderName) -> bool {
    Fate::of(name.as_str()) == Fate::HopByHop
}

/// The fields that `Connection` names.
pub fn named_by_connection(headers: &HeaderMap) -> SmallVec<[HeaderName; 4]> {
    let values = headers.get_all(CONNECTION);
    if values.iter().all(names_no_field) {
        return SmallVec::new();
    }
    values
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}

fn names_no_field(connection: &HeaderValue) -> bool {
    let value = connection.as_bytes();
    value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_header_is_the_gateways_own() {
        for name in crate::identity::HEADER_NAMES {
            assert_eq!(Fate::of(name), Fate::Own, "{name}");
        }
    }
}
