//! Who a token's subject is when others than the token are asked: a mapper, a user registry.

use super::{Refusal, Snapshot, proof::Proof, say, trace::Trace};
use crate::{claims::Identity, clock::UnixTime, identity::Principal};

/// The principal of `identity` by what the mapper and the registry say, remembered as long as that counts.
pub(super) async fn look_up(
    proof: &Proof,
    snapshot: &Snapshot,
    identity: Identity,
    now: UnixTime,
    trace: &mut impl Trace,
) -> Result<Principal, Refusal> {
    let (users, settings) = (&snapshot.policy.users, &proof.issuer.identity);
    let found = users.find(&identity, settings, now).await;
    say::subject(trace, users, settings, &found);
    Ok(proof.memo.mapped(identity, settings, found?)?)
}
