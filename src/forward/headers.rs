//! The header fields on their way: what belongs to one connection only is dropped (RFC 9110 §7.6.1),
//! what only the gateway may say is dropped and then set.

use http::{HeaderMap, HeaderName, HeaderValue, header::CONNECTION};
use smallvec::SmallVec;

use crate::identity::{OwnHeaders, header::canonical};

/// `x-request-id`, on every request and every response.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `x-forwarded-for`.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `x-forwarded-proto`.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `x-forwarded-host`.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `x-client-cert-subject`, where clients' certificates are told of.
pub const X_CLIENT_CERT_SUBJECT: HeaderName = HeaderName::from_static("x-client-cert-subject");
/// `x-client-cert-fingerprint`, likewise.
pub const X_CLIENT_CERT_FINGERPRINT: HeaderName =
    HeaderName::from_static("x-client-cert-fingerprint");

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
    /// Of a trace: it goes on, or is replaced, as `spans` has it.
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
            "x-auth-subject" | "x-auth-unique-name" | "x-auth-issuer" | "x-auth-realm"
            | "x-auth-groups" | "x-auth-scope" => Self::Own,
            "x-request-id" => Self::Own,
            "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" | "forwarded" => {
                Self::Continued
            }
            "traceparent" | "tracestate" => Self::Trace,
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
    fn of_any_spelling(name: &str, own: &OwnHeaders) -> (Self, bool) {
        if memchr::memchr2(b'_', b'.', name.as_bytes()).is_none() {
            return (Self::or_own(name, own), false);
        }
        (Self::or_own(&canonical(name), own), true)
    }

    fn or_own(name: &str, own: &OwnHeaders) -> Self {
        match Self::of(name) {
            Self::Passes if own.has(name) => Self::Own,
            fate => fate,
        }
    }
}

/// Whether a request's field goes on to the upstream as it is.
///
/// `own` are the names that the configuration gives to the gateway, `trusted` is whether the client is a
/// proxy whose word counts, `one_method` whether the route is for some methods only.
pub fn passes(name: &str, own: &OwnHeaders, trusted: bool, one_method: bool) -> bool {
    match Fate::of_any_spelling(name, own) {
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

/// Whether a configuration may not give this name, in any spelling, to a header of its choice: the field
/// means something on its way, says what the body is, or carries a credential.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let name = canonical(name);
    Fate::of(&name) != Fate::Passes
        || name.starts_with("content-")
        || matches!(
            &*name,
            "authorization"
                | "cookie"
                | "via"
                | "range"
                | "if-range"
                | "max-forwards"
                | "date"
                | "x-client-cert-subject"
                | "x-client-cert-fingerprint"
        )
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

    #[test]
    fn a_name_of_the_configuration_is_the_gateways_own_in_any_spelling() {
        let own = OwnHeaders::new(["X-Email"]);
        for name in ["x-email", "x_email", "x.email"] {
            assert!(!passes(name, &own, true, false), "{name}");
            assert!(passes(name, &OwnHeaders::default(), false, false), "{name}");
        }
        for name in ["x-emails", "x-mail", "email", "x--email"] {
            assert!(passes(name, &own, false, false), "{name}");
        }
    }

    #[test]
    fn what_means_something_on_its_way_is_reserved() {
        for name in [
            "Connection",
            "te",
            "Transfer_Encoding",
            "HOST",
            "content-length",
            "Content-Type",
            "X-Auth-Groups",
            "x.request.id",
            "Forwarded",
            "X-Forwarded-For",
            "traceparent",
            "X-Original-URL",
            "x-http-method-override",
            "Authorization",
            "cookie",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["X-Email", "x_roles", "x-auth-tenant", "Remote-User"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
