//! An encrypted token of any bytes: parsing and decrypting never panic, at most four keys are tried, and what is
//! inside is a shorter signed token.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target holds one of them")]
#[path = "../../tests/properties/mod.rs"]
mod properties;

fuzz_target!(|bytes: &[u8]| properties::encrypted_tokens_are_bounded_and_nested(bytes));
