//! A key set of any bytes: reading never panics, keys and reasons are bounded, and a set that may not hold secrets
//! gives no key for HMAC.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target holds one of them")]
#[path = "../../tests/properties/mod.rs"]
mod properties;

fuzz_target!(|bytes: &[u8]| properties::key_sets_are_bounded_and_public(bytes));
