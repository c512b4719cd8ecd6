//! The records of a soak. Each depends only on the seed and its number, so that none has to be
//! stored: the stream and the checks generate them when they are read.

use std::sync::LazyLock;

use guest_enrich::Enrichment;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use sluice::source::aggregate::Aggregator;
use sluice_transform::testing::Tester;

use crate::decoding::gzip;

/// The maximum number of user records in a Kinesis record here.
pub(super) const AGGREGATE_MAX: u32 = 200;

/// The number of partition keys.
const KEYS: u64 = 500;

/// One aggregate in this many has a record with another key, and in the other aggregates one record
/// in this many.
const STRAY_ONE_IN: u32 = 30;

/// One Kinesis record in this many is compressed, if any are.
const PACKED_ONE_IN: u64 = 3;

/// More than the size of any aggregate here.
const AGGREGATE_MAX_BYTES: usize = 1 << 20;

const NAMES: [&str; 4] = [
    "lesson:started:late",
    "lesson:ended",
    "payment:order:completed",
    "login",
];

/// The first second of 2026. Events are of this or the next hour, on this or the next day.
const FIRST_SECOND: u64 = 1_767_225_600;

/// Generates the records of a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    pub(super) seed: u64,
    /// Whether one Kinesis record in [`PACKED_ONE_IN`] has its records as lines that are compressed.
    pub(super) packs: bool,
}

impl Recipe {
    fn rng(self, number: u64, place: u32) -> Pcg64Mcg {
        let of_number = number.wrapping_mul(4_096).wrapping_add(place.into());
        Pcg64Mcg::seed_from_u64(self.seed.rotate_left(32).wrapping_add(of_number))
    }

    /// The number of user records in the Kinesis record with this number. One record is not
    /// aggregated.
    pub(super) fn count(self, number: u64) -> u32 {
        let mut rng = self.rng(number, AGGREGATE_MAX);
        if rng.random_range(0..6) == 0 {
            1
        } else {
            rng.random_range(2..=AGGREGATE_MAX)
        }
    }

    /// Whether it is an event. The others go to quarantine.
    pub(super) fn is_event(self, number: u64, place: u32) -> bool {
        self.rng(number, place).random_range(0..50) > 0
    }

    /// The user record at a place within a Kinesis record.
    pub(super) fn record(self, number: u64, place: u32) -> Vec<u8> {
        if !self.is_event(number, place) {
            let text = match number.is_multiple_of(2) {
                true => format!(r#"{{"no_event":"{number}-{place}"}}"#),
                false => format!("no event {number}-{place}"),
            };
            return text.into_bytes();
        }
        let mut rng = self.rng(number, place);
        let name = NAMES[rng.random_range(0..NAMES.len())];
        let hour = rng.random_range(0..2) * 86_400 + rng.random_range(0..2) * 3_600;
        let second = FIRST_SECOND + hour + rng.random_range(0..3_600);
        let amount: u32 = rng.random();
        format!(
            r#"{{"event_uuid":"{number}-{place}","event_name":"{name}","created_at":{second}.5,"amount":{amount}}}"#
        )
        .into_bytes()
    }

    /// The partition key of the Kinesis record with this number.
    pub(super) fn key(number: u64) -> String {
        format!("key-{}", number % KEYS)
    }

    /// The partition key of the user record at a place within a Kinesis record: usually the same,
    /// sometimes another one, which can belong to another shard. Some aggregates are in the wrong
    /// shard as a whole.
    pub(super) fn key_at(self, number: u64, place: u32) -> String {
        if self.count(number) == 1 || self.is_packed(number) {
            return Self::key(number);
        }
        let whole = AGGREGATE_MAX + 1;
        let mut strayed = self.rng(number, whole);
        if strayed.random_range(0..STRAY_ONE_IN) == 0 {
            return Self::key(strayed.random());
        }
        let mut rng = self.rng(number, whole + 1 + place);
        if rng.random_range(0..STRAY_ONE_IN) == 0 {
            Self::key(rng.random())
        } else {
            Self::key(number)
        }
    }

    fn is_packed(self, number: u64) -> bool {
        self.packs && number.is_multiple_of(PACKED_ONE_IN)
    }

    /// The data of the Kinesis record with this number.
    pub(super) fn data(self, number: u64) -> Vec<u8> {
        let count = self.count(number);
        if self.is_packed(number) {
            let records: Vec<_> = (0..count).map(|place| self.record(number, place)).collect();
            return gzip(&records.join(&b'\n'));
        }
        if count == 1 {
            return self.record(number, 0);
        }
        let mut aggregator = Aggregator::new(AGGREGATE_MAX_BYTES);
        for place in 0..count {
            aggregator.push(&self.key_at(number, place), &self.record(number, place));
        }
        aggregator.finish().unwrap().1
    }
}

/// The number and the place in a line of the lake or of quarantine.
pub(super) fn number_and_place(text: &str) -> Option<(u64, u32)> {
    let (number, place) = text.split_once('-')?;
    Some((number.parse().ok()?, place.parse().ok()?))
}

/// The line that the rules make of a record, by the same function run natively; `None` if they
/// reject it.
pub(super) fn line_of(record: &[u8]) -> Option<Vec<u8>> {
    static RULES: LazyLock<Tester<Enrichment>> = LazyLock::new(|| Tester::new("{}").unwrap());
    landing(record, &RULES).map(|(_, line)| line)
}

/// The line that the rules of redrives make of a record. That of an event is the same by all rules, and they make one of
/// some records that no other rules take.
pub(super) fn line_of_redriven(record: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(record).ok()?;
    let id = text.strip_prefix(r#"{"no_event":""#);
    match id.and_then(|id| id.strip_suffix(r#""}"#)) {
        Some(id) => Some(format!(r#"{{"event_uuid":"{id}"}}"#).into_bytes()),
        None => line_of(record),
    }
}

/// The folder and the line of an event with this transform configuration; `None` if the rules
/// reject the record.
pub(super) fn landing(record: &[u8], rules: &Tester<Enrichment>) -> Option<(String, Vec<u8>)> {
    let event = rules.transform(record).ok()?.pop()?;
    Some((event.partition, event.json.into_bytes()))
}

#[test]
fn records_are_generated_again_byte_for_byte() {
    let recipe = Recipe {
        seed: 7,
        packs: true,
    };
    let rules = Tester::new("{}").unwrap();
    let (mut events, mut quarantined) = (0, 0);
    for number in 0..200 {
        assert_eq!(recipe.data(number), recipe.data(number));
        for place in 0..recipe.count(number) {
            let record = recipe.record(number, place);
            let landed = landing(&record, &rules);
            assert_eq!(landed.is_some(), recipe.is_event(number, place));
            events += u32::from(landed.is_some());
            quarantined += u32::from(landed.is_none());
        }
    }
    assert!(
        quarantined > 0 && events > 20 * quarantined,
        "{events}, {quarantined}"
    );
    assert_ne!(recipe.data(3), Recipe { seed: 8, ..recipe }.data(3));
}
