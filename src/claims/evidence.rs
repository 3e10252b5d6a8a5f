//! What makes claims worth checking: a signature, the word of their issuer, or our own record.

use crate::{
    introspection::Vouched,
    issued::Issued,
    jose::{Verified, json::Object},
};

/// Why claims are believed to be the issuer's. All ways end in [`super::check`]: an issuer that
/// vouches for a token skips no rule.
///
/// None can be made up, and there is no fourth one:
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
    /// This gateway issued the token, and has a record of it.
    Issued(Issued),
}

impl Evidence {
    /// The claims: the issuer's, but not yet checked against anyone's rules.
    #[must_use]
    pub fn claims(&self) -> &Object {
        match self {
            Self::Signed(verified) => verified.claims(),
            Self::Vouched(vouched) => vouched.claims(),
            Self::Issued(issued) => issued.claims(),
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

impl From<Issued> for Evidence {
    fn from(issued: Issued) -> Self {
        Self::Issued(issued)
    }
}
