//! What the gateway's own token service has issued: the records of its opaque tokens, and what was revoked.
//!
//! [`find`] alone makes an [`Issued`]. A record's key is the SHA-256 of its token, so no record holds one.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    clock::UnixTime,
    jose::json::Object,
    store::{Change, Key, Records, StoreError},
};

/// What every opaque access token begins with.
const ACCESS: &str = "pat_";
/// What every refresh token begins with.
const REFRESH: &str = "prt_";
/// The random bytes of a token: 256 bits.
const RANDOM_BYTES: usize = 32;
/// Their length in base64url.
const RANDOM_CHARACTERS: usize = 43;
/// What stands in the place of the claims of a token that was revoked.
const REVOKED: &[u8] = b"revoked";

/// The claims of an opaque token that this gateway issued, as it wrote them. Cloning shares them.
///
/// Only [`find`] makes one:
///
/// ```compile_fail,E0423
/// use portcullis::issued::Issued;
///
/// fn forge() -> Issued {
///     Issued(Default::default())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Issued(Arc<Object>);

/// Why a token that this gateway is said to have issued is not good, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuedError {
    /// There is no record of it: it was never issued, or has long expired.
    #[error("the token service has no record of the token")]
    Unknown,
    /// It was revoked, or what it came from was.
    #[error("the token was revoked")]
    Revoked,
    /// Its client is gone, or switched off.
    #[error("the client that the token was issued to is not active any more")]
    ClientInactive,
    /// The key that signed it is not published any more.
    #[error("the signing key of the token is not in use any more")]
    KeyGone,
    /// It cannot be said.
    #[error("whether the token is still good is not known: {0}")]
    Unavailable(#[from] StoreError),
}

/// A new opaque token, and the key of its record.
pub struct Fresh {
    /// The token.
    pub token: String,
    /// The key of its record.
    pub key: Key,
}

/// Whether `token` has the form of an opaque access token of this gateway.
#[must_use]
pub fn is_access(token: &[u8]) -> bool {
    has_form(token, ACCESS)
}

/// Whether `token` has the form of a refresh token of this gateway.
#[must_use]
pub fn is_refresh(token: &[u8]) -> bool {
    has_form(token, REFRESH)
}

/// A new opaque access token.
///
/// # Errors
/// When there is no randomness.
pub fn new_access() -> Result<Fresh, aws_lc_rs::error::Unspecified> {
    let token = format!("{ACCESS}{}", random()?);
    let key = access_key(token.as_bytes());
    Ok(Fresh { token, key })
}

/// A new refresh token.
///
/// # Errors
/// When there is no randomness.
pub fn new_refresh() -> Result<Fresh, aws_lc_rs::error::Unspecified> {
    let token = format!("{REFRESH}{}", random()?);
    let key = refresh_key(token.as_bytes());
    Ok(Fresh { token, key })
}

/// The record of the access token `token`.
#[must_use]
pub fn access_key(token: &[u8]) -> Key {
    Key::of("access token", &[token])
}

/// The record of the refresh token `token`.
#[must_use]
pub fn refresh_key(token: &[u8]) -> Key {
    Key::of("refresh token", &[token])
}

/// What says that the family `id` of refresh tokens was revoked.
#[must_use]
pub fn family_key(id: &str) -> Key {
    Key::of("revoked family", &[id.as_bytes()])
}

/// What says that the signed token with this `jti` was revoked.
#[must_use]
pub fn jti_key(jti: &str) -> Key {
    Key::of("revoked jti", &[jti.as_bytes()])
}

/// The claims of the opaque token `token`. They are still to be checked by the issuer's rules, and
/// [`check_revoked`] says whether their family still stands.
///
/// # Errors
/// [`IssuedError`] when there are none.
pub async fn find(records: &dyn Records, token: &[u8]) -> Result<Issued, IssuedError> {
    let Some(value) = records.get(access_key(token)).await? else {
        return Err(IssuedError::Unknown);
    };
    if value == REVOKED {
        return Err(IssuedError::Revoked);
    }
    let claims = Object::parse(value).map_err(|_| StoreError::Unavailable)?;
    Ok(Issued(Arc::new(claims)))
}

/// Whether the token with these claims was revoked: by its own `jti` when it `is_signed`, or with the family
/// of refresh tokens that its `jti` begins with.
///
/// # Errors
/// [`IssuedError::Revoked`], or that it is not known.
pub async fn check_revoked(
    records: &dyn Records,
    claims: &Object,
    is_signed: bool,
) -> Result<(), IssuedError> {
    let jti = claims.get("jti");
    let Some(jti) = jti.and_then(|jti| jti.string()) else {
        return Ok(());
    };
    let family = jti.split_once('.').map(|(family, _)| family_key(family));
    let own = is_signed.then(|| jti_key(&jti));
    for key in own.into_iter().chain(family) {
        if records.get(key).await?.is_some() {
            return Err(IssuedError::Revoked);
        }
    }
    Ok(())
}

/// Revokes what stands at `key`, until `until`: an access token's record, a `jti` or a family.
///
/// # Errors
/// [`StoreError`]; then it is not revoked for sure.
pub async fn revoke(records: &dyn Records, key: Key, until: UnixTime) -> Result<(), StoreError> {
    let change = Change::put(key, REVOKED.to_vec(), until);
    records.apply(vec![change]).await.map(|_| ())
}

/// A random name that can stand in a token or a claim: 128 bits in base64url.
///
/// # Errors
/// When there is no randomness.
pub fn random_id() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl Issued {
    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Object {
        &self.0
    }
}

fn has_form(token: &[u8], prefix: &str) -> bool {
    token.strip_prefix(prefix.as_bytes()).is_some_and(|rest| {
        rest.len() == RANDOM_CHARACTERS
            && rest
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

fn random() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = zeroize::Zeroizing::new([0; RANDOM_BYTES]);
    aws_lc_rs::rand::fill(&mut *bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, store::Memory};

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn records() -> Memory {
        Memory::new(1000, Clock::standing_at(NOW))
    }

    #[test]
    fn the_two_kinds_of_tokens_are_told_apart_by_their_form() {
        let (access, refresh) = (new_access().unwrap(), new_refresh().unwrap());
        assert!(is_access(access.token.as_bytes()) && !is_refresh(access.token.as_bytes()));
        assert!(is_refresh(refresh.token.as_bytes()) && !is_access(refresh.token.as_bytes()));
        assert_eq!(access.token.len(), 47);
        assert_ne!(access.token, new_access().unwrap().token);
        let long = format!("{}x", access.token);
        for other in ["", "pat_", "a.b.c", &long, &access.token[..46]] {
            assert!(!is_access(other.as_bytes()), "{other}");
        }
    }

    #[tokio::test]
    async fn a_token_is_found_until_it_is_revoked() {
        let records = records();
        let fresh = new_access().unwrap();
        let token = fresh.token.as_bytes();
        let found = find(&records, token).await;
        assert_eq!(found.err(), Some(IssuedError::Unknown));
        let record = Change::add(fresh.key, b"{\"sub\":\"alice\"}".to_vec(), NOW.plus(60));
        assert!(records.apply(vec![record]).await.unwrap());
        let found = find(&records, token).await.unwrap();
        assert_eq!(found.claims().as_written(), "{\"sub\":\"alice\"}");
        revoke(&records, fresh.key, NOW.plus(60)).await.unwrap();
        let found = find(&records, token).await;
        assert_eq!(found.err(), Some(IssuedError::Revoked));
    }

    #[tokio::test]
    async fn a_jti_and_its_family_are_revoked_each_by_itself() {
        let records = records();
        let of = |jti: &str| Object::parse(format!("{{\"jti\":\"{jti}\"}}")).unwrap();
        let good = async |jti, signed| check_revoked(&records, &of(jti), signed).await.is_ok();
        assert!(good("f.1", true).await && good("f.1", false).await && good("f", true).await);
        revoke(&records, jti_key("f.1"), NOW.plus(60))
            .await
            .unwrap();
        assert!(!good("f.1", true).await && good("f.1", false).await && good("f.2", true).await);
        revoke(&records, family_key("f"), NOW.plus(60))
            .await
            .unwrap();
        assert!(!good("f.2", true).await && !good("f.2", false).await && good("f", true).await);
    }
}
