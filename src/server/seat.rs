//! A connection's place among those of all workers.

use std::{cell::Cell, sync::Arc};

use super::{
    addresses::Claim,
    crew::Crew,
    load::{AWAKE, ONE},
};

/// A place among the connections of all workers, at one of them; given back when it is dropped.
pub(super) struct Seat {
    crew: Arc<Crew>,
    number: usize,
    is_awake: Cell<bool>,
    /// That it is counted for its address, where that has a limit.
    claim: Option<Claim>,
}

impl Seat {
    /// The seat of a connection that is counted as one that is awake.
    pub(super) const fn new(crew: Arc<Crew>, number: usize) -> Self {
        Self {
            claim: None,
            crew,
            number,
            is_awake: Cell::new(true),
        }
    }

    /// It is counted by `claim`, and no more by an earlier one.
    pub(super) fn counts_for(&mut self, claim: Option<Claim>) {
        self.claim = claim;
    }

    /// Whose desk it is at.
    pub(super) const fn number(&self) -> usize {
        self.number
    }

    /// Whether it is at the desk of worker `number`.
    pub(super) const fn is_at(&self, number: usize) -> bool {
        self.number == number
    }

    /// It is at the desk of worker `number` from now on.
    pub(super) fn move_to(&mut self, number: usize) {
        let what = self.weight();
        self.crew.take(self.number, what);
        self.number = number;
        self.crew.add(number, what);
    }

    /// The connection has something to do.
    pub(super) fn wakes(&self) {
        if !self.is_awake.replace(true) {
            self.crew.add(self.number, AWAKE);
        }
    }

    /// The connection has nothing to do.
    pub(super) fn rests(&self) {
        if self.is_awake.replace(false) {
            self.crew.take(self.number, AWAKE);
        }
    }

    fn weight(&self) -> u64 {
        ONE + if self.is_awake.get() { AWAKE } else { 0 }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crew.give_back(self.number, self.weight());
    }
}
