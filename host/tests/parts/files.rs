//! Files and objects in parts.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::environment;
use testkit::proxy::{Fault, Rule};
use testkit::s3::S3;
use tokio::runtime::Runtime;

use super::{PARTS, records, run_all, second_manifest};
use crate::local::{event, events};
use crate::support::program::{Place, Ran};
use crate::support::{lake, ledgers, manifests};

const OBJECTS: usize = 40;

/// A bucket with objects of several sizes and a place for lakes.
struct Backfill {
    s3: S3,
    place: Place,
}

impl Backfill {
    fn new() -> Self {
        let s3 = S3::start();
        s3.bucket("source");
        s3.bucket("lakes");
        let mut place = Place::new();
        place.install();
        let backfill = Self { s3, place };
        let runtime = Runtime::new().unwrap();
        for n in 0..OBJECTS {
            let put = backfill.s3.client().put_object().bucket("source");
            let put = put.key(format!("in/{:02}/{n}.ndjson", n % 3));
            let first = 10_000 * n;
            let lines = events(first..first + 1 + 100 * (n % 4)) + "no event\n";
            runtime
                .block_on(put.body(lines.into_bytes().into()).send())
                .unwrap();
        }
        backfill
    }

    fn command(&self, endpoint: &str, args: &[&str]) -> Command {
        let mut command = self.place.command(args);
        command.envs(environment());
        command.env("AWS_ENDPOINT_URL_S3", endpoint);
        command
    }

    fn replay(&self, endpoint: &str, lake: &str, more: &[&str]) -> Command {
        let args = [
            "replay",
            "--source",
            "s3://source/in",
            "--lake",
            lake,
            "--summary",
            "json",
        ];
        self.command(endpoint, &[&args, more].concat())
    }

    /// Eight parts into one lake, and one replay into another one, give the same objects.
    fn lands_as_one(&self, held: &Rule, parts: (&str, &Path), whole: (&str, &Path)) {
        let s3 = &self.s3.endpoint;
        let landed = run_all(s3, &[1, 4, 8], held, |part, endpoint| {
            self.replay(endpoint, parts.0, &["--part", &format!("{part}/{PARTS}")])
        });
        let all: Ran = self.replay(s3, whole.0, &[]).output().unwrap().into();
        let all = all.summary();
        assert_eq!(records(&landed), all.count("records"));
        assert_eq!(
            landed.iter().map(|part| part.count("files")).sum::<u64>(),
            OBJECTS as u64
        );
        assert!(
            lake::objects(parts.1) == lake::objects(whole.1),
            "other objects"
        );
        manifests::are_complete(parts.1);
        assert_eq!(ledgers::ledgers(parts.1).len(), OBJECTS);
        let audit = ["audit", "--source", "s3://source/in", "--lake", parts.0];
        let proven: Ran = self.command(s3, &audit).output().unwrap().into();
        assert!(proven.succeeded().stdout.contains("proven"));
    }
}

#[test]
fn eight_parts_of_which_three_are_killed_land_in_s3_what_one_replay_lands() {
    let backfill = Backfill::new();
    let lakes = backfill.s3.root.join("lakes");
    backfill.lands_as_one(
        &second_manifest(),
        ("s3://lakes/parts", &lakes.join("parts")),
        ("s3://lakes/whole", &lakes.join("whole")),
    );
}

#[test]
fn eight_parts_of_which_three_are_killed_land_in_a_folder_what_one_replay_lands() {
    let backfill = Backfill::new();
    let second_object = Rule::new(Fault::Hold).path("/source/in/").nth(2);
    backfill.lands_as_one(
        &second_object,
        ("file:parts", &backfill.place.path("parts")),
        ("file:whole", &backfill.place.path("whole")),
    );
}

/// Two files, the first one of more records.
fn folder() -> Place {
    let mut place = Place::new();
    place.install();
    place.write("in/a.ndjson", events(0..3_000));
    place.write("in/b.ndjson", events(3_000..3_010));
    place
}

fn part(place: &Place, part: &str, more: &[&str]) -> Ran {
    let args = [
        "replay",
        "--source",
        "file:in",
        "--lake",
        "file:other",
        "--summary",
        "json",
    ];
    place.run(&[&args[..], &["--part", part], more].concat())
}

fn uuids(place: &Place) -> usize {
    lake::all_events(&place.path("other")).len()
}

#[test]
fn a_part_lands_its_own_files_and_one_without_files_says_so() {
    let place = folder();
    let first = part(&place, "1/3", &[]).summary();
    assert_eq!(
        first.counts(["records", "files", "unplanned"]),
        [3_000, 1, 0]
    );
    let nothing = part(&place, "3/3", &[]);
    assert!(
        nothing.stderr.contains("part 3/3 has nothing to do"),
        "{nothing:?}"
    );
    assert_eq!(nothing.summary().counts(["records", "files"]), [0, 0]);
    assert_eq!(
        part(&place, "2/3", &[])
            .summary()
            .counts(["records", "files"]),
        [10, 1]
    );
    let again = part(&place, "1/3", &[]).summary();
    assert_eq!(again.counts(["records", "already_committed"]), [0, 3_000]);
    assert_eq!(uuids(&place), 3_010);
}

#[test]
fn a_file_that_came_after_the_plan_is_named_and_counted_by_each_part() {
    let place = folder();
    part(&place, "1/2", &[]).succeeded();
    // Larger than all others, and so the first one of a new plan.
    place.write("in/0.ndjson", events(4_000..9_000));
    for (number, records) in [("1/2", 0), ("2/2", 10)] {
        let ran = part(&place, number, &[]);
        for text in [
            "0.ndjson",
            "1 source came after the parts",
            "without --part",
        ] {
            assert!(ran.stderr.contains(text), "{text}: {ran:?}");
        }
        assert_eq!(
            ran.summary().counts(["records", "files", "unplanned"]),
            [records, 1, 1]
        );
    }
    assert_eq!(uuids(&place), 3_010);
    let args = [
        "replay",
        "--source",
        "file:in",
        "--lake",
        "file:other",
        "--summary",
        "json",
    ];
    assert_eq!(
        place.run(&args).summary().counts(["records", "unplanned"]),
        [5_000, 0]
    );
    assert_eq!(uuids(&place), 8_010);
}

#[test]
fn a_planned_file_that_is_gone_fails_its_part_after_the_others_have_landed() {
    let place = folder();
    place.write("in/c.ndjson", events(9_000..9_005));
    part(&place, "1/2", &[]).succeeded();
    fs::remove_file(place.path("in/b.ndjson")).unwrap();
    let texts = [
        "in/b.ndjson",
        "planned for part 2/2",
        "not there any more",
        "1 of 2 sources",
    ];
    part(&place, "2/2", &[]).failed(1, &texts);
    assert_eq!(uuids(&place), 3_005);
    // The other part does not need it.
    part(&place, "1/2", &[]).succeeded();
    place.write("in/b.ndjson", events(3_000..3_010));
    part(&place, "2/2", &[]).succeeded();
    assert_eq!(uuids(&place), 3_015);
}

#[test]
fn a_file_and_its_copy_are_in_one_part_which_names_the_copy() {
    let place = folder();
    place.write("in/z.ndjson", events(0..3_000) + &event(9_000) + "\n");
    let ran = [part(&place, "1/2", &[]), part(&place, "2/2", &[])];
    let [copies, other] = ran;
    let texts = [
        "z.ndjson",
        "it begins with all that has landed of",
        "a.ndjson",
    ];
    let copies = copies.failed(1, &texts);
    assert!(
        copies.stderr.contains("2 files begin with the same line"),
        "{copies:?}"
    );
    other.succeeded();
    assert_eq!(uuids(&place), 3_010);
}
