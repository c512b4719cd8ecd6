//! Which events of the objects are dropped as duplicates: a bit for each line of an object that has some.

use super::plan::Plan;

/// The bits of a word.
const WORD: u64 = 64;

/// The events that are dropped.
#[derive(Debug, Default)]
pub(super) struct DroppedLines {
    /// By the positions of the objects in the plan. An object of which nothing is dropped has no bits.
    objects: Vec<Vec<u64>>,
    total: u64,
}

impl DroppedLines {
    /// Of the objects of a plan, nothing yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut objects = Vec::new();
        objects.resize_with(plan.objects.len(), Vec::new);
        Self { objects, total: 0 }
    }

    /// Drops an event.
    pub(super) fn insert(&mut self, object: u32, line: u64) {
        let (word, bit) = place(line);
        let Some(words) = self.objects.get_mut(object as usize) else {
            return;
        };
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        self.total += u64::from(words[word] & bit == 0);
        words[word] |= bit;
    }

    /// Whether an event is dropped.
    pub(super) fn has(&self, object: u32, line: u64) -> bool {
        let (word, bit) = place(line);
        let words = self.objects.get(object as usize);
        words.is_some_and(|words| words.get(word).is_some_and(|word| word & bit != 0))
    }

    /// The number of all of them.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The objects of which events are dropped, by their positions, with the lines.
    pub(super) fn by_object(&self) -> impl Iterator<Item = (u32, Vec<u64>)> {
        let objects = (0_u32..).zip(&self.objects);
        let objects = objects.filter(|(_, words)| !words.is_empty());
        objects.map(|(object, words)| (object, lines(words)))
    }
}

/// Where the bit of a line is.
fn place(line: u64) -> (usize, u64) {
    let word = usize::try_from(line / WORD).unwrap_or(usize::MAX);
    (word, 1 << (line % WORD))
}

fn lines(words: &[u64]) -> Vec<u64> {
    let words = (0_u64..).zip(words);
    let lines = words.flat_map(|(at, word)| {
        let bits = (0..WORD).filter(move |bit| word & (1 << bit) != 0);
        bits.map(move |bit| at * WORD + bit)
    });
    lines.collect()
}
