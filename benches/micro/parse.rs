//! A token's shape: split, decoded, header and claims read.

use divan::{Bencher, black_box};
use portcullis::jose::{Algorithm, compact};

use crate::mint::{MAX_BYTES, mint};

/// All of it, by the length of the signature: 64 and 256 bytes.
#[divan::bench(args = [Algorithm::Es256, Algorithm::Rs256])]
fn parse(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let minted = mint(algorithm);
    bencher.bench(|| compact::parse(black_box(minted.token.as_bytes()), MAX_BYTES));
}

/// What has no shape is refused before anything is decoded.
#[divan::bench]
fn refuse(bencher: Bencher<'_, '_>) {
    let text = mint(Algorithm::Es256).token.replace('.', "_");
    bencher.bench(|| compact::parse(black_box(text.as_bytes()), MAX_BYTES).is_err());
}
