//! `sluice transform publish` with golden cases that fail.

use crate::support::program::Place;

#[test]
fn a_case_that_fails_is_shown_as_by_the_test_command() {
    let place = Place::new();
    place.write("cases/a.in.ndjson", "{\"n\":1}\n{\"n\":2}\n");
    place.write("cases/b.in.ndjson", "{\"n\":5}\n");
    let run = |command: &[&str], program: &str| {
        let rules = ["--jq", program, "--cases", "cases"];
        place.run(&[&["transform"], command, &rules].concat())
    };
    run(&["test", "--bless"], ".n += 1").succeeded();
    let publish = ["publish", "--registry", "file:registry"];
    let other = "if .n == 2 then .n = 7 else .n += 1 end";
    let published = run(&publish, other);
    let published = published.failed(1, &["the release fails admission: cases: case a, result 2"]);
    assert_eq!(published.stdout, "");
    let tested = run(&["test"], other).failed(1, &["1 of 2 cases failed"]);
    let differences = "FAILED  a\n    line 2: event.n\n        expected 3\n        got      7\n";
    assert!(published.stderr.contains(differences), "{published:#?}");
    assert!(tested.stdout.contains(differences), "{tested:#?}");
    assert!(!published.stderr.contains("  b\n"), "{published:#?}");
    assert!(!place.path("registry").exists());
    let same = run(&publish, ".n += 1").succeeded();
    assert_eq!(same.stderr, "");
}
