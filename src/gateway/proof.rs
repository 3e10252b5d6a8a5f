//! The cache of verified tokens: what was proved of a token once need not be proved again.
//!
//! A hit saves the cryptography and nothing else. The key must still be its issuer's, the issuer the very
//! object by whose rules the proof was made, and time, claims and the route's rules are checked for every
//! request. Whatever a proof remembers must come from the token and its issuer alone: it outlives a reload
//! that changes anything else.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::digest;
use quick_cache::{Weighter, sync::Cache};

use crate::{
    claims::Evidence,
    identity::Memo,
    issuer::{Issuer, Registry},
};

/// What a token proved: whose it is, and that the signature is good.
#[derive(Debug)]
pub struct Proof {
    /// Whose key made the signature.
    pub issuer: Arc<Issuer>,
    /// What its claims are believed for.
    pub evidence: Evidence,
    /// Its identity headers, once they were needed.
    pub memo: Memo,
    /// The generation whose registry was last seen to hold the issuer.
    generation: AtomicU64,
    weight: u64,
}

/// The SHA-256 of a token's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// Proofs by the digest of their token, shared by all workers.
pub struct Proofs(Cache<Digest, Arc<Proof>, ByWeight>);

/// How full the cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many tokens it holds.
    pub tokens: usize,
    /// What they take, in bytes, roughly.
    pub bytes: u64,
    /// What they may take.
    pub capacity: u64,
}

#[derive(Clone)]
struct ByWeight;

/// What all proofs together may take, in bytes, roughly.
const CAPACITY: u64 = 256 * 1024 * 1024;

/// What a proof takes beside its claims, in bytes, roughly.
const OVERHEAD: u64 = 600;

impl Proof {
    /// A proof under the configuration of `generation`; `length` is the token's, in bytes.
    #[must_use]
    pub fn new(
        issuer: &Arc<Issuer>,
        evidence: impl Into<Evidence>,
        generation: u64,
        length: usize,
    ) -> Self {
        Self {
            issuer: Arc::clone(issuer),
            evidence: evidence.into(),
            memo: Memo::default(),
            generation: AtomicU64::new(generation),
            // The claims are kept as their text, which is shorter than the token.
            weight: OVERHEAD + length as u64,
        }
    }

    /// Whether it still proves anything under `registry`, which is that of `generation`.
    pub(super) fn holds(&self, registry: &Registry, generation: u64) -> bool {
        (self.generation.load(Ordering::Relaxed) == generation || self.is_of(registry, generation))
            && self.issuer.active
            && match &self.evidence {
                Evidence::Signed(token) => {
                    self.issuer.keys.still_holds(token.key(), token.header())
                }
                // What an issuer says is remembered elsewhere, and for a shorter time.
                Evidence::Vouched(_) | Evidence::Issued(_) => false,
            }
    }

    /// After a reload: whether the issuer is the same object. An issuer of the same name with other
    /// settings is another one, and its rules have not been asked.
    #[cold]
    fn is_of(&self, registry: &Registry, generation: u64) -> bool {
        let now = registry.get(&self.issuer.name);
        let same = now.is_some_and(|now| Arc::ptr_eq(now, &self.issuer));
        if same {
            // Nothing hangs on the order: each generation has one registry, and this is true of it.
            self.generation.store(generation, Ordering::Relaxed);
        }
        same
    }
}

impl Digest {
    /// The digest of `token`.
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, token).as_ref());
        Self(bytes)
    }
}

impl Default for Proofs {
    fn default() -> Self {
        Self(Cache::with_weighter(1024, CAPACITY, ByWeight))
    }
}

impl Proofs {
    /// The proof of a token, if it still holds under `registry`, which is that of `generation`; one that
    /// does not is forgotten.
    #[must_use]
    pub fn find(&self, token: &Digest, registry: &Registry, generation: u64) -> Option<Arc<Proof>> {
        let proof = self.0.get(token)?;
        if proof.holds(registry, generation) {
            return Some(proof);
        }
        self.0.remove(token);
        None
    }

    /// How full the cache is.
    #[must_use]
    pub fn size(&self) -> Size {
        Size {
            tokens: self.0.len(),
            bytes: self.0.weight(),
            capacity: self.0.capacity(),
        }
    }

    /// Holds no more than half of what it holds now; without `cut`, again as much as ever.
    pub fn cut(&self, cut: bool) {
        self.0
            .set_capacity(if cut { self.0.weight() / 2 } else { CAPACITY });
    }

    /// Keeps `proof` for the next request with the same token.
    pub fn keep(&self, token: Digest, proof: &Arc<Proof>) {
        self.0.insert(token, Arc::clone(proof));
    }
}

impl Weighter<Digest, Arc<Proof>> for ByWeight {
    fn weight(&self, _token: &Digest, proof: &Arc<Proof>) -> u64 {
        proof.weight
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        clock::Clock,
        issuer::{
            KeySource,
            tests::{issuer, unreachable},
        },
        jose::{Algorithm, compact, fixtures::P256, jwk::JwkSet, verify},
    };

    const NAME: &str = "https://idp.example.com";

    /// A registry of one issuer whose tokens may differ from our clock by so much.
    fn registry(clock_skew: i64) -> Registry {
        let keys = JwkSet {
            keys: vec![Arc::new(P256.key())],
            skipped: Vec::new(),
        };
        let clock = Clock::system();
        let mut issuer = issuer(NAME, KeySource::Fixed(Arc::new(keys)), &clock);
        issuer.rules.clock_skew = clock_skew;
        Registry::new([issuer])
    }

    fn proof(registry: &Registry, generation: u64) -> Arc<Proof> {
        let issuer = registry.get(NAME).unwrap();
        let token = P256.token(Algorithm::Es256, &json!({"alg": "ES256"}), &json!({}));
        let unverified = compact::parse(token.as_bytes(), token.len()).unwrap();
        let verified = verify::verify(unverified, &issuer.keys.current().unwrap().keys).unwrap();
        Arc::new(Proof::new(issuer, verified, generation, token.len()))
    }

    #[test]
    fn a_proof_lives_as_long_as_its_issuer_is_the_same() {
        let first = registry(0);
        let proofs = Proofs::default();
        let token = Digest::of(b"token");
        proofs.keep(token, &proof(&first, 1));
        assert!(proofs.find(&token, &first, 1).is_some());
        let second = registry(0).succeed(&first).registry;
        assert!(proofs.find(&token, &second, 2).is_some());
        // A request that began before the reload still finds it, and so does the next one after.
        assert!(proofs.find(&token, &first, 1).is_some());
        assert!(proofs.find(&token, &second, 2).is_some());
        let third = registry(1).succeed(&second).registry;
        assert!(proofs.find(&token, &third, 3).is_none());
        // It is forgotten, not hidden.
        assert!(proofs.find(&token, &second, 2).is_none());
    }

    #[test]
    fn a_proof_that_comes_late_from_an_old_policy_is_none() {
        let old = registry(0);
        let new = registry(1).succeed(&old).registry;
        let proofs = Proofs::default();
        let token = Digest::of(b"token");
        // The reload was between the check and the keeping.
        proofs.keep(token, &proof(&old, 1));
        assert!(proofs.find(&token, &new, 2).is_none());
        proofs.keep(token, &proof(&new, 2));
        assert!(proofs.find(&token, &new, 2).is_some());
        // The issuer is gone, and comes back as another one.
        let gone = Registry::default().succeed(&new).registry;
        let back = registry(1).succeed(&gone).registry;
        assert!(proofs.find(&token, &back, 4).is_none());
    }

    #[test]
    fn what_a_worker_saw_last_follows_the_same_rule() {
        let old = registry(0);
        let recent = super::super::Recent::default();
        recent.keep(b"token", &proof(&old, 1), 0);
        let same = registry(0).succeed(&old).registry;
        assert!(recent.find(b"token", &same, 2).is_some());
        let other = registry(1).succeed(&same).registry;
        assert!(recent.find(b"token", &other, 3).is_none());
        let off = Registry::new([Issuer {
            active: false,
            ..issuer(NAME, unreachable(), &Clock::system())
        }]);
        assert!(
            recent
                .find(b"token", &off.succeed(&same).registry, 3)
                .is_none()
        );
    }
}
