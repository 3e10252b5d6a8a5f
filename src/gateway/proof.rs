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
    identity::Memo,
    issuer::{Issuer, Registry},
    jose::Verified,
};

/// What a token proved: whose it is, and that the signature is good.
#[derive(Debug)]
pub struct Proof {
    /// Whose key made the signature.
    pub issuer: Arc<Issuer>,
    /// The token.
    pub verified: Verified,
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

#[derive(Clone)]
struct ByWeight;

/// What all proofs together may take, in bytes, roughly.
const CAPACITY: u64 = 256 * 1024 * 1024;

/// What a proof takes beside its claims, in bytes, roughly.
const OVERHEAD: u64 = 600;

impl Proof {
    /// A proof under the configuration of `generation`; `length` is the token's, in bytes.
    #[must_use]
    pub fn new(issuer: &Arc<Issuer>, verified: Verified, generation: u64, length: usize) -> Self {
        Self {
            issuer: Arc::clone(issuer),
            verified,
            memo: Memo::default(),
            generation: AtomicU64::new(generation),
            // Decoded claims take about twice the room that their text takes.
            weight: OVERHEAD + 2 * length as u64,
        }
    }

    /// Whether it still proves anything under `registry`, which is that of `generation`.
    pub(super) fn holds(&self, registry: &Registry, generation: u64) -> bool {
        (self.generation.load(Ordering::Relaxed) == generation || self.is_of(registry, generation))
            && self.issuer.active
            && self
                .issuer
                .keys
                .still_holds(self.verified.key(), self.verified.header())
    }
}

impl Proof {
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
