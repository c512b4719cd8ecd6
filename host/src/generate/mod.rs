//! Makes the events of a language-learning product up: many types and shapes, with duplicates,
//! late and malformed ones on demand, and the same bytes for the same [`Plan`] on every platform.

mod malformed;
mod names;
mod part;
mod rng;
mod shapes;
mod stream;
#[cfg(test)]
mod tests;
mod texts;
mod write;

use thiserror::Error;

use self::names::Names;
use self::part::{Stamp, render};
use self::rng::{EventRng, Share};

pub use self::stream::{Sent, Target, send};
pub use self::write::{Generated, write_ndjson};

/// The largest number of event types in a plan.
pub const MAX_TYPES: u32 = 10_000;

/// 2026-01-01T00:00:00Z in milliseconds: fixed, so that a seed gives the same bytes on any day.
const FIRST_INSTANT_MS: u64 = 1_767_225_600_000;

/// `created_at` advances by this much for each line: a million lines cover not quite three hours.
const SPACING_MS: u64 = 10;

/// How far clocks and networks put the `created_at` of an ordinary event behind its place.
const JITTER_MS: u64 = 3_000;

const HOUR_MS: u64 = 3_600_000;

/// Late events lie from two hours to four days behind their neighbours.
const LATE_MS: (u64, u64) = (2 * HOUR_MS, 96 * HOUR_MS);

/// Duplicates repeat one of this many latest events.
const MEMORY: usize = 512;

/// What to generate. [`Events::new`] says whether it is sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Number of lines, all kinds included.
    pub events: u64,
    /// Number of different first parts of `event_name`, 1 to [`MAX_TYPES`].
    pub types: u32,
    /// Any number; equal plans give equal bytes.
    pub seed: u64,
    /// Share of the lines, 0 to 1, that repeat a recent event byte for byte.
    pub duplicates: f64,
    /// Share of the lines, 0 to 1, that are no usable events.
    pub malformed: f64,
    /// Share of the lines, 0 to 1, whose `created_at` lies hours to days before its neighbours'.
    pub late: f64,
}

/// What is wrong with a [`Plan`]; the text starts with the name of the option.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PlanError {
    /// There can be neither no types nor more than [`MAX_TYPES`].
    #[error("types: {0} is not between 1 and {MAX_TYPES}")]
    Types(u32),
    /// A share is negative, above 1 or not a number.
    #[error("{option}: {share} is not between 0 and 1")]
    Share {
        /// The name of the option.
        option: &'static str,
        /// Its value.
        share: f64,
    },
    /// A line has one kind, so the shares of the kinds cannot exceed the whole.
    #[error("duplicates, malformed and late: {0} in all is more than 1")]
    SharesInAll(f64),
}

/// What a generated line is. Each line has one kind: a late event once more is a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A new event, on time.
    Event,
    /// An earlier event once more, byte for byte.
    Duplicate,
    /// A new event whose `created_at` lies hours to days before its neighbours'.
    Late,
    /// Not an event: not a JSON object, or without the three needed fields in their right types.
    Malformed,
}

/// The events of a plan, one after the other, made without a look at clocks or files.
#[derive(Debug)]
pub struct Events {
    total: u64,
    made: u64,
    rng: EventRng,
    names: Names,
    kinds: [Share; 3],
    recent: Vec<Vec<u8>>,
    oldest: usize,
    remembers: bool,
}

impl Events {
    /// Prepares the events of `plan`.
    ///
    /// # Errors
    /// Names the option whose value is out of range.
    pub fn new(plan: &Plan) -> Result<Self, PlanError> {
        if !(1..=MAX_TYPES).contains(&plan.types) {
            return Err(PlanError::Types(plan.types));
        }
        Ok(Self {
            total: plan.events,
            made: 0,
            rng: EventRng::new(plan.seed),
            names: Names::new(plan.types),
            kinds: kinds_of(plan)?,
            recent: Vec::new(),
            oldest: 0,
            remembers: plan.duplicates > 0.0,
        })
    }

    /// Appends the next event to `out`, without a newline within or after it, and returns its
    /// kind; `None`, with nothing appended, after the last one.
    pub fn next_into(&mut self, out: &mut Vec<u8>) -> Option<Kind> {
        if self.made == self.total {
            return None;
        }
        let start = out.len();
        let kind = self.draw_kind();
        match kind {
            Kind::Duplicate => {
                let again = self.rng.index(self.recent.len());
                out.extend_from_slice(&self.recent[again]);
            }
            Kind::Malformed => {
                self.event_into(0, out);
                malformed::spoil(&mut self.rng, out, start);
            }
            Kind::Event => self.event_into(0, out),
            Kind::Late => {
                let behind = self.rng.between(LATE_MS.0, LATE_MS.1);
                self.event_into(behind, out);
            }
        }
        if self.remembers && matches!(kind, Kind::Event | Kind::Late) {
            self.remember(&out[start..]);
        }
        self.made += 1;
        Some(kind)
    }

    fn draw_kind(&mut self) -> Kind {
        let drawn = self.rng.next_u64();
        let [malformed, duplicate, late] = self.kinds;
        if malformed.covers(drawn) {
            Kind::Malformed
        } else if duplicate.covers(drawn) {
            // The first line has nothing to repeat.
            if self.recent.is_empty() {
                Kind::Event
            } else {
                Kind::Duplicate
            }
        } else if late.covers(drawn) {
            Kind::Late
        } else {
            Kind::Event
        }
    }

    fn event_into(&mut self, behind_ms: u64, out: &mut Vec<u8>) {
        let (event_type, name) = self.names.draw(&mut self.rng);
        let place_ms = FIRST_INSTANT_MS.saturating_add(self.made.saturating_mul(SPACING_MS));
        let stamp = Stamp {
            name,
            created_ms: place_ms - self.rng.between(0, JITTER_MS) - behind_ms,
            fractional: event_type.fractional,
        };
        render(event_type.shape, &stamp, &mut self.rng, out);
    }

    fn remember(&mut self, event: &[u8]) {
        if self.recent.len() < MEMORY {
            self.recent.push(event.to_vec());
            return;
        }
        let slot = &mut self.recent[self.oldest];
        slot.clear();
        slot.extend_from_slice(event);
        self.oldest = (self.oldest + 1) % MEMORY;
    }
}

/// Where one draw ends to mean a malformed, a duplicate and a late line.
fn kinds_of(plan: &Plan) -> Result<[Share; 3], PlanError> {
    let shares = [
        ("malformed", plan.malformed),
        ("duplicates", plan.duplicates),
        ("late", plan.late),
    ];
    let mut in_all = 0.0;
    let mut kinds = [Share::NONE; 3];
    for (kind, (option, share)) in kinds.iter_mut().zip(shares) {
        if !(0.0..=1.0).contains(&share) {
            return Err(PlanError::Share { option, share });
        }
        in_all += share;
        *kind = Share::new(in_all);
    }
    // Sums such as 0.7 + 0.2 + 0.1 may miss 1 by a rounding.
    if in_all > 1.0 + 1e-9 {
        return Err(PlanError::SharesInAll(in_all));
    }
    Ok(kinds)
}
