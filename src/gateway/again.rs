//! A second try at a signature, with keys that the issuer published since.

use crate::{
    issuer::{Candidates, Issuer},
    jose::{Verified, compact, verify},
};

/// Verifies the token in `bytes` with other keys than those that were `tried`, if its issuer has some
/// by now. The token is parsed anew, so that the first try, which is most often the only one, keeps
/// nothing for this one.
pub(super) async fn verify(
    bytes: &[u8],
    max_bytes: usize,
    issuer: &Issuer,
    tried: &Candidates,
) -> Option<Verified> {
    let token = compact::parse(bytes, max_bytes).ok()?;
    let others = issuer.keys.find_others(token.header(), tried).await?;
    verify::verify(token, &others).ok()
}
