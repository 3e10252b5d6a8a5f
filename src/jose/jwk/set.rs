//! Sets of keys (RFC 7517 §5). A key that cannot be used does not spoil the others.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{JwkError, JwkSetError, Key, Symmetric};
use crate::jose::{algorithm::AlgorithmSet, excerpt::excerpt, json};

/// How many keys of one set are used. As many may be skipped before the rest is not read either.
pub const MAX_KEYS: usize = 1000;

/// The keys of one set, and why the others are not in use.
#[derive(Debug, Default)]
pub struct JwkSet {
    /// The usable keys, in the order of the set; at most [`MAX_KEYS`].
    pub keys: Vec<Arc<Key>>,
    /// The others.
    pub skipped: Vec<Skipped>,
}

/// A JWK that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its place in the set, from 0.
    pub position: usize,
    /// Its `kid`, if it has a legible one; cut and escaped, for people to read.
    pub kid: Option<Box<str>>,
    /// Why it is not used.
    pub reason: JwkError,
}

/// Parses `{"keys": …}`; `keys` is an array, or (Liberty Create's form) an object of JWKs.
///
/// # Errors
/// [`JwkSetError`] only when the document as a whole is no key set; a bad JWK is skipped.
pub fn parse_set(document: &[u8], symmetric: Symmetric) -> Result<JwkSet, JwkSetError> {
    let document = json::parse_object(document)?;
    from_values(document.get("keys").ok_or(JwkSetError::NoKeys)?, symmetric)
}

/// As [`parse_set`], for the value of `keys` itself.
///
/// # Errors
/// As [`parse_set`].
pub fn from_values(keys: &Value, symmetric: Symmetric) -> Result<JwkSet, JwkSetError> {
    match keys {
        Value::Array(keys) => Ok(collect(&keys.iter().collect::<Vec<_>>(), symmetric)),
        Value::Object(keys) => Ok(collect(&keys.values().collect::<Vec<_>>(), symmetric)),
        _ => Err(JwkSetError::NoKeys),
    }
}

fn collect(jwks: &[&Value], symmetric: Symmetric) -> JwkSet {
    let holds_public_keys = jwks
        .iter()
        .any(|jwk| kty(jwk).is_some_and(|kty| kty != "oct"));
    let mut set = JwkSet::default();
    let mut taken: HashMap<Box<str>, AlgorithmSet> = HashMap::new();
    for (position, jwk) in jwks.iter().enumerate() {
        if set.keys.len() == MAX_KEYS || set.skipped.len() == MAX_KEYS {
            let reason = JwkError::TooMany(jwks.len() - position);
            set.skipped.push(Skipped {
                position,
                kid: None,
                reason,
            });
            break;
        }
        let mixed = holds_public_keys && symmetric == Symmetric::Allowed && kty(jwk) == Some("oct");
        let key = if mixed {
            Err(JwkError::SymmetricMixed)
        } else {
            Key::from_jwk(jwk, symmetric)
        };
        match key.and_then(|key| claim_kid(key, &mut taken)) {
            Ok(key) => set.keys.push(Arc::new(key)),
            Err(reason) => {
                let kid = jwk
                    .get("kid")
                    .and_then(Value::as_str)
                    .map(|kid| excerpt(kid).into());
                set.skipped.push(Skipped {
                    position,
                    kid,
                    reason,
                });
            }
        }
    }
    set
}

fn kty(jwk: &Value) -> Option<&str> {
    jwk.get("kty")?.as_str()
}

/// The first key with a `kid` keeps it, for each of its algorithms: a token names one key, not two.
fn claim_kid(key: Key, taken: &mut HashMap<Box<str>, AlgorithmSet>) -> Result<Key, JwkError> {
    let Some(kid) = key.kid() else { return Ok(key) };
    let algorithms = taken.entry(kid.into()).or_default();
    if !algorithms.intersection(key.algorithms()).is_empty() {
        return Err(JwkError::DuplicateKid);
    }
    key.algorithms()
        .iter()
        .for_each(|algorithm| algorithms.insert(algorithm));
    Ok(key)
}
