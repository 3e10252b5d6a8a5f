//! The one issuer that a token names, or those that may know one that names none: nobody else is asked
//! to explain it.

use std::{path::Path, sync::Arc};

use crate::{
    clock::Clock,
    introspection,
    issuer::{Issuer, KeyRing, KeySource, Registry},
    jose::{
        compact,
        jwe::{self, Decrypted, JweError, Keychain},
        jwk,
    },
};

/// A registry of the issuer that `token` names, with the keys of `jwks` if that is given; of all, without keys, where
/// it names none of them. A token that
/// is no JWT names none: then it is of those that are asked about such tokens, without their keys, or of `own`,
/// the issuer that the gateway itself is.
///
/// # Errors
/// A sentence, when `jwks` cannot be used.
pub fn narrow(
    registry: &Registry,
    keychain: &Keychain,
    token: &[u8],
    jwks: Option<&Path>,
    own: Option<&str>,
    clock: &Clock,
) -> Result<Registry, String> {
    let set = jwks.map(read).transpose()?;
    let decrypted = open(token, keychain).ok();
    let signed = decrypted.as_ref().map_or(token, Decrypted::nested);
    if introspection::is_opaque(token) {
        let is_own = |issuer: &Issuer| own == Some(&*issuer.name);
        let all = registry.iter();
        let asked = all.filter(|issuer| issuer.vouches_for_opaque() || is_own(issuer));
        let without_keys = |issuer| copy(issuer, KeySource::Fixed(Arc::default()), clock);
        return Ok(Registry::new(asked.map(|issuer| without_keys(issuer))));
    }
    let without_keys = |issuer: &Arc<Issuer>| copy(issuer, KeySource::Fixed(Arc::default()), clock);
    let unverified = compact::parse(signed, usize::MAX).ok();
    let named = unverified.as_ref().and_then(|token| token.issuer().ok());
    let Some(issuer) = named.and_then(|name| registry.get(&name)) else {
        // None of them is asked; their names are compared with what the token says.
        return Ok(Registry::new(registry.iter().map(without_keys)));
    };
    let source = match &set {
        Some(set) => KeySource::Fixed(Arc::clone(set)),
        None => issuer.keys.source().clone(),
    };
    Ok(Registry::new([copy(issuer, source, clock)]))
}

/// `issuer` with keys from `source`.
fn copy(issuer: &Issuer, source: KeySource, clock: &Clock) -> Issuer {
    Issuer {
        name: Arc::clone(&issuer.name),
        active: issuer.active,
        encryption_required: issuer.encryption_required,
        headers: Arc::clone(&issuer.headers),
        rules: issuer.rules.clone(),
        replay: issuer.replay,
        identity: Arc::clone(&issuer.identity),
        keys: Arc::new(KeyRing::new(source, clock.clone())),
        introspection: issuer.introspection.clone(),
    }
}

fn open(token: &[u8], keychain: &Keychain) -> Result<Decrypted, JweError> {
    let encrypted = jwe::parse(token)?;
    jwe::decrypt(&encrypted, &keychain.find(encrypted.header())?)
}

fn read(path: &Path) -> Result<Arc<jwk::JwkSet>, String> {
    let document =
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let set = jwk::parse_set(&document, jwk::Symmetric::Allowed)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if let (true, Some(skipped)) = (set.keys.is_empty(), set.skipped.first()) {
        return Err(format!(
            "{}: no key can be used: {}",
            path.display(),
            skipped.reason
        ));
    }
    Ok(Arc::new(set))
}
