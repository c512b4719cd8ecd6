//! The audit of a table of a lake with redrives: a redriven event is a row like any, once.

use super::Audited;
use crate::local::events;
use crate::support::program::Place;

/// Rules that quarantine every third event.
const BAD: &str = r#"if .n % 3 == 0 then error("third: no") else . end"#;

impl Audited {
    fn redrive(&self) {
        let args = [
            "redrive",
            "--lake",
            "file:lake",
            "--jq",
            ".",
            "--http",
            "none",
        ];
        self.0.run(&args).succeeded();
    }

    fn land_by(&self, source: &str, rules: &str) {
        self.0
            .land(&["--source", source, "--bus", "none", "--jq", rules]);
    }
}

#[test]
fn a_table_has_each_redriven_event_once() {
    let place = Place::new();
    place.write("events.ndjson", events(0..90));
    let table = Audited(place);
    table.land_by("file:events.ndjson", BAD);
    table.table("create", &[]);
    table.table("sync", &[]);
    assert_eq!(table.proven()["rows"], 60);
    table.redrive();
    table.proven();
    for _ in 0..2 {
        table.table("sync", &[]);
        assert_eq!(table.proven()["rows"], 90);
        assert_eq!(table.is_consistent()["rows"], 90);
    }
}

/// The same events came again while the first ones were in quarantine.
#[test]
fn a_redriven_event_that_the_table_has_is_left_out() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    place.write("again.ndjson", events(3..30));
    let table = Audited(place);
    table.land_by("file:events.ndjson", BAD);
    let rule = ["--dedupe-key", "event_uuid", "--dedupe-window", "2h"];
    table.table("create", &rule);
    table.table("sync", &[]);
    table.land_by("file:again.ndjson", ".");
    table.table("sync", &[]);
    table.redrive();
    table.table("sync", &[]);
    let report = table.proven();
    // All but event 0 of the ten that are redriven came again, and 18 of those that were not.
    assert_eq!(
        (&report["rows"], &report["duplicates"]),
        (&30.into(), &27.into())
    );
}
