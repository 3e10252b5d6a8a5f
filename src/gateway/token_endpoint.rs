//! The endpoints of the gateway's own token service, on the listeners of its clients.

use http::{HeaderValue, Method};

use super::*;
use crate::{
    issuer::RegistryError,
    route::NoRoute,
    store::Use,
    telemetry::token_service::{EndpointLabels, IssuedLabels, RevokedLabels},
    token_service::{Answer, Desk, Endpoint, Request, Service, ServiceError},
};

/// The token service and its endpoint, if `head` asks for one.
pub(super) fn asked_for<'s>(
    snapshot: &'s Snapshot,
    head: &Parts,
) -> Option<(&'s Service, Endpoint)> {
    let service = snapshot.policy.token_service.as_deref()?;
    let endpoint = service.settings.endpoint(head.uri.path())?;
    Some((service, endpoint))
}

impl Gateway {
    /// Answers a request for the token service.
    pub(super) async fn serve_endpoint(
        &self,
        (service, endpoint): (&Service, Endpoint),
        snapshot: &Snapshot,
        head: Parts,
        body: &mut RequestBody,
        note: &mut Note,
        request_id: &HeaderValue,
    ) -> Result<Response<ResponseBody>, Refusal> {
        limit::check(&head, &self.limits)?;
        host::of(&head)?;
        let allowed = endpoint.allow().split(", ");
        if !allowed.into_iter().any(|own| own == head.method.as_str()) {
            let allow = endpoint.allow().to_owned();
            return Err(NoRoute::Method { allow }.into());
        }
        let bytes = match head.method {
            Method::POST => {
                let (limit, time) = (self.limits.form_bytes, self.limits.header_timeout);
                body.buffer(limit, time).await?
            }
            _ => Bytes::new(),
        };
        let own = snapshot.policy.registry.find(&service.settings.issuer);
        let desk = Desk {
            service,
            own: own.map_err(|_| RegistryError::Unknown)?,
            records: &*self.records,
            guesses: &self.guesses,
            address: client::address(snapshot, note.peer, &head.headers),
            now: self.clock.now(),
        };
        let request = Request {
            endpoint,
            head: &head,
            body: &bytes,
        };
        let answered = desk.answer(&request).await;
        let answer = answered.inspect_err(|error| {
            self.count_endpoint(endpoint, "unavailable");
            if matches!(error, ServiceError::Store(_)) {
                self.count_store_failure(Use::TokenService, false);
            }
        })?;
        self.tell_of(&answer, endpoint, service, note, request_id);
        Ok(answer.response.map(ResponseBody::Own))
    }

    /// One log event and one count for each request. The token and the assertion are in neither.
    fn tell_of(
        &self,
        answer: &Answer,
        endpoint: Endpoint,
        service: &Service,
        note: &Note,
        request_id: &HeaderValue,
    ) {
        let failure = answer.failure.as_ref();
        let outcome = failure.map_or("ok", |failure| failure.error.name());
        self.count_endpoint(endpoint, outcome);
        let metrics = &self.metrics.token_service;
        if let Some(grant) = answer.issued {
            let labels = IssuedLabels {
                grant: grant.label(),
                form: service.settings.access_token.name(),
            };
            metrics.issued.get_or_create(&labels).inc();
        }
        if let Some(kind) = answer.revoked {
            metrics.revoked.get_or_create(&RevokedLabels { kind }).inc();
        }
        if matches!(endpoint, Endpoint::Jwks | Endpoint::Metadata) {
            return;
        }
        tracing::info!(
            endpoint = endpoint.name(),
            outcome,
            token_client = answer.client.as_deref(),
            grant = answer.issued.map(|grant| grant.label()),
            revoked = answer.revoked,
            cause = failure.map(|failure| &*failure.cause),
            request_id = request_id.to_str().unwrap_or_default(),
            client = note.peer.map(tracing::field::display),
            "token service",
        );
    }

    fn count_endpoint(&self, endpoint: Endpoint, outcome: &'static str) {
        let labels = EndpointLabels {
            endpoint: endpoint.name(),
            outcome,
        };
        let requests = &self.metrics.token_service.requests;
        requests.get_or_create(&labels).inc();
    }
}
