//! A signed token of any bytes: parsing never panics, what is over the limit is refused for its length, what
//! is parsed has three parts of the alphabet, and no key proves it.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target holds one of them")]
#[path = "../../tests/properties/mod.rs"]
mod properties;

fuzz_target!(|bytes: &[u8]| properties::compact_is_bounded_and_proves_nothing(bytes));
