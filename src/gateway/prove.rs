//! From a token's bytes to its proof: remembered, or made by the issuer's keys, or by its word.

use std::sync::Arc;

use super::{
    Gateway, Note, Recent, Refusal, Snapshot, Step, Trace, again, ask, issued,
    proof::{Digest, Proof},
    say,
};
use crate::{
    issuer::Issuer,
    jose::{Unverified, Verified, compact, verify},
    route::Route,
    spans::{Wait, waiting},
    token::RawToken,
};

impl Gateway {
    /// Whose token it is, and that the signature is good: from the cache, or by the keys.
    pub(super) async fn prove(
        &self,
        token: &RawToken<'_>,
        snapshot: &Snapshot,
        route: &Route,
        recent: &Recent,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        let bytes = token.expose();
        compact::check_size(bytes, route.token.max_bytes)?;
        let (registry, generation) = (&snapshot.policy.registry, snapshot.generation);
        let digest = match recent.find(bytes, registry, generation) {
            Some(proof) => return self.remembered(proof, route, note, trace),
            None => Digest::of(bytes),
        };
        if let Some(proof) = self.proofs.find(&digest, registry, generation) {
            recent.offer(bytes, &proof);
            return self.remembered(proof, route, note, trace);
        }
        // Boxed: most requests bring a token that is known, and all would carry the room for this.
        Box::pin(self.prove_anew(bytes, digest, snapshot, route, note, trace)).await
    }

    /// Whose a token is that nobody remembers, and that the signature is good.
    async fn prove_anew(
        &self,
        bytes: &[u8],
        digest: Digest,
        snapshot: &Snapshot,
        route: &Route,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        let (registry, generation) = (&snapshot.policy.registry, snapshot.generation);
        self.metrics.token_cache_misses.inc();
        if let Some(issuer) = issued::issuer_of(bytes, snapshot) {
            return self
                .prove_issued(bytes, issuer, snapshot, route, note, trace)
                .await;
        }
        if let Some(issuer) = ask::of_opaque(bytes, snapshot, route) {
            return self
                .ask_of_opaque(bytes, issuer, snapshot, note, trace)
                .await;
        }
        let opened = self
            .decryption
            .open(bytes, &snapshot.policy.keychain)
            .await?;
        say::decryption(trace, &opened);
        let unverified = compact::parse(opened.signed(), route.token.max_bytes)?;
        say::shape(trace, &unverified);
        let issuer = registry.find(&unverified.issuer()?)?;
        note.issuer = Some(Arc::clone(issuer));
        route.admit(&issuer.name)?;
        trace.pass(Step::Issuer, || issuer.name.to_string());
        opened.admit(issuer)?;
        issuer.headers.check(unverified.header())?;
        say::header(trace, unverified.header());
        let signed = opened.signed();
        let record = note.trace.record.as_deref();
        let verified = self.verify(signed, unverified, issuer, route, trace);
        let verified = match waiting(record, Wait::Keys, verified).await {
            Ok(verified) => verified,
            Err(local) => {
                let asked = self.ask_instead(local, signed, issuer, snapshot, trace);
                return waiting(record, Wait::Introspection, asked).await;
            }
        };
        say::signature(trace, issuer, &verified);
        let proof = Arc::new(Proof::new(issuer, verified, generation, bytes.len()));
        self.proofs.keep(digest, &proof);
        Ok(proof)
    }

    /// The signature, by the issuer's keys.
    async fn verify(
        &self,
        bytes: &[u8],
        unverified: Unverified<'_>,
        issuer: &Issuer,
        route: &Route,
        trace: &mut impl Trace,
    ) -> Result<Verified, Refusal> {
        let keys = issuer.keys.find(unverified.header()).await;
        say::keys(trace, issuer, &keys);
        let keys = keys?;
        match verify::verify(unverified, &keys) {
            Ok(verified) => Ok(verified),
            Err(bad) => Ok(again::verify(bytes, route.token.max_bytes, issuer, &keys)
                .await
                .ok_or(bad)?),
        }
    }

    /// A token whose signature is known to be good: whether this route takes its issuer's is asked anew.
    fn remembered(
        &self,
        proof: Arc<Proof>,
        route: &Route,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        self.metrics.token_cache_hits.inc();
        note.issuer = Some(Arc::clone(&proof.issuer));
        route.admit(&proof.issuer.name)?;
        say::remembered(trace, &proof);
        Ok(proof)
    }
}
