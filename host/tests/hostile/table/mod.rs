//! The table of hostile guests: what each does, and the required outcome. Each row is a run of the
//! built program, which must end by itself, in bounded memory, and land the good records.

mod answers;
mod batches;
mod fields;
mod loading;
mod outcomes;

use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};

use crate::support::guests::{Tiny, rogue};
use crate::support::lake::{self, Quarantined};
use crate::support::program::{Place, Ran};

/// The memory limit of the program for each guest. A harmless guest takes an eighth of it.
const PEAK_MAX_BYTES: u64 = 384 << 20;

/// The size limit of its output in a run of three records.
const OUTPUT_MAX_BYTES: usize = 300 << 10;

/// Good records, for `rogue` and for tiny guests.
const GOOD: [&str; 2] = ["1", "2"];

/// Good records for `rogue` as a transform of fields.
const GOOD_OBJECTS: [&str; 2] = [r#"{"n":1}"#, r#"{"n":2}"#];

/// Reasons that come with a backtrace, because the guest trapped.
const DEATHS: [&str; 5] = [
    "trap",
    "out_of_fuel",
    "out_of_memory",
    "out_of_time",
    "stack_overflow",
];

struct Row {
    /// What the guest does, for the message of a failure.
    name: &'static str,
    guest: Guest,
    config: String,
    /// The record between two good ones.
    record: String,
    args: &'static [&'static str],
    outcome: Outcome,
}

enum Guest {
    /// `guests/rogue`, in both call modes.
    Rogue,
    /// `guests/rogue` in a batch call, whose result is invalid.
    RogueBatch,
    /// `guests/rogue` as a transform of fields.
    RogueFields,
    Bytes(Vec<u8>),
}

impl Guest {
    fn good(&self) -> [&'static str; 2] {
        match self {
            Self::RogueFields => GOOD_OBJECTS,
            _ => GOOD,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It fails admission at this step, and the run ends with exit code 2.
    NotAdmitted(&'static str, &'static str),
    /// The record is in quarantine with this code, and its message contains this text. The others
    /// land.
    Quarantined(&'static str, &'static str),
    /// It does no harm: the record lands in this partition.
    Lands(&'static str),
    /// The batch failed as a whole and was transformed record by record. This many events landed,
    /// and this many records are in quarantine, as without the batch call.
    Retried(usize, usize),
}

use Outcome::{Lands, NotAdmitted, Quarantined as InQuarantine, Retried};

impl Row {
    fn rogue(name: &'static str, record: &str, outcome: Outcome) -> Self {
        Self {
            name,
            guest: Guest::Rogue,
            config: "{}".into(),
            record: record.into(),
            args: &[],
            outcome,
        }
    }

    fn bytes(name: &'static str, component: Vec<u8>, outcome: Outcome) -> Self {
        Self {
            guest: Guest::Bytes(component),
            ..Self::rogue(name, "bad", outcome)
        }
    }

    fn tiny(name: &'static str, tiny: &Tiny, outcome: Outcome) -> Self {
        Self::bytes(name, tiny.component(), outcome)
    }

    fn with_config(self, config: &str) -> Self {
        Self {
            config: config.into(),
            ..self
        }
    }

    fn with_args(self, args: &'static [&'static str]) -> Self {
        Self { args, ..self }
    }

    fn check(&self) {
        match &self.guest {
            Guest::Rogue => {
                self.check_component(&rogue().by_batch);
                self.check_component(&rogue().by_record);
            }
            Guest::RogueBatch => self.check_component(&rogue().by_batch),
            Guest::RogueFields => self.check_component(&rogue().by_fields),
            Guest::Bytes(component) => self.check_component(component),
        }
    }

    fn check_component(&self, component: &[u8]) {
        let place = Place::new();
        let [first, last] = self.guest.good();
        place.write("guest.wasm", component);
        place.write(
            "events.ndjson",
            format!("{first}\n{}\n{last}\n", self.record),
        );
        let mut args = vec![
            "--transform",
            "guest.wasm",
            "--transform-config",
            &self.config,
        ];
        args.extend(self.args);
        if matches!(self.guest, Guest::Bytes(_)) {
            // Their events are their records, which are not objects.
            args.extend(["--lake-json", "any"]);
        }
        if matches!(self.outcome, Retried(..)) {
            args.extend(["--log-level", "sluice=debug"]);
        }
        let (ran, peak) = place.run_watched(&Place::landing(&args));
        self.check_run(&ran, peak);
        match self.outcome {
            NotAdmitted(step, part) => self.check_not_admitted(&place, ran, step, part),
            outcome => self.check_landed(&place, &ran.succeeded(), outcome),
        }
    }

    /// Checks what must hold for every run.
    fn check_run(&self, ran: &Ran, peak: u64) {
        let name = self.name;
        assert!(peak < PEAK_MAX_BYTES, "{name}: {} MiB", peak >> 20);
        let output_bytes = ran.stdout.len() + ran.stderr.len();
        assert!(
            output_bytes < OUTPUT_MAX_BYTES,
            "{name}: says {output_bytes} bytes"
        );
        for word in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
            assert!(!ran.stderr.contains(word), "{name}: {ran:#?}");
        }
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(!ran.stderr.contains(is_control), "{name}: {ran:#?}");
    }

    fn check_not_admitted(&self, place: &Place, ran: Ran, step: &str, part: &str) {
        let ran = ran.failed(2, &[&format!("{step}: "), part]);
        let lines = ran.stderr.lines().count();
        assert_eq!(lines, 1, "{}: {}", self.name, ran.stderr);
        let written = (lake::objects(&place.lake()), lake::messages(&place.bus()));
        assert!(
            written.0.is_empty() && written.1.is_empty(),
            "{}",
            self.name
        );
    }

    fn check_landed(&self, place: &Place, ran: &Ran, outcome: Outcome) {
        let name = self.name;
        let quarantine = lake::quarantine(&place.lake());
        self.check_neighbours(place);
        match outcome {
            InQuarantine(code, part) => self.check_quarantine(&quarantine, code, part),
            Lands(partition) => {
                assert_eq!(quarantine, [], "{name}");
                let events = lake::events(&place.lake());
                let top = if partition.is_empty() { 3 } else { 1 };
                assert!(events[partition].len() >= top, "{name}: {events:?}");
            }
            Retried(landed, quarantined) => {
                assert!(ran.stderr.contains("record by record"), "{name}: {ran:#?}");
                let events = lake::all_events(&place.lake());
                let found = (events.len(), quarantine.len());
                assert_eq!(found, (landed, quarantined), "{name}: {events:?}");
            }
            NotAdmitted(..) => unreachable!("{name}: checked before"),
        }
    }

    fn check_quarantine(&self, quarantine: &[Quarantined], code: &str, part: &str) {
        let name = self.name;
        let [found] = quarantine else {
            panic!("{name}: one record in quarantine, not {quarantine:?}");
        };
        assert_eq!(found.reason, code, "{name}: {found:?}");
        assert!(found.message.contains(part), "{name}: {found:?}");
        assert_eq!(found.bytes(), self.record.as_bytes(), "{name}");
        let backtrace = found.backtrace.as_ref().map(String::len);
        let died = DEATHS.contains(&code) && code != "out_of_time";
        assert_eq!(backtrace.is_some(), died, "{name}: {found:?}");
        assert!(backtrace.is_none_or(|bytes| bytes < 10_000), "{name}");
    }

    /// The good records are where they would be without the bad one, in the lake and on the bus.
    fn check_neighbours(&self, place: &Place) {
        let good = self.guest.good();
        let last = good[0].len() + self.record.len() + 2;
        let expected = match self.guest {
            Guest::Bytes(_) => good.map(ToOwned::to_owned),
            Guest::RogueFields => [1, 2].map(|n| format!(r#"{{"n":{n},"set":{n}}}"#)),
            Guest::Rogue | Guest::RogueBatch => [(good[0], 0), (good[1], last)]
                .map(|(text, at)| format!(r#"{{"echo":"{text}","sequence":"{at}"}}"#)),
        };
        let events = lake::events(&place.lake());
        for event in expected {
            let found = events[""].iter().filter(|line| **line == event).count();
            assert_eq!(found, 1, "{}: {event} of {events:?}", self.name);
        }
    }
}

/// Checks all rows, even if one fails.
fn check(rows: &[Row]) {
    let failed = |row: &&Row| panic::catch_unwind(AssertUnwindSafe(|| row.check())).is_err();
    let failed: Vec<_> = rows.iter().filter(failed).map(|row| row.name).collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {failed:#?}",
        failed.len(),
        rows.len()
    );
}

#[test]
fn each_guest_is_in_the_table_once() {
    let parts = [
        loading::rows,
        outcomes::rows,
        answers::rows,
        batches::rows,
        fields::rows,
    ];
    let rows: Vec<_> = parts.iter().flat_map(|rows| rows()).collect();
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    println!("{} hostile guests", names.len());
    assert_eq!(names.len(), rows.len());
    assert!(names.len() > 150, "{}", names.len());
}

#[test]
fn a_guest_that_fails_admission_transforms_nothing() {
    check(&loading::rows());
}

#[test]
fn a_record_that_a_guest_fails_on_gets_its_outcome_alone() {
    check(&outcomes::rows());
}

#[test]
fn an_invalid_result_affects_its_record_alone() {
    check(&answers::rows());
}

#[test]
fn an_invalid_batch_result_affects_no_record() {
    check(&batches::rows());
}

#[test]
fn an_invalid_edit_affects_its_record_alone() {
    check(&fields::rows());
}
