//! A signature, by algorithm; RSA with 2048 bits.

use std::sync::Arc;

use divan::{Bencher, black_box};
use portcullis::jose::{Algorithm, compact, verify};

use crate::mint::{MAX_BYTES, mint};

#[divan::bench(args = Algorithm::ALL)]
fn signature(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let minted = mint(algorithm);
    let keys = [Arc::clone(&minted.key)];
    bencher
        .with_inputs(|| compact::parse(minted.token.as_bytes(), MAX_BYTES).unwrap())
        .bench_values(|token| verify::verify(token, black_box(&keys)).unwrap());
}
