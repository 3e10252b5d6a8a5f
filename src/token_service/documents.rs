//! The documents: keys (RFC 7517 §5) and metadata (RFC 8414 §2).

use serde_json::json;

use super::{Done, Service, settings::Endpoint};
use crate::{clock::UnixTime, jose::AlgorithmSet};

impl Service {
    /// The keys that verify its tokens at `now`.
    pub(super) fn jwks(&self, now: UnixTime) -> Done {
        document(self.signer.jwks_at(now).to_string())
    }

    /// Where everything is, and what is offered.
    pub(super) fn metadata(&self) -> Done {
        let settings = &self.settings;
        let url = |endpoint| settings.url(endpoint);
        let grants: Vec<_> = self
            .grants()
            .into_iter()
            .map(|grant| grant.name())
            .collect();
        let methods = [
            "private_key_jwt",
            "client_secret_basic",
            "client_secret_post",
        ];
        let asymmetric = AlgorithmSet::asymmetric();
        let algorithms: Vec<_> = asymmetric.iter().map(|own| own.name()).collect();
        let document_of = json!({
            "issuer": &*settings.issuer,
            "token_endpoint": url(Endpoint::Token),
            "revocation_endpoint": url(Endpoint::Revoke),
            "introspection_endpoint": url(Endpoint::Introspect),
            "jwks_uri": url(Endpoint::Jwks),
            "response_types_supported": [],
            "grant_types_supported": grants,
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        });
        document(document_of.to_string())
    }
}

fn document(body: String) -> Done {
    Done {
        body,
        content_type: "application/json",
        ..Done::default()
    }
}
