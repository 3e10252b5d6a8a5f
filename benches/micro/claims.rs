//! What the claims must say, the first time and for a token that was seen before.

use divan::{Bencher, black_box};
use portcullis::{
    claims,
    identity::{IdentityClaims, Memo, NOBODY},
    jose::Algorithm,
};

use crate::mint::{NOW, mint, rules, verified};

/// Every rule.
#[divan::bench]
fn check(bencher: Bencher<'_, '_>) {
    let (rules, verified) = (rules(), verified(&mint(Algorithm::Es256)));
    bencher
        .with_inputs(|| verified.clone())
        .bench_values(|verified| claims::check(verified, black_box(&rules), NOW, None).unwrap());
}

/// The claims as identity headers, which is done once a token.
#[divan::bench]
fn headers(bencher: Bencher<'_, '_>) {
    let (rules, verified) = (rules(), verified(&mint(Algorithm::Es256)));
    let identity = claims::check(verified, &rules, NOW, None).unwrap();
    let settings = IdentityClaims::default();
    bencher
        .with_inputs(|| (Memo::default(), identity.clone()))
        .bench_values(|(memo, identity)| memo.principal(identity, black_box(&settings)).unwrap());
}

/// What is left to check of a token that was seen before.
#[divan::bench]
fn recall(bencher: Bencher<'_, '_>) {
    let (rules, verified) = (rules(), verified(&mint(Algorithm::Es256)));
    let identity = claims::check(verified, &rules, NOW, None).unwrap();
    let memo = Memo::default();
    memo.principal(identity, &IdentityClaims::default())
        .unwrap();
    bencher.bench(|| memo.recall(NOBODY, black_box(&rules), NOW, None).unwrap());
}
