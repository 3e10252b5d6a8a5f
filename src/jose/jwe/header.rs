//! The protected header of an encrypted token (RFC 7516 §4, RFC 7518 §4.6.1): all of it is public, and
//! all of it is looked at before any work is done.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    JweError,
    agreement::EphemeralKey,
    algorithm::{ContentEncryption, KeyManagement},
};
use crate::jose::json;

/// The longest `apu` and `apv`, in bytes: names of two parties.
const MAX_PARTY: usize = 256;

/// A header whose members have the right shapes, and which names nothing that is not supported.
#[derive(Debug)]
pub struct JweHeader {
    pub(super) algorithm: KeyManagement,
    pub(super) encryption: ContentEncryption,
    pub(super) kid: Option<Box<str>>,
    cty: Option<Box<str>>,
    /// What ECDH-ES needs; `None` with every other algorithm.
    pub(super) agreement: Option<Agreement>,
}

/// What the sender of a token brings to the agreement on a key.
#[derive(Debug)]
pub(super) struct Agreement {
    pub(super) ephemeral: EphemeralKey,
    pub(super) apu: Vec<u8>,
    pub(super) apv: Vec<u8>,
}

impl JweHeader {
    /// Reads the decoded header bytes. `jwk`, `jku` and the like are not read at all.
    ///
    /// # Errors
    /// [`JweError`] says which member is wrong.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, JweError> {
        let members = json::parse_object(bytes)?;
        if members.contains_key("zip") {
            return Err(JweError::Compressed);
        }
        // No extension is understood: whatever `crit` says, there is nothing to go on with.
        if members.contains_key("crit") {
            return Err(JweError::Critical);
        }
        if members.contains_key("b64") {
            return Err(JweError::Unsupported("b64"));
        }
        let algorithm: KeyManagement = required(&members, "alg")?
            .parse()
            .map_err(|_| JweError::Unsupported("alg"))?;
        let encryption = required(&members, "enc")?
            .parse()
            .map_err(|_| JweError::Unsupported("enc"))?;
        let cty = optional(&members, "cty")?.map(Into::into);
        let kid = optional(&members, "kid")?.map(Into::into);
        let agreement = if KeyManagement::AGREEMENT.contains(&algorithm) {
            Some(Agreement::read(&members)?)
        } else {
            None
        };
        Ok(Self {
            algorithm,
            encryption,
            kid,
            cty,
            agreement,
        })
    }

    /// Whether it says that a token is inside (RFC 7519 §5.2); "application/" may be left out.
    pub(super) fn is_nested(&self) -> bool {
        let names = ["jwt", "application/jwt"];
        let cty = self.cty.as_deref().unwrap_or_default();
        names.iter().any(|name| name.eq_ignore_ascii_case(cty))
    }

    /// `alg`.
    #[must_use]
    pub const fn algorithm(&self) -> KeyManagement {
        self.algorithm
    }

    /// `enc`.
    #[must_use]
    pub const fn encryption(&self) -> ContentEncryption {
        self.encryption
    }

    /// `kid`, if there is one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

impl Agreement {
    fn read(members: &Map<String, Value>) -> Result<Self, JweError> {
        let ephemeral = match members.get("epk") {
            None => return Err(JweError::Missing("epk")),
            Some(Value::Object(epk)) => EphemeralKey::read(epk)?,
            Some(_) => return Err(JweError::Malformed("epk")),
        };
        Ok(Self {
            ephemeral,
            apu: party(members, "apu")?,
            apv: party(members, "apv")?,
        })
    }
}

fn party(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JweError> {
    let encoded = optional(members, name)?.unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(encoded);
    let bytes = bytes.map_err(|_| JweError::Malformed(name))?;
    if bytes.len() > MAX_PARTY {
        return Err(JweError::Malformed(name));
    }
    Ok(bytes)
}

fn required<'m>(members: &'m Map<String, Value>, name: &'static str) -> Result<&'m str, JweError> {
    optional(members, name)?.ok_or(JweError::Missing(name))
}

fn optional<'m>(
    members: &'m Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'m str>, JweError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(JweError::Malformed(name)),
    }
}
