//! The members of a JWK, read strictly (RFC 7517 §4).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::JwkError;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// What only the owner of an asymmetric key may know (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2; RFC 9964 §3),
/// and `k`, which makes no sense beside one.
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", "k"];

/// The object behind one entry of a set.
#[derive(Clone, Copy)]
pub(super) struct Members<'j>(&'j Map<String, Value>);

impl<'j> From<&'j Map<String, Value>> for Members<'j> {
    fn from(members: &'j Map<String, Value>) -> Self {
        Self(members)
    }
}

impl<'j> Members<'j> {
    pub(super) fn of(jwk: &'j Value) -> Result<Self, JwkError> {
        jwk.as_object().map(Self).ok_or(JwkError::NotAnObject)
    }

    pub(super) const fn object(self) -> &'j Map<String, Value> {
        self.0
    }

    /// The string `name`, if there is such a member.
    pub(super) fn optional(self, name: &'static str) -> Result<Option<&'j str>, JwkError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(JwkError::WrongType(name)),
        }
    }

    /// The string `name`.
    pub(super) fn string(self, name: &'static str) -> Result<&'j str, JwkError> {
        self.optional(name)?.ok_or(JwkError::Missing(name))
    }

    /// The bytes that `name` encodes: at least one. Wiped when dropped, since `k` is read here too.
    pub(super) fn bytes(self, name: &'static str) -> Result<Zeroizing<Vec<u8>>, JwkError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(self.string(name)?)
            .map_err(|_| JwkError::Encoding(name))
            .map(Zeroizing::new)?;
        if bytes.is_empty() {
            Err(JwkError::Encoding(name))
        } else {
            Ok(bytes)
        }
    }

    /// Refuses an asymmetric key that comes with its private half.
    pub(super) fn refuse_private(self) -> Result<(), JwkError> {
        if PRIVATE.iter().any(|name| self.0.contains_key(*name)) {
            return Err(JwkError::Private);
        }
        Ok(())
    }

    /// Refuses a key whose `use` or `key_ops` says that it is not for verifying signatures.
    pub(super) fn refuse_other_purposes(self) -> Result<(), JwkError> {
        if self
            .optional("use")?
            .is_some_and(|purpose| purpose != "sig")
        {
            return Err(JwkError::Use);
        }
        let operations = match self.0.get("key_ops") {
            None => return Ok(()),
            Some(Value::Array(operations)) => operations,
            Some(_) => return Err(JwkError::WrongType("key_ops")),
        };
        if operations.iter().any(|operation| !operation.is_string()) {
            return Err(JwkError::WrongType("key_ops"));
        }
        // RFC 7517 §4.3 forbids repetition; to count the one name that matters here is enough.
        match operations
            .iter()
            .filter(|operation| *operation == "verify")
            .count()
        {
            1 => Ok(()),
            _ => Err(JwkError::KeyOperations),
        }
    }

    /// What the key's own `alg` leaves of `possible`; all of it when there is no `alg`.
    pub(super) fn algorithms(self, possible: AlgorithmSet) -> Result<AlgorithmSet, JwkError> {
        let Some(name) = self.optional("alg")? else {
            return Ok(possible);
        };
        let own = match name.parse().map_err(|_| JwkError::AlgorithmUnknown)? {
            // RFC 9864 gives the scheme that RFC 8037 calls EdDSA a second name.
            Algorithm::EdDsa | Algorithm::Ed25519 => {
                [Algorithm::EdDsa, Algorithm::Ed25519].into_iter().collect()
            }
            algorithm => std::iter::once(algorithm).collect(),
        };
        let left = possible.intersection(own);
        if left.is_empty() {
            Err(JwkError::AlgorithmMismatch)
        } else {
            Ok(left)
        }
    }
}
