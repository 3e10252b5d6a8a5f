//! Every way in which a request is refused: one enum, and one function that says what it is called.

use http::HeaderValue;

use super::{
    OriginalError, code::Code, decryption::DecryptionError, holder::HolderError, http2::Http2Error,
    limit::LimitError, login::SessionError, once::OnceError, rate::RateError, trace::Step,
};
use crate::{
    authz::Denied,
    claims::ClaimsError,
    forward::{BodyError, ForwardError, ResponseError},
    identity::IdentityError,
    introspection::IntrospectionError,
    issued::IssuedError,
    issuer::{KeyError, RegistryError},
    jose::{
        compact::{CompactError, IssuerClaimError},
        header::HeaderError,
        jwk::BadSignature,
        policy::PolicyError,
    },
    outbound::CredentialError,
    rate::NotCounted,
    route::{HostError, NoRoute, NotAdmitted, TargetError},
    store::StoreError,
    token::ExtractError,
    token_service::ServiceError,
    users::LookupError,
};

/// Why a request is refused. Its text is for the log and for `explain`, not for the client.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant carries the error of its room, which explains itself"
)]
pub enum Refusal {
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Http2(#[from] Http2Error),
    #[error(transparent)]
    Original(#[from] OriginalError),
    #[error(transparent)]
    NoRoute(#[from] NoRoute),
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body that a claim is bound to cannot be read.
    #[error("a claim is bound to the body: {0}")]
    BoundBody(BodyError),
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The route asks for a token, and none came.
    #[error("the request carries no token in any of the places where the route looks for one")]
    TokenMissing,
    #[error(transparent)]
    Decryption(#[from] DecryptionError),
    #[error(transparent)]
    Compact(#[from] CompactError),
    #[error(transparent)]
    IssuerClaim(#[from] IssuerClaimError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Signature(#[from] BadSignature),
    #[error(transparent)]
    Introspection(#[from] IntrospectionError),
    #[error(transparent)]
    Issued(#[from] IssuedError),
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Lookup(#[from] LookupError),
    #[error(transparent)]
    Holder(#[from] HolderError),
    /// The identity may not do this.
    #[error("{why}")]
    Denied {
        why: Denied,
        /// The scopes that would do, for the challenge.
        scope: Option<Box<str>>,
    },
    #[error(transparent)]
    Rate(#[from] RateError),
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    TokenService(#[from] ServiceError),
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The process holds nearly as much memory as it may.
    #[error("there is no memory left for one more request")]
    Memory,
    /// A panic. What it said is written nowhere: it may hold what the client sent.
    #[error("the gateway has a defect; a log line before this one says where")]
    Panicked,
}

impl Refusal {
    /// What it is called.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Limit(LimitError::RequestLine { .. }) => Code::UriTooLong,
            Self::Limit(LimitError::HeaderBytes { .. } | LimitError::HeaderFields { .. }) => {
                Code::HeadersTooLarge
            }
            Self::Limit(LimitError::Body { .. }) => Code::BodyTooLarge,
            Self::Http2(Http2Error::Expectation) => Code::ExpectationFailed,
            Self::Host(_) | Self::Target(_) | Self::Http2(_) | Self::Original(_) => {
                Code::RequestMalformed
            }
            Self::NoRoute(NoRoute::NotFound | NoRoute::Filtered) => Code::RouteNotFound,
            Self::NoRoute(NoRoute::Method { .. }) => Code::MethodNotAllowed,
            Self::Body(error)
            | Self::BoundBody(error)
            | Self::Forward(ForwardError::Body(error)) => body(error),
            Self::Extract(ExtractError::Ambiguous) => Code::TokenAmbiguous,
            Self::Extract(ExtractError::Empty) => Code::TokenEmpty,
            Self::Extract(ExtractError::Malformed(_)) => Code::RequestMalformed,
            Self::TokenMissing => Code::TokenMissing,
            Self::Decryption(error) => decryption(error),
            Self::Compact(error) => compact(error),
            Self::IssuerClaim(IssuerClaimError::Missing) => Code::ClaimMissing,
            Self::IssuerClaim(IssuerClaimError::NotAString) => Code::ClaimMalformed,
            Self::Registry(RegistryError::Unknown) | Self::NotAdmitted(NotAdmitted) => {
                Code::IssuerUnknown
            }
            Self::Registry(RegistryError::Inactive) => Code::IssuerInactive,
            Self::Policy(PolicyError::Algorithm { .. }) => Code::AlgorithmNotAllowed,
            Self::Policy(PolicyError::Critical(_)) => Code::CriticalHeaderUnsupported,
            Self::Policy(PolicyError::Type { .. }) => Code::TypeNotAllowed,
            Self::Key(KeyError::NotFound) => Code::KeyNotFound,
            Self::Key(KeyError::Unavailable | KeyError::OutOfTime) => Code::KeysUnavailable,
            Self::Signature(BadSignature) => Code::SignatureInvalid,
            Self::Introspection(error) => introspection(error),
            Self::Issued(error) => issued(error),
            Self::Claims(error) => claims(error),
            Self::Identity(_) => Code::ClaimMalformed,
            Self::Lookup(error) => lookup(error),
            Self::Holder(_) => Code::ProofInvalid,
            Self::Denied { why, .. } => denied(why),
            Self::Memory => Code::Overloaded,
            Self::Panicked => Code::InternalError,
            Self::Rate(error) => rate(error),
            Self::Once(OnceError::Replayed) => Code::TokenReplayed,
            Self::Once(OnceError::Unknown(error)) => store(error),
            // Without its session, the request carries nothing.
            Self::Session(SessionError::Changed | SessionError::OtherOrigin) => Code::TokenMissing,
            Self::Session(SessionError::Unknown(error)) => store(error),
            Self::TokenService(error) => token_service(error),
            Self::Credential(error) => credential(error),
            Self::Forward(error) => forward(error),
        }
    }

    /// At which step of the pipeline it happened.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Limit(_)
            | Self::Host(_)
            | Self::Target(_)
            | Self::Http2(_)
            | Self::Original(_) => Step::Request,
            Self::NoRoute(_) => Step::Route,
            Self::Body(_) | Self::Extract(_) | Self::TokenMissing => Step::Token,
            Self::Decryption(_) | Self::Compact(CompactError::Encrypted) => Step::Decryption,
            Self::Compact(CompactError::Header(_)) | Self::Policy(_) => Step::Header,
            Self::Compact(_) => Step::Shape,
            Self::IssuerClaim(_) | Self::Registry(_) | Self::NotAdmitted(NotAdmitted) => {
                Step::Issuer
            }
            Self::Key(_) => Step::Key,
            Self::Signature(_) | Self::Introspection(_) | Self::Issued(_) => Step::Signature,
            Self::Claims(error) => error.step().into(),
            Self::Identity(_) | Self::Lookup(_) | Self::Holder(_) => Step::Identity,
            Self::BoundBody(_) => Step::Binding,
            Self::Denied { why, .. } => match why {
                Denied::Public | Denied::Issuer | Denied::Scope => Step::Scope,
                Denied::Binding(_) => Step::Binding,
                Denied::Rule(_) => Step::Rules,
            },
            Self::Memory | Self::Panicked | Self::TokenService(_) => Step::Request,
            Self::Rate(_) => Step::RateLimit,
            Self::Once(_) => Step::Replay,
            Self::Session(_) => Step::Session,
            Self::Credential(_) => Step::Credential,
            Self::Forward(_) => Step::Upstream,
        }
    }

    /// What `Retry-After` says beside a 429, in seconds.
    pub(super) fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::TokenService(ServiceError::TooManyFailures(wait)) => Some((*wait).into()),
            Self::Rate(RateError::Exceeded { wait, .. }) => Some((*wait).into()),
            _ => None,
        }
    }

    /// What `Allow` says beside a 405 (RFC 9110 §15.5.6).
    pub(super) fn allow(&self) -> Option<HeaderValue> {
        match self {
            Self::NoRoute(NoRoute::Method { allow }) => HeaderValue::from_str(allow).ok(),
            _ => None,
        }
    }
}

const fn body(error: &BodyError) -> Code {
    match error {
        BodyError::TooLarge(_) => Code::BodyTooLarge,
        BodyError::Client(_) | BodyError::Stream(_) => Code::RequestMalformed,
        BodyError::Stalled => Code::RequestTimeout,
        BodyError::Withheld => Code::BindingMismatch,
    }
}

/// What it is called when a response breaks off after its head.
pub(super) const fn response(error: &ResponseError) -> Code {
    match error {
        ResponseError::Broken(_) => Code::UpstreamUnreachable,
        ResponseError::Malformed => Code::UpstreamMalformed,
        ResponseError::Request(error) => body(error),
        ResponseError::Stalled => Code::UpstreamTimeout,
    }
}

const fn decryption(error: &DecryptionError) -> Code {
    match error {
        DecryptionError::Token(_) => Code::DecryptionFailed,
        DecryptionError::Required => Code::EncryptionRequired,
        DecryptionError::Overloaded => Code::Overloaded,
    }
}

const fn compact(error: &CompactError) -> Code {
    match error {
        CompactError::TooLarge { .. } => Code::TokenTooLarge,
        CompactError::Encrypted => Code::DecryptionFailed,
        CompactError::Header(HeaderError::AlgorithmUnknown) => Code::AlgorithmNotAllowed,
        CompactError::Header(HeaderError::Critical(_)) => Code::CriticalHeaderUnsupported,
        CompactError::Shape
        | CompactError::Encoding(_)
        | CompactError::Payload(_)
        | CompactError::Header(
            HeaderError::Json(_)
            | HeaderError::AlgorithmMissing
            | HeaderError::WrongType(_)
            | HeaderError::Encryption,
        ) => Code::TokenMalformed,
    }
}

const fn introspection(error: &IntrospectionError) -> Code {
    match error {
        IntrospectionError::Inactive | IntrospectionError::OtherToken => Code::TokenInactive,
        IntrospectionError::OtherType => Code::TypeNotAllowed,
        IntrospectionError::Characters => Code::TokenMalformed,
        IntrospectionError::Busy | IntrospectionError::Unavailable(_) => {
            Code::IntrospectionUnavailable
        }
    }
}

const fn issued(error: &IssuedError) -> Code {
    match error {
        IssuedError::Unknown | IssuedError::ClientInactive => Code::TokenInactive,
        IssuedError::Revoked => Code::TokenRevoked,
        IssuedError::KeyGone => Code::KeyNotFound,
        IssuedError::Unavailable(error) => store(error),
    }
}

const fn token_service(error: &ServiceError) -> Code {
    match error {
        ServiceError::TooManyFailures(_) => Code::RateLimited,
        ServiceError::Store(error) => store(error),
        ServiceError::Keys(_) | ServiceError::Signing(_) => Code::KeysUnavailable,
        ServiceError::Internal => Code::InternalError,
    }
}

const fn claims(error: &ClaimsError) -> Code {
    match error {
        ClaimsError::Issuer => Code::IssuerUnknown,
        ClaimsError::Expired(_) => Code::TokenExpired,
        ClaimsError::NotYetValid(_) => Code::TokenNotYetValid,
        ClaimsError::IssuedInFuture(_) => Code::TokenIssuedInFuture,
        ClaimsError::TooOld(_) => Code::TokenTooOld,
        ClaimsError::Audience => Code::AudienceNotAllowed,
        ClaimsError::Missing(_) => Code::ClaimMissing,
        ClaimsError::NotAllowed(_) => Code::ClaimNotAllowed,
        ClaimsError::Malformed { .. } => Code::ClaimMalformed,
    }
}

const fn lookup(error: &LookupError) -> Code {
    match error {
        LookupError::UserUnknown | LookupError::UserAmbiguous => Code::UserUnknown,
        LookupError::Subject(_) => Code::ClaimMalformed,
        LookupError::Mapper(_) => Code::MappingFailed,
        LookupError::Directory(_) => Code::RegistryUnavailable,
    }
}

const fn denied(why: &Denied) -> Code {
    match why {
        Denied::Scope => Code::ScopeInsufficient,
        Denied::Issuer => Code::IssuerUnknown,
        Denied::Public => Code::RouteNotFound,
        Denied::Binding(_) => Code::BindingMismatch,
        Denied::Rule(_) => Code::RuleDenied,
    }
}

const fn rate(error: &RateError) -> Code {
    match error {
        RateError::Exceeded { .. } => Code::RateLimited,
        RateError::NotCounted(NotCounted::Missing(_)) => Code::ClaimMissing,
        RateError::NotCounted(NotCounted::Malformed(_)) => Code::ClaimMalformed,
        RateError::Unknown(error) => store(error),
    }
}

const fn store(error: &StoreError) -> Code {
    match error {
        StoreError::Full => Code::Overloaded,
        StoreError::Unavailable => Code::StoreUnavailable,
    }
}

const fn credential(error: &CredentialError) -> Code {
    match error {
        CredentialError::ClaimMissing(_) | CredentialError::Claim(_) => {
            Code::CredentialClaimMissing
        }
        CredentialError::NoToken => Code::TokenMissing,
        CredentialError::Refused { .. } => Code::CredentialRefused,
        CredentialError::Sign(_) | CredentialError::Unavailable(_) => Code::CredentialUnavailable,
    }
}

const fn forward(error: &ForwardError) -> Code {
    match error {
        ForwardError::Connect(_) | ForwardError::Lookup(_) | ForwardError::Closed(_) => {
            Code::UpstreamUnreachable
        }
        ForwardError::Full => Code::Overloaded,
        ForwardError::Unwritable => Code::RequestMalformed,
        ForwardError::ConnectTimeout | ForwardError::ResponseTimeout => Code::UpstreamTimeout,
        ForwardError::Malformed(_) | ForwardError::SwitchedProtocols => Code::UpstreamMalformed,
        ForwardError::Body(error) => body(error),
    }
}
