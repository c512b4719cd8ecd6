//! Random draws in integer arithmetic only, so that every platform draws the same values.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// 2^64, the whole range of a draw.
const WHOLE: f64 = 18_446_744_073_709_551_616.0;

/// The source of all randomness of a plan.
#[derive(Debug)]
pub(super) struct EventRng(Pcg64);

impl EventRng {
    pub(super) fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// 64 random bits.
    pub(super) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from `low` to `high`, both included; `high` is not below `low`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        let choices = u128::from(high - low) + 1;
        low + ((u128::from(self.next_u64()) * choices) >> 64) as u64
    }

    /// An index into a collection of `len` (1 to 2^32) elements.
    pub(super) fn index(&mut self, len: usize) -> usize {
        ((u64::from(self.0.next_u32()) * len as u64) >> 32) as usize
    }

    /// One of `choices`, which is not empty.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.index(choices.len())]
    }
}

/// A share of all draws.
#[derive(Clone, Copy, Debug)]
pub(super) struct DrawShare {
    below: u64,
    whole: bool,
}

impl DrawShare {
    pub(super) const NONE: Self = Self {
        below: 0,
        whole: false,
    };

    /// `share` is 0 to 1, or slightly above by a rounding error.
    pub(super) fn new(share: f64) -> Self {
        // The cast of a float to an integer saturates, and below 1 the product is below 2^64.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let below = (share * WHOLE) as u64;
        Self {
            below,
            whole: share >= 1.0 - 1e-9,
        }
    }

    pub(super) fn covers(self, drawn: u64) -> bool {
        self.whole || drawn < self.below
    }
}
