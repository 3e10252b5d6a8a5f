//! Tokens that their issuer is asked about, because nobody can tell by a key, or by a key alone.

use std::sync::Arc;

use super::{Gateway, Note, Refusal, Snapshot, Step, Trace, proof::Proof, say};
use crate::{
    claims::Evidence,
    introspection::{self, Introspection, IntrospectionError, Jwt, Vouched},
    issuer::{Issuer, KeyError},
    jose::json::Object,
    route::Route,
    spans::{Wait, waiting},
};

/// The issuer that is to be asked about `token`, which names none itself: it is no JWT.
pub(super) fn of_opaque<'s>(
    token: &[u8],
    snapshot: &'s Snapshot,
    route: &Route,
) -> Option<&'s Arc<Issuer>> {
    snapshot
        .opaque(route)
        .filter(|_| introspection::is_opaque(token))
}

/// Whether an issuer that was asked may overrule `local`: only where its keys did not tell. A token whose
/// form, header, algorithm or type is wrong stays refused, and so does one whose claims are.
const fn may_be_overruled(local: &Refusal) -> bool {
    matches!(
        local,
        Refusal::Key(KeyError::NotFound | KeyError::Unavailable | KeyError::OutOfTime)
            | Refusal::Signature(_)
    )
}

impl Gateway {
    /// Asks about a token that is no JWT.
    pub(super) async fn ask_of_opaque(
        &self,
        token: &[u8],
        issuer: &Arc<Issuer>,
        snapshot: &Snapshot,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        note.issuer = Some(Arc::clone(issuer));
        trace.pass(Step::Shape, || "opaque".to_owned());
        trace.pass(Step::Issuer, || {
            format!("{}, which is asked about opaque tokens here", issuer.name)
        });
        let Some(endpoint) = &issuer.introspection else {
            return Err(IntrospectionError::Inactive.into());
        };
        let vouched = self.vouched(token, issuer, endpoint, snapshot, trace);
        waiting(note.trace.record.as_deref(), Wait::Introspection, vouched).await
    }

    /// Asks about a JWT that no key here verifies, if its issuer wants that.
    pub(super) async fn ask_instead(
        &self,
        local: Refusal,
        token: &[u8],
        issuer: &Arc<Issuer>,
        snapshot: &Snapshot,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        let endpoint = issuer.introspection.as_ref();
        let endpoint = endpoint.filter(|e| e.settings().jwt == Jwt::Fallback);
        let Some(endpoint) = endpoint.filter(|_| may_be_overruled(&local)) else {
            return Err(local);
        };
        trace.pass(Step::Key, || format!("its issuer is asked, for {local}"));
        self.vouched(token, issuer, endpoint, snapshot, trace).await
    }

    /// Asks about a token that was verified here, if its issuer wants that. The claims stay those that
    /// were signed.
    pub(super) async fn ask_as_well(
        &self,
        token: &[u8],
        proof: &Proof,
        trace: &mut impl Trace,
    ) -> Result<(), Refusal> {
        let (Evidence::Signed(signed), Some(endpoint)) =
            (&proof.evidence, &proof.issuer.introspection)
        else {
            return Ok(());
        };
        let vouched = self.ask(token, endpoint).await?;
        for claim in ["iss", "sub"] {
            if !agree(claim, signed.claims(), vouched.claims()) {
                return Err(IntrospectionError::OtherToken.into());
            }
        }
        say::vouched(trace, &proof.issuer, &proof.evidence);
        Ok(())
    }

    async fn vouched(
        &self,
        token: &[u8],
        issuer: &Arc<Issuer>,
        endpoint: &Introspection,
        snapshot: &Snapshot,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        let vouched = self.ask(token, endpoint).await?;
        // It is not kept: the endpoint's own memory knows for how long its word holds.
        let proof = Proof::new(issuer, vouched, snapshot.generation, token.len());
        say::vouched(trace, issuer, &proof.evidence);
        Ok(Arc::new(proof))
    }

    async fn ask(
        &self,
        token: &[u8],
        endpoint: &Introspection,
    ) -> Result<Vouched, IntrospectionError> {
        endpoint.ask(token, self.present(), &self.calls).await
    }
}

impl Proof {
    /// Whether its issuer is asked each time about tokens that were verified here.
    pub(super) fn is_asked_about(&self) -> bool {
        let endpoint = self.issuer.introspection.as_ref();
        endpoint.is_some_and(|endpoint| endpoint.settings().jwt == Jwt::Always)
    }
}

/// Whether both say the same, or the answer says nothing.
fn agree(claim: &str, signed: &Object, answer: &Object) -> bool {
    let string = |object: &Object| Some(object.get(claim)?.string()?.into_owned());
    answer.get(claim).is_none() || (string(answer).is_some() && string(answer) == string(signed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_agrees_or_does_not_say() {
        let agrees = |signed: serde_json::Value, answer: serde_json::Value| {
            agree("sub", &Object::of(&signed), &Object::of(&answer))
        };
        assert!(agrees(json!({"sub": "a"}), json!({"sub": "a"})));
        assert!(agrees(json!({"sub": "a"}), json!({})));
        for (signed, answer) in [
            (json!({"sub": "a"}), json!({"sub": "b"})),
            (json!({"sub": "a"}), json!({"sub": null})),
            (json!({}), json!({"sub": "a"})),
            (json!({"sub": 1}), json!({"sub": 1})),
        ] {
            assert!(!agrees(signed.clone(), answer.clone()), "{signed} {answer}");
        }
    }
}
