//! Times of single steps, and what each allocates: `cargo bench`, or `cargo bench -- verify` for some.
//!
//! Compare them with each other and with an earlier run on the same machine. What a whole request costs
//! beside other proxies, `benches/peers/run` says.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what goes wrong here ends the run"
)]

mod cache;
mod claims;
mod mint;
mod parse;
mod route;
mod verify;

use divan::AllocProfiler;
use mimalloc::MiMalloc;

// The program's own allocator, counted.
#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    divan::main();
}
