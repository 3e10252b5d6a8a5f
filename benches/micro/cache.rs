//! The cache of verified tokens: the digest, and a hit among few and among many.

use std::sync::Arc;

use divan::{Bencher, black_box};
use portcullis::{
    gateway::proof::{Digest, Proof, Proofs},
    issuer::Registry,
    jose::Algorithm,
};

use crate::mint::{issuer, mint, verified};

const GENERATION: u64 = 1;

/// What a cached token is found by.
#[divan::bench]
fn digest(bencher: Bencher<'_, '_>) {
    let minted = mint(Algorithm::Rs256);
    bencher.bench(|| Digest::of(black_box(minted.token.as_bytes())));
}

/// Finds a token that is there, whose key is still its issuer's.
#[divan::bench(args = [1, 100, 10_000])]
fn hit(bencher: Bencher<'_, '_>, count: u32) {
    let minted = mint(Algorithm::Es256);
    let registry = Registry::new([issuer(&minted.key)]);
    let (issuer, verified) = (registry.iter().next().unwrap(), verified(&minted));
    let proofs = Proofs::default();
    let digests: Vec<_> = (0..count).map(|n| Digest::of(&n.to_be_bytes())).collect();
    for digest in &digests {
        let proof = Proof::new(issuer, verified.clone(), GENERATION, minted.token.len());
        proofs.keep(*digest, &Arc::new(proof));
    }
    let mut turns = digests.iter().cycle();
    bencher
        .with_inputs(|| turns.next().unwrap())
        .bench_local_values(|digest| {
            let proof = proofs.find(black_box(digest), &registry, GENERATION);
            proof.unwrap()
        });
}

/// Finds that a token is not there.
#[divan::bench]
fn miss(bencher: Bencher<'_, '_>) {
    let (proofs, digest) = (Proofs::default(), Digest::of(b"unknown"));
    let registry = Registry::default();
    bencher.bench(|| {
        let found = proofs.find(black_box(&digest), &registry, GENERATION);
        found.is_none()
    });
}
