//! Generates events of a fictional language-learning product: many types and shapes, on demand with
//! duplicate, late and malformed events. The same [`GeneratorPlan`] produces the same bytes on every platform.

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
use self::rng::{DrawShare, EventRng};

pub use self::stream::{Sent, StreamTarget, send};
pub use self::write::{Generated, write_ndjson};

/// The largest number of event types in a plan.
pub const MAX_TYPES: u32 = 10_000;

/// 2026-01-01T00:00:00Z in milliseconds: fixed, so that a seed produces the same bytes on any day.
const FIRST_INSTANT_MS: u64 = 1_767_225_600_000;

/// `created_at` advances by this much for each line: a million lines cover almost three hours.
const SPACING_MS: u64 = 10;

/// How much earlier the `created_at` of an ordinary event may be, because of clocks and networks.
const JITTER_MS: u64 = 3_000;

const HOUR_MS: u64 = 3_600_000;

/// Late events are two hours to four days older than their neighbours.
const LATE_MS: (u64, u64) = (2 * HOUR_MS, 96 * HOUR_MS);

/// A duplicate repeats one of this many latest events.
const MEMORY: usize = 512;

/// What to generate; [`Events::new`] validates it.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorPlan {
    /// Number of lines, all kinds included.
    pub events: u64,
    /// Number of different first parts of `event_name`, 1 to [`MAX_TYPES`].
    pub types: u32,
    /// The seed of the random numbers; equal plans produce equal bytes.
    pub seed: u64,
    /// Share of the lines, 0 to 1, that repeat a recent event byte for byte.
    pub duplicates: f64,
    /// Share of the lines, 0 to 1, that are not valid events.
    pub malformed: f64,
    /// Share of the lines, 0 to 1, whose `created_at` is hours to days before that of their neighbours.
    pub late: f64,
}

/// Why a plan is invalid; the message starts with the name of the option.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PlanError {
    /// The number of types is not between 1 and [`MAX_TYPES`].
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
    /// The shares exceed 1 in total; a line has one kind only.
    #[error("duplicates, malformed and late: {0} in all is more than 1")]
    SharesInAll(f64),
}

/// The kinds of lines. Each line has one: a late event that is repeated is a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// A new event, on time.
    Event,
    /// An earlier event once more, byte for byte.
    Duplicate,
    /// A new event whose `created_at` is hours to days before that of its neighbours.
    Late,
    /// Not an event: not a JSON object, or without the three required fields in their types.
    Malformed,
}

/// Iterates over the events of a plan; depends on neither clocks nor files.
#[derive(Debug)]
pub struct Events {
    total: u64,
    made: u64,
    rng: EventRng,
    names: Names,
    kinds: [DrawShare; 3],
    recent: Vec<Vec<u8>>,
    oldest: usize,
    remembers: bool,
}

impl Events {
    /// Prepares the events of `plan`.
    ///
    /// # Errors
    /// Names the option whose value is out of range.
    pub fn new(plan: &GeneratorPlan) -> Result<Self, PlanError> {
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
    pub fn next_into(&mut self, out: &mut Vec<u8>) -> Option<LineKind> {
        if self.made == self.total {
            return None;
        }
        let start = out.len();
        let kind = self.draw_kind();
        match kind {
            LineKind::Duplicate => {
                let again = self.rng.index(self.recent.len());
                out.extend_from_slice(&self.recent[again]);
            }
            LineKind::Malformed => {
                self.event_into(0, out);
                malformed::spoil(&mut self.rng, out, start);
            }
            LineKind::Event => self.event_into(0, out),
            LineKind::Late => {
                let behind = self.rng.between(LATE_MS.0, LATE_MS.1);
                self.event_into(behind, out);
            }
        }
        if self.remembers && matches!(kind, LineKind::Event | LineKind::Late) {
            self.remember(&out[start..]);
        }
        self.made += 1;
        Some(kind)
    }

    fn draw_kind(&mut self) -> LineKind {
        let drawn = self.rng.next_u64();
        let [malformed, duplicate, late] = self.kinds;
        if malformed.covers(drawn) {
            LineKind::Malformed
        } else if duplicate.covers(drawn) {
            // The first line has nothing to repeat.
            if self.recent.is_empty() {
                LineKind::Event
            } else {
                LineKind::Duplicate
            }
        } else if late.covers(drawn) {
            LineKind::Late
        } else {
            LineKind::Event
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

/// The upper bounds of draws that mean a malformed, a duplicate and a late line.
fn kinds_of(plan: &GeneratorPlan) -> Result<[DrawShare; 3], PlanError> {
    let shares = [
        ("malformed", plan.malformed),
        ("duplicates", plan.duplicates),
        ("late", plan.late),
    ];
    let mut in_all = 0.0;
    let mut kinds = [DrawShare::NONE; 3];
    for (kind, (option, share)) in kinds.iter_mut().zip(shares) {
        if !(0.0..=1.0).contains(&share) {
            return Err(PlanError::Share { option, share });
        }
        in_all += share;
        *kind = DrawShare::new(in_all);
    }
    // Sums such as 0.7 + 0.2 + 0.1 can differ from 1 by a rounding error.
    if in_all > 1.0 + 1e-9 {
        return Err(PlanError::SharesInAll(in_all));
    }
    Ok(kinds)
}
