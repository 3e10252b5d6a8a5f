//! The tokens that one worker saw last, by their very bytes: comparing a thousand bytes costs less than
//! hashing them, and what one worker remembers no other has to be asked for.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use super::proof::Proof;
use crate::issuer::Registry;

/// One worker's proofs of the tokens that it saw last. It holds what [`super::proof::Proofs`] holds too.
pub struct Recent {
    places: RefCell<Box<[Place]>>,
    /// How many tokens were offered.
    offered: Cell<usize>,
}

/// Tokens with the same place; where there are more than it holds, a later one takes one's turn.
#[derive(Clone, Default)]
struct Place([Option<Slot>; WAYS]);

#[derive(Clone)]
struct Slot {
    token: Vec<u8>,
    proof: Arc<Proof>,
}

/// How many places there are.
const PLACES: usize = 256;

/// How many tokens a place holds.
const WAYS: usize = 4;

/// One of so many tokens that were not here is kept. To keep one costs more than to look for it, and
/// where more tokens are alive than fit, most would be replaced before they come again; one that comes
/// often is soon here.
const ADMITTED: usize = 8;

/// How many of a token's last bytes choose its place: they are of its signature, and so as good as random.
/// Whoever makes them clash gains nothing but a look into the shared cache.
const TAIL: usize = 8;

impl Default for Recent {
    fn default() -> Self {
        Self {
            places: RefCell::new(vec![Place::default(); PLACES].into()),
            offered: Cell::new(0),
        }
    }
}

impl Recent {
    /// The proof of exactly this token, if it still holds under `registry`, which is that of
    /// `generation`.
    #[must_use]
    pub fn find(&self, token: &[u8], registry: &Registry, generation: u64) -> Option<Arc<Proof>> {
        let places = self.places.borrow();
        let slots = places.get(place(token))?.0.iter().flatten();
        let slot = { slots }.find(|slot| *slot.token == *token)?;
        slot.proof
            .holds(registry, generation)
            .then(|| Arc::clone(&slot.proof))
    }

    /// Takes notice that `proof` was found for exactly this token, and keeps some of them.
    pub fn offer(&self, token: &[u8], proof: &Arc<Proof>) {
        let offered = self.offered.get().wrapping_add(1);
        self.offered.set(offered);
        if offered.is_multiple_of(ADMITTED) {
            self.keep(token, proof, offered / ADMITTED);
        }
    }

    /// Keeps `proof`, in a free slot or in that whose turn it is.
    pub(super) fn keep(&self, token: &[u8], proof: &Arc<Proof>, turn: usize) {
        let mut places = self.places.borrow_mut();
        let Some(Place(slots)) = places.get_mut(place(token)) else {
            return;
        };
        let same = |slot: &Option<Slot>| slot.as_ref().is_none_or(|slot| *slot.token == *token);
        let chosen = slots.iter().position(same).unwrap_or(turn % WAYS);
        let Some(slot) = slots.get_mut(chosen) else {
            return;
        };
        // The old token's room serves again.
        let mut room = slot.take().map(|slot| slot.token).unwrap_or_default();
        room.clear();
        room.extend_from_slice(token);
        *slot = Some(Slot {
            token: room,
            proof: Arc::clone(proof),
        });
    }
}

fn place(token: &[u8]) -> usize {
    let tail = token.last_chunk::<TAIL>().copied().unwrap_or_default();
    // Base64url leaves the high bits of each byte nearly constant: spread them before cutting.
    let mixed = u64::from_le_bytes(tail).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % PLACES
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
