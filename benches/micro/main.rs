//! Times of single steps: `cargo bench`, or `cargo bench -- verify` for some.
//!
//! Compare them with each other and with an earlier run on the same machine. What a whole request costs
//! beside other proxies, `benches/peers/run` says.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong here ends the run"
)]

mod cache;
mod claims;
mod decrypt;
mod mint;
mod parse;
mod route;
mod verify;

// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}
