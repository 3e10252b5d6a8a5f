//! Tests of whole keys and whole directories.

mod directory;
mod documents;
mod rotation;
mod signatures;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::*;
use crate::jose::{
    Key, compact,
    jwk::Symmetric,
    verify::{self, Verified},
};

/// The token as the one key `jwk` proves it.
fn prove(token: &str, jwk: &Map<String, Value>) -> Option<Verified> {
    let key = Key::from_jwk(&Value::Object(jwk.clone()), Symmetric::Allowed).unwrap();
    let token = compact::parse(token.as_bytes(), 16_384).unwrap();
    verify::verify(token, &[Arc::new(key)]).ok()
}

/// `token` with one bit of its signature changed.
fn flipped(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let middle = signature.len() / 2;
    let other = if signature.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    format!(
        "{input}.{}{other}{}",
        &signature[..middle],
        &signature[middle + 1..]
    )
}

fn claims() -> Claims {
    let mut claims = Claims::new();
    claims.set("iss", "joe").unwrap();
    claims
}
