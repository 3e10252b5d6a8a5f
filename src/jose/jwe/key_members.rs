//! The members of a private JWK (RFC 7517 §4), read strictly.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::PrivateKeyError;

/// What a key may be for besides decryption, in `key_ops`, so that it can decrypt a token.
const OPERATIONS: [&str; 4] = ["decrypt", "unwrapKey", "deriveKey", "deriveBits"];

/// The object of a key.
#[derive(Clone, Copy)]
pub(super) struct Members<'j>(&'j Map<String, Value>);

impl<'j> Members<'j> {
    pub(super) fn of(jwk: &'j Value) -> Result<Self, PrivateKeyError> {
        jwk.as_object()
            .map(Self)
            .ok_or(PrivateKeyError::NotAnObject)
    }

    pub(super) fn optional(self, name: &'static str) -> Result<Option<&'j str>, PrivateKeyError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(PrivateKeyError::Malformed(name)),
        }
    }

    pub(super) fn string(self, name: &'static str) -> Result<&'j str, PrivateKeyError> {
        self.optional(name)?.ok_or(PrivateKeyError::Missing(name))
    }

    /// The bytes that `name` encodes: at least one.
    pub(super) fn bytes(self, name: &'static str) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(self.string(name)?)
            .map(Zeroizing::new);
        match bytes {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err(PrivateKeyError::Malformed(name)),
        }
    }

    /// Refuses a key whose `use` or `key_ops` says that it is for something else.
    pub(super) fn refuse_other_purposes(self) -> Result<(), PrivateKeyError> {
        if self
            .optional("use")?
            .is_some_and(|purpose| purpose != "enc")
        {
            return Err(PrivateKeyError::Purpose("use"));
        }
        match self.0.get("key_ops") {
            None => Ok(()),
            Some(Value::Array(operations)) => {
                let fits = |o: &Value| o.as_str().is_some_and(|o| OPERATIONS.contains(&o));
                let fits = operations.iter().any(fits);
                fits.then_some(())
                    .ok_or(PrivateKeyError::Purpose("key_ops"))
            }
            Some(_) => Err(PrivateKeyError::Malformed("key_ops")),
        }
    }
}
