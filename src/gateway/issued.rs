//! Tokens of the gateway's own token service: opaque ones, which it has records of, and whether one still
//! stands.

use std::sync::Arc;

use super::{Gateway, Note, Refusal, Snapshot, Step, Trace, proof::Proof, say};
use crate::{
    claims::Evidence,
    issued::{self, IssuedError},
    issuer::Issuer,
    route::Route,
    store::Use,
    token_service::Service,
};

/// The issuer of the token service, if `token` has the form of one of its opaque tokens. Nobody else is
/// asked about such a token.
pub(super) fn issuer_of<'s>(token: &[u8], snapshot: &'s Snapshot) -> Option<&'s Arc<Issuer>> {
    let service = snapshot.policy.token_service.as_ref()?;
    if !issued::is_access(token) {
        return None;
    }
    snapshot.policy.registry.find(&service.settings.issuer).ok()
}

/// The token service, if it issued the token of `proof`.
pub(super) fn service_of<'s>(snapshot: &'s Snapshot, proof: &Proof) -> Option<&'s Service> {
    let service = snapshot.policy.token_service.as_deref()?;
    (service.settings.issuer == proof.issuer.name).then_some(service)
}

impl Gateway {
    /// Looks up an opaque token. What is found goes the way of all claims.
    pub(super) async fn prove_issued(
        &self,
        token: &[u8],
        issuer: &Arc<Issuer>,
        snapshot: &Snapshot,
        route: &Route,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        note.issuer = Some(Arc::clone(issuer));
        trace.pass(Step::Shape, || "opaque".to_owned());
        route.admit(&issuer.name)?;
        trace.pass(Step::Issuer, || {
            format!("{}, the gateway's own token service", issuer.name)
        });
        let found = issued::find(&*self.records, token).await;
        let issued = found.inspect_err(|error| self.count_unknown(error))?;
        // It is not kept: it may be revoked at any time.
        let proof = Proof::new(issuer, issued, snapshot.generation, token.len());
        say::vouched(trace, issuer, &proof.evidence);
        Ok(Arc::new(proof))
    }

    /// Whether the token of `proof`, whose claims are good, was not revoked and its client is active.
    pub(super) async fn check_stands(
        &self,
        service: &Service,
        proof: &Proof,
    ) -> Result<(), IssuedError> {
        let kid = match &proof.evidence {
            Evidence::Signed(signed) => Some(signed.header().kid().unwrap_or_default()),
            Evidence::Vouched(_) | Evidence::Issued(_) => None,
        };
        let claims = proof.evidence.claims();
        let stands = service.stands(claims, kid, self.clock.now(), &*self.records);
        match stands.await {
            Err(IssuedError::Unavailable(error)) => Ok(self.despite(Use::Revocation, error)?),
            stands => stands,
        }
    }

    /// Without its record nothing is known of an opaque token, so it is refused whatever is configured.
    fn count_unknown(&self, error: &IssuedError) {
        if matches!(error, IssuedError::Unavailable(_)) {
            self.count_store_failure(Use::TokenService, false);
        }
    }
}
