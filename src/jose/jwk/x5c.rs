//! Certificates beside a JWK's members, or instead of them (RFC 7517 §4.7 to §4.9).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    JwkError, Key, Symmetric,
    certificate::{Certificate, CertificateFacts},
    members::Members,
};

/// The members that hold a public key of any kind.
const PUBLIC: [&str; 5] = ["n", "e", "x", "y", "pub"];

/// Reads a JWK with what it says of certificates.
pub(super) fn read(members: Members<'_>, symmetric: Symmetric) -> Result<Key, JwkError> {
    let Some(Certificate { key, facts }) = first(members)? else {
        let key = Key::from_members(members, symmetric)?;
        return key.certified(None, digests(members)?);
    };
    let object = members.object();
    let own = if PUBLIC.iter().any(|name| object.contains_key(*name)) {
        let own = Key::from_members(members, symmetric)?;
        let certified = Key::from_members(Members::from(&key.members), Symmetric::Refused)?;
        if own.thumbprint() != certified.thumbprint() {
            return Err(JwkError::CertificateMismatch);
        }
        own
    } else {
        Key::from_members(Members::from(&merged(object, key.members)?), symmetric)?
    };
    own.certified(key.bound, Some(facts))
}

/// The first certificate of `x5c`. An empty list contradicts nothing, and some issuers send one.
fn first(members: Members<'_>) -> Result<Option<Certificate>, JwkError> {
    let chain = match members.object().get("x5c") {
        None => return Ok(None),
        Some(Value::Array(chain)) => chain,
        Some(_) => return Err(JwkError::Chain),
    };
    let Some(first) = chain.first() else {
        return Ok(None);
    };
    // Unlike everything else in a JWK this is base64 with padding, not base64url.
    let text = first.as_str().ok_or(JwkError::Chain)?;
    let der = STANDARD.decode(text).map_err(|_| JwkError::Chain)?;
    Ok(Some(Certificate::parse(&der)?))
}

/// The digests that the JWK itself states. They only find a key, so any text will do.
fn digests(members: Members<'_>) -> Result<Option<CertificateFacts>, JwkError> {
    let x5t = members.optional("x5t")?.map(Into::into);
    let x5t_s256 = members.optional("x5t#S256")?.map(Into::into);
    let is_any = x5t.is_some() || x5t_s256.is_some();
    Ok(is_any.then_some(CertificateFacts {
        x5t,
        x5t_s256,
        validity: None,
    }))
}

/// The JWK with the members of its certificate's key, none of which it may contradict.
fn merged(
    own: &Map<String, Value>,
    certified: Map<String, Value>,
) -> Result<Map<String, Value>, JwkError> {
    if !own.contains_key("kty") {
        return Err(JwkError::Missing("kty"));
    }
    let mut merged = own.clone();
    for (name, value) in certified {
        let other = merged.insert(name, value.clone());
        if other.is_some_and(|other| other != value) {
            return Err(JwkError::CertificateMismatch);
        }
    }
    Ok(merged)
}
