//! What a worker has to do, in one number.

/// A worker's connections.
//
// Above those that are awake, below all of them: so the order of two is that of their awake ones first,
// and one atomic number holds both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(pub(super) u64);

/// One connection, and one that is awake.
pub(super) const ONE: u64 = 1;
pub(super) const AWAKE: u64 = 1 << 32;

impl Load {
    /// How many of them have something to do, or had a moment ago.
    #[must_use]
    pub const fn awake(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// How many there are.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    pub const fn all(self) -> u32 {
        self.0 as u32
    }

    /// Whether it is above `other` by more than an eighth: with many connections a small difference is
    /// not worth a change of hands.
    pub(super) const fn is_above(self, other: Self) -> bool {
        const fn is_above(one: u32, other: u32) -> bool {
            one > other.saturating_add(other / 8)
        }
        is_above(self.awake(), other.awake())
            || (self.awake() == other.awake() && is_above(self.all(), other.all()))
    }
}
