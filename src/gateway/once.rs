//! Tokens that are good once: the last question before a permit is given.

use super::*;
use crate::{
    claims::{ClaimPath, ClaimsError, Identity},
    clock::UnixTime,
    issuer::Issuer,
    store::{Key, Owner, StoreError, Use},
};

/// Why a token that is good otherwise is not good for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnceError {
    /// A request with a token of its issuer and its `jti` was let through before.
    #[error("a token of this issuer with this \"jti\" was used before")]
    Replayed,
    /// It cannot be said whether it was used before.
    #[error("whether the token was used before is not known: {0}")]
    Unknown(#[from] StoreError),
}

impl Gateway {
    /// Uses up the token of `permit` for an issuer whose tokens are good once. `explain` only looks.
    ///
    /// Every other check has passed, so no request that is refused uses a token up. The permit of a
    /// request that is refused here is dropped, and serves nothing.
    pub(super) async fn use_up(
        &self,
        issuer: &Issuer,
        permit: &Permit,
        trace: &mut impl Trace,
    ) -> Result<(), Refusal> {
        let Some(principal) = permit.principal() else {
            return Ok(());
        };
        let Some((key, until)) = single_use(issuer, principal.identity())? else {
            trace.pass(Step::Replay, || "not checked: no jti".to_owned());
            return Ok(());
        };
        let is_first = if trace.is_served() {
            let owner = Owner::issuer(&issuer.name);
            self.store.consume_once(owner, key, until).await
        } else {
            let contains = self.store.contains(key).await;
            contains.map(|contains| !contains)
        };
        match is_first {
            Ok(true) => {}
            Ok(false) => return Err(OnceError::Replayed.into()),
            Err(error) => {
                self.despite(Use::Replay, error).map_err(OnceError::from)?;
                trace.pass(Step::Replay, || format!("not known, and allowed: {error}"));
                return Ok(());
            }
        }
        trace.pass(Step::Replay, || {
            format!("the first with its jti; it is remembered until {until}")
        });
        Ok(())
    }
}

/// What is remembered of a token, and until when; `None` when it has no `jti`. One that does not parse is
/// not an absent one, and a token that never ends would have to be remembered for ever.
fn single_use(
    issuer: &Issuer,
    identity: &Identity,
) -> Result<Option<(Key, UnixTime)>, ClaimsError> {
    let Some(jti) = identity.claims().get("jti") else {
        return Ok(None);
    };
    let jti = jti.string().ok_or(ClaimsError::Malformed {
        claim: "jti",
        why: "not one string",
    })?;
    let until = identity
        .end(&issuer.rules)
        .ok_or_else(|| ClaimsError::Missing(ClaimPath::named("exp")))?;
    let key = Key::of("jti", &[issuer.name.as_bytes(), jti.as_bytes()]);
    Ok(Some((key, until)))
}
