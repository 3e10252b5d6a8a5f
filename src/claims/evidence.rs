//! What makes claims worth checking: a signature, or the word of their issuer.

use crate::{
    introspection::Vouched,
    jose::{Verified, json::Object},
};

/// Why claims are believed to be the issuer's. Both ways end in [`super::check`]: an issuer that
/// vouches for a token skips no rule.
///
/// Neither can be made up, and there is no third one:
///
/// ```compile_fail,E0277
/// use portcullis::{claims, clock::UnixTime, jose::json::Object};
///
/// fn forge(said: Object, rules: &claims::Rules) {
///     let _ = claims::check(said, rules, UnixTime(0), None);
/// }
/// ```
#[derive(Clone, Debug)]
pub enum Evidence {
    /// One of the issuer's keys made the token's signature.
    Signed(Verified),
    /// The issuer's introspection endpoint says that the token is active.
    Vouched(Vouched),
}

impl Evidence {
    /// The claims: the issuer's, but not yet checked against anyone's rules.
    #[must_use]
    pub fn claims(&self) -> &Object {
        match self {
            Self::Signed(verified) => verified.claims(),
            Self::Vouched(vouched) => vouched.claims(),
        }
    }
}

impl From<Verified> for Evidence {
    fn from(verified: Verified) -> Self {
        Self::Signed(verified)
    }
}

impl From<Vouched> for Evidence {
    fn from(vouched: Vouched) -> Self {
        Self::Vouched(vouched)
    }
}
