//! What the token service counts. Labels are words of the program, never of a request.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// The metrics of the token service.
#[derive(Debug, Default)]
pub struct TokenServiceMetrics {
    /// `portcullis_token_service_requests_total`.
    pub requests: Family<EndpointLabels, Counter>,
    /// `portcullis_tokens_issued_total`.
    pub issued: Family<IssuedLabels, Counter>,
    /// `portcullis_tokens_revoked_total`.
    pub revoked: Family<RevokedLabels, Counter>,
}

/// The labels of `portcullis_token_service_requests_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    /// `token`, `revoke`, `introspect`, `tokeninfo`, `jwks` or `metadata`.
    pub endpoint: &'static str,
    /// `ok`, the `error` of the response, or `unavailable` when the gateway refused in its own words.
    pub outcome: &'static str,
}

/// The labels of `portcullis_tokens_issued_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct IssuedLabels {
    /// `jwt_bearer` or `refresh_token`.
    pub grant: &'static str,
    /// `jwt` or `opaque`.
    pub form: &'static str,
}

/// The labels of `portcullis_tokens_revoked_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RevokedLabels {
    /// `access_token`, or `refresh_token` with all that came from its grant.
    pub kind: &'static str,
}

impl TokenServiceMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "token_service_requests",
            "Requests of the token service by endpoint and outcome",
            self.requests.clone(),
        );
        registry.register(
            "tokens_issued",
            "Access tokens that were issued by grant and form",
            self.issued.clone(),
        );
        registry.register(
            "tokens_revoked",
            "Tokens that were revoked by their client",
            self.revoked.clone(),
        );
    }
}
