//! The tokens that one worker saw last, by their very bytes: comparing a thousand bytes costs less than
//! hashing them, and what one worker remembers no other has to be asked for.

use std::{cell::RefCell, sync::Arc};

use super::proof::Proof;
use crate::issuer::Registry;

/// One worker's proofs of the tokens that it saw last. It holds what [`super::proof::Proofs`] holds too.
pub struct Recent(RefCell<Box<[Slot]>>);

/// A token and its proof. Where two tokens want the same place, the later one has it.
type Slot = Option<(Box<[u8]>, Arc<Proof>)>;

/// How many places there are.
const PLACES: usize = 512;

/// How many of a token's last bytes choose its place: they are of its signature, and so as good as random.
/// Whoever makes them clash gains nothing but a look into the shared cache.
const TAIL: usize = 8;

impl Default for Recent {
    fn default() -> Self {
        Self(RefCell::new(vec![None; PLACES].into()))
    }
}

impl Recent {
    /// The proof of exactly this token, if it still holds under `registry`, which is that of
    /// `generation`.
    #[must_use]
    pub fn find(&self, token: &[u8], registry: &Registry, generation: u64) -> Option<Arc<Proof>> {
        let slots = self.0.borrow();
        let (known, proof) = slots.get(place(token))?.as_ref()?;
        (**known == *token && proof.holds(registry, generation)).then(|| Arc::clone(proof))
    }

    /// Keeps `proof`, which is of exactly this token.
    pub fn keep(&self, token: &[u8], proof: &Arc<Proof>) {
        if let Some(slot) = self.0.borrow_mut().get_mut(place(token)) {
            *slot = Some((token.into(), Arc::clone(proof)));
        }
    }
}

fn place(token: &[u8]) -> usize {
    let tail = token.last_chunk::<TAIL>().copied().unwrap_or_default();
    // Base64url leaves the high bits of each byte nearly constant: spread them before cutting.
    let mixed = u64::from_le_bytes(tail).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 55) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tokens_spread_over_the_places() {
        let tokens = (0..2000).map(|_| {
            let random: Vec<u8> = std::iter::repeat_with(|| fastrand::alphanumeric() as u8)
                .take(40)
                .collect();
            place(&random)
        });
        assert!(tokens.collect::<HashSet<_>>().len() > PLACES * 9 / 10);
        assert!(place(b"") < PLACES && place(b"short") < PLACES);
    }
}
