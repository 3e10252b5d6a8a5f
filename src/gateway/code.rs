//! The codes of refusals: what a client is told, and with which status.

use http::StatusCode;

/// What a refusal is called. The names are part of the interface: scripts and dashboards rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is explained by its own `detail`")]
pub enum Code {
    TokenAmbiguous,
    TokenEmpty,
    RequestMalformed,
    TlsRequired,
    TokenMissing,
    TokenMalformed,
    TokenTooLarge,
    AlgorithmNotAllowed,
    CriticalHeaderUnsupported,
    TypeNotAllowed,
    IssuerUnknown,
    IssuerInactive,
    KeyNotFound,
    SignatureInvalid,
    DecryptionFailed,
    EncryptionRequired,
    TokenExpired,
    TokenNotYetValid,
    TokenIssuedInFuture,
    TokenTooOld,
    AudienceNotAllowed,
    ClaimMissing,
    ClaimNotAllowed,
    ClaimMalformed,
    MappingFailed,
    TokenReplayed,
    ProofInvalid,
    TokenInactive,
    TokenRevoked,
    ScopeInsufficient,
    UserUnknown,
    BindingMismatch,
    RuleDenied,
    CredentialClaimMissing,
    RouteNotFound,
    MethodNotAllowed,
    RequestTimeout,
    BodyTooLarge,
    UriTooLong,
    HeadersTooLarge,
    ExpectationFailed,
    UpstreamUnreachable,
    UpstreamTimeout,
    UpstreamMalformed,
    CredentialRefused,
    CredentialUnavailable,
    KeysUnavailable,
    StoreUnavailable,
    RegistryUnavailable,
    IntrospectionUnavailable,
    RateLimited,
    Overloaded,
    InternalError,
}

/// Which `error` of RFC 6750 §3.1 a refusal carries in its challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// No challenge at all.
    None,
    /// A challenge without `error`: no token came.
    Bare,
    /// `invalid_request`.
    InvalidRequest,
    /// `invalid_token`.
    InvalidToken,
    /// `insufficient_scope`.
    InsufficientScope,
}

impl Code {
    /// Every code, in the order of declaration.
    pub const ALL: [Self; 53] = [
        Self::TokenAmbiguous,
        Self::TokenEmpty,
        Self::RequestMalformed,
        Self::TlsRequired,
        Self::TokenMissing,
        Self::TokenMalformed,
        Self::TokenTooLarge,
        Self::AlgorithmNotAllowed,
        Self::CriticalHeaderUnsupported,
        Self::TypeNotAllowed,
        Self::IssuerUnknown,
        Self::IssuerInactive,
        Self::KeyNotFound,
        Self::SignatureInvalid,
        Self::DecryptionFailed,
        Self::EncryptionRequired,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::TokenIssuedInFuture,
        Self::TokenTooOld,
        Self::AudienceNotAllowed,
        Self::ClaimMissing,
        Self::ClaimNotAllowed,
        Self::ClaimMalformed,
        Self::MappingFailed,
        Self::TokenReplayed,
        Self::ProofInvalid,
        Self::TokenInactive,
        Self::TokenRevoked,
        Self::ScopeInsufficient,
        Self::UserUnknown,
        Self::BindingMismatch,
        Self::RuleDenied,
        Self::CredentialClaimMissing,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::UriTooLong,
        Self::HeadersTooLarge,
        Self::ExpectationFailed,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::UpstreamMalformed,
        Self::CredentialRefused,
        Self::CredentialUnavailable,
        Self::KeysUnavailable,
        Self::StoreUnavailable,
        Self::RegistryUnavailable,
        Self::IntrospectionUnavailable,
        Self::RateLimited,
        Self::Overloaded,
        Self::InternalError,
    ];

    /// Its name in bodies, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What the client is told: what is wrong and what to do, never a claim, a key or an expected value.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        self.row().2
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::TokenAmbiguous => (
                "token_ambiguous",
                S::BAD_REQUEST,
                "The request carries more than one token; send exactly one.",
            ),
            Self::TokenEmpty => (
                "token_empty",
                S::BAD_REQUEST,
                "The request has a place for a token and none in it.",
            ),
            Self::RequestMalformed => (
                "request_malformed",
                S::BAD_REQUEST,
                "The request is malformed.",
            ),
            Self::TlsRequired => (
                "tls_required",
                S::BAD_REQUEST,
                "This port speaks TLS: use https.",
            ),
            Self::TokenMissing => (
                "token_missing",
                S::UNAUTHORIZED,
                "The request carries no token.",
            ),
            Self::TokenMalformed => (
                "token_malformed",
                S::UNAUTHORIZED,
                "The token is not a well-formed JSON Web Token.",
            ),
            Self::TokenTooLarge => (
                "token_too_large",
                S::UNAUTHORIZED,
                "The token is longer than the gateway accepts.",
            ),
            Self::AlgorithmNotAllowed => (
                "algorithm_not_allowed",
                S::UNAUTHORIZED,
                "The token's signature algorithm is not allowed.",
            ),
            Self::CriticalHeaderUnsupported => (
                "critical_header_unsupported",
                S::UNAUTHORIZED,
                "The token marks a header as critical that the gateway does not support.",
            ),
            Self::TypeNotAllowed => (
                "type_not_allowed",
                S::UNAUTHORIZED,
                "The token's type is not allowed.",
            ),
            Self::IssuerUnknown => (
                "issuer_unknown",
                S::UNAUTHORIZED,
                "The token's issuer is not trusted here.",
            ),
            Self::IssuerInactive => (
                "issuer_inactive",
                S::UNAUTHORIZED,
                "The token's issuer is not active.",
            ),
            Self::KeyNotFound => (
                "key_not_found",
                S::UNAUTHORIZED,
                "The issuer has no key for this token.",
            ),
            Self::SignatureInvalid => (
                "signature_invalid",
                S::UNAUTHORIZED,
                "The token's signature is not valid.",
            ),
            Self::DecryptionFailed => (
                "decryption_failed",
                S::UNAUTHORIZED,
                "The token is encrypted and cannot be decrypted.",
            ),
            Self::EncryptionRequired => (
                "encryption_required",
                S::UNAUTHORIZED,
                "The token must be encrypted, and it is only signed.",
            ),
            Self::TokenExpired => ("token_expired", S::UNAUTHORIZED, "The token expired."),
            Self::TokenNotYetValid => (
                "token_not_yet_valid",
                S::UNAUTHORIZED,
                "The token is not valid yet.",
            ),
            Self::TokenIssuedInFuture => (
                "token_issued_in_future",
                S::UNAUTHORIZED,
                "The token was issued in the future.",
            ),
            Self::TokenTooOld => (
                "token_too_old",
                S::UNAUTHORIZED,
                "The token was issued too long ago.",
            ),
            Self::AudienceNotAllowed => (
                "audience_not_allowed",
                S::UNAUTHORIZED,
                "The token is for another audience.",
            ),
            Self::ClaimMissing => (
                "claim_missing",
                S::UNAUTHORIZED,
                "The token lacks a required claim.",
            ),
            Self::ClaimNotAllowed => (
                "claim_not_allowed",
                S::UNAUTHORIZED,
                "One of the token's claims has a value that is not allowed.",
            ),
            Self::ClaimMalformed => (
                "claim_malformed",
                S::UNAUTHORIZED,
                "One of the token's claims is malformed.",
            ),
            Self::MappingFailed => (
                "mapping_failed",
                S::UNAUTHORIZED,
                "Nobody could say who the token's subject is.",
            ),
            Self::TokenInactive => (
                "token_inactive",
                S::UNAUTHORIZED,
                "The token is not active.",
            ),
            Self::TokenRevoked => ("token_revoked", S::UNAUTHORIZED, "The token was revoked."),
            Self::TokenReplayed => (
                "token_replayed",
                S::UNAUTHORIZED,
                "The token was used before, and is good once.",
            ),
            Self::ProofInvalid => (
                "proof_invalid",
                S::UNAUTHORIZED,
                "The token is bound to something that the client has not shown.",
            ),
            Self::ScopeInsufficient => (
                "scope_insufficient",
                S::FORBIDDEN,
                "The token's scope does not cover this request.",
            ),
            Self::UserUnknown => (
                "user_unknown",
                S::FORBIDDEN,
                "The token's subject is not a user here.",
            ),
            Self::BindingMismatch => (
                "binding_mismatch",
                S::FORBIDDEN,
                "The request names something that its token does not vouch for.",
            ),
            Self::RuleDenied => (
                "rule_denied",
                S::FORBIDDEN,
                "A rule of this route does not allow the request.",
            ),
            Self::CredentialClaimMissing => (
                "credential_claim_missing",
                S::FORBIDDEN,
                "The token does not say what the API behind this gateway has to be told.",
            ),
            Self::RouteNotFound => (
                "route_not_found",
                S::NOT_FOUND,
                "No route is for this host and path.",
            ),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                S::METHOD_NOT_ALLOWED,
                "The method is not allowed here.",
            ),
            Self::RequestTimeout => (
                "request_timeout",
                S::REQUEST_TIMEOUT,
                "The request came too slowly.",
            ),
            Self::BodyTooLarge => (
                "body_too_large",
                S::PAYLOAD_TOO_LARGE,
                "The request's body is too large.",
            ),
            Self::UriTooLong => (
                "uri_too_long",
                S::URI_TOO_LONG,
                "The request line is too long.",
            ),
            Self::HeadersTooLarge => (
                "headers_too_large",
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The request has too many header fields, or they are too large.",
            ),
            Self::ExpectationFailed => (
                "expectation_failed",
                S::EXPECTATION_FAILED,
                "The request expects something that the gateway does not know.",
            ),
            Self::UpstreamUnreachable => (
                "upstream_unreachable",
                S::BAD_GATEWAY,
                "The upstream cannot be reached.",
            ),
            Self::UpstreamTimeout => (
                "upstream_timeout",
                S::GATEWAY_TIMEOUT,
                "The upstream did not answer in time.",
            ),
            Self::UpstreamMalformed => (
                "upstream_malformed",
                S::BAD_GATEWAY,
                "The upstream's answer is malformed.",
            ),
            Self::CredentialRefused => (
                "credential_refused",
                S::BAD_GATEWAY,
                "The gateway was given no credential for the API behind it.",
            ),
            Self::CredentialUnavailable => (
                "credential_unavailable",
                S::SERVICE_UNAVAILABLE,
                "The gateway can get no credential for the API behind it at the moment; try again.",
            ),
            Self::KeysUnavailable => (
                "keys_unavailable",
                S::SERVICE_UNAVAILABLE,
                "The issuer's keys are not available at the moment; try again.",
            ),
            Self::IntrospectionUnavailable => (
                "introspection_unavailable",
                S::SERVICE_UNAVAILABLE,
                "The issuer cannot be asked about the token at the moment; try again.",
            ),
            Self::RegistryUnavailable => (
                "registry_unavailable",
                S::SERVICE_UNAVAILABLE,
                "The user registry is not available at the moment; try again.",
            ),
            Self::StoreUnavailable => (
                "store_unavailable",
                S::SERVICE_UNAVAILABLE,
                "The gateway cannot look up what was used before; try again.",
            ),
            Self::RateLimited => (
                "rate_limited",
                S::TOO_MANY_REQUESTS,
                "Too many requests; try again later.",
            ),
            Self::Overloaded => (
                "overloaded",
                S::SERVICE_UNAVAILABLE,
                "The gateway is overloaded; try again.",
            ),
            Self::InternalError => (
                "internal_error",
                S::INTERNAL_SERVER_ERROR,
                "The gateway failed, and the request with it.",
            ),
        }
    }

    /// Which challenge goes with it (RFC 6750 §3).
    #[must_use]
    pub const fn challenge(self) -> Challenge {
        match self {
            Self::TokenAmbiguous | Self::TokenEmpty => Challenge::InvalidRequest,
            Self::TokenMissing => Challenge::Bare,
            Self::ScopeInsufficient => Challenge::InsufficientScope,
            Self::TokenMalformed
            | Self::TokenTooLarge
            | Self::AlgorithmNotAllowed
            | Self::CriticalHeaderUnsupported
            | Self::TypeNotAllowed
            | Self::IssuerUnknown
            | Self::IssuerInactive
            | Self::KeyNotFound
            | Self::SignatureInvalid
            | Self::DecryptionFailed
            | Self::EncryptionRequired
            | Self::TokenExpired
            | Self::TokenNotYetValid
            | Self::TokenIssuedInFuture
            | Self::TokenTooOld
            | Self::AudienceNotAllowed
            | Self::ClaimMissing
            | Self::ClaimNotAllowed
            | Self::ClaimMalformed
            | Self::MappingFailed
            | Self::TokenInactive
            | Self::TokenRevoked
            | Self::ProofInvalid
            | Self::TokenReplayed => Challenge::InvalidToken,
            Self::RequestMalformed
            | Self::TlsRequired
            | Self::UserUnknown
            | Self::BindingMismatch
            | Self::RuleDenied
            | Self::CredentialClaimMissing
            | Self::RouteNotFound
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::BodyTooLarge
            | Self::UriTooLong
            | Self::HeadersTooLarge
            | Self::ExpectationFailed
            | Self::UpstreamUnreachable
            | Self::UpstreamTimeout
            | Self::UpstreamMalformed
            | Self::CredentialRefused
            | Self::CredentialUnavailable
            | Self::KeysUnavailable
            | Self::IntrospectionUnavailable
            | Self::RegistryUnavailable
            | Self::StoreUnavailable
            | Self::RateLimited
            | Self::Overloaded
            | Self::InternalError => Challenge::None,
        }
    }

    /// Whether the connection is closed after it, because nobody knows what would come next on it.
    #[must_use]
    pub const fn closes(self) -> bool {
        matches!(
            self,
            Self::RequestMalformed
                | Self::TlsRequired
                | Self::RequestTimeout
                | Self::BodyTooLarge
                | Self::UriTooLong
                | Self::HeadersTooLarge
                | Self::ExpectationFailed
                | Self::Overloaded
                | Self::InternalError
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_stands_in_the_list_once_at_its_place() {
        for (place, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, place, "{}", code.name());
        }
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn challenges_go_with_their_statuses() {
        for code in Code::ALL {
            let status = match code.challenge() {
                Challenge::InvalidRequest => 400,
                Challenge::Bare | Challenge::InvalidToken => 401,
                Challenge::InsufficientScope => 403,
                Challenge::None => continue,
            };
            assert_eq!(code.status().as_u16(), status, "{}", code.name());
        }
    }
}
