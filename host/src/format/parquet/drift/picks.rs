//! Which rows of an object are sampled.

/// Rows that are spread over an object: one of each part of it, at a place by chance, so that a pattern of events cannot
/// hide from the sample. The same object gives the same rows.
#[derive(Debug)]
pub(super) struct Picks {
    rows: u64,
    picks: u64,
    seed: u64,
    /// The number of the next one.
    next: u64,
    /// Its row.
    at: Option<u64>,
    /// The row that is asked for next.
    row: u64,
}

impl Picks {
    /// Up to `picks_max` of the rows.
    pub(super) fn new(rows: usize, picks_max: usize, seed: u64) -> Self {
        let mut picks = Self {
            rows: rows as u64,
            picks: rows.min(picks_max) as u64,
            seed,
            next: 0,
            at: None,
            row: 0,
        };
        picks.at = picks.row_of(0);
        picks
    }

    /// The row of a pick.
    fn row_of(&self, pick: u64) -> Option<u64> {
        if pick >= self.picks {
            return None;
        }
        let part = |pick: u64| pick * self.rows / self.picks;
        let (start, end) = (part(pick), part(pick + 1));
        Some(start + mixed(self.seed.wrapping_add(pick)) % (end - start).max(1))
    }

    /// Whether the next row is picked.
    pub(super) fn takes_next(&mut self) -> bool {
        let is_picked = self.at == Some(self.row);
        if is_picked {
            self.next += 1;
            self.at = self.row_of(self.next);
        }
        self.row += 1;
        is_picked
    }
}

/// A number without a pattern: the last step of the generator `SplitMix64`.
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(rows: usize, picks_max: usize, seed: u64) -> Vec<usize> {
        let mut picks = Picks::new(rows, picks_max, seed);
        (0..rows).filter(|_| picks.takes_next()).collect()
    }

    #[test]
    fn rows_are_spread_and_bounded() {
        for (rows, picks_max) in [(0, 5), (1, 5), (5, 5), (6, 5), (1_000, 64), (1_001, 64)] {
            let rows_picked = picked(rows, picks_max, 7);
            assert_eq!(rows_picked.len(), rows.min(picks_max));
            let part = rows / rows_picked.len().max(1) + 1;
            let gaps = rows_picked.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.max().unwrap_or(0) <= 2 * part, "{rows_picked:?}");
        }
    }

    #[test]
    fn a_pattern_of_events_does_not_hide() {
        let rows = picked(512, 64, 1);
        let odd = rows.iter().filter(|row| **row % 2 == 1).count();
        assert!((10..54).contains(&odd), "{rows:?}");
        assert_eq!(rows, picked(512, 64, 1));
        assert_ne!(rows, picked(512, 64, 2));
    }
}
