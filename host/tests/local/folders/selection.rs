//! Which files of a folder are read, and in which order.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::{land_from, summary_of_failed, write_files};
use crate::local::{all_enriched, event, events};
use crate::support::lake;
use crate::support::program::Place;

#[test]
fn the_files_of_a_folder_land_in_the_order_of_their_names() {
    let place = Place::new();
    for name in ["é", "b", "a.b", "a", "B", "10", "9", "a-b"] {
        place.write(&format!("in/{name}"), "BZh91AY&SY and a block");
    }
    write_files(&place, &["in/z", "in/c", "in/below/not"]);
    let ran = land_from(&place, &["file:in"], &[]);
    let failed = ran.stderr.lines().filter_map(|line| {
        let line = line.strip_prefix("sluice: cannot read in/")?;
        Some(line.split_once(':').unwrap().0)
    });
    let failed: Vec<_> = failed.collect();
    assert_eq!(failed, ["10", "9", "B", "a", "a-b", "a.b", "b", "é"]);
    let summary = summary_of_failed(&ran);
    let keys = ["files", "failed_sources", "records", "files_left_out"];
    assert_eq!(summary.counts(keys), [10, 8, 6, 1]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..6));
}

#[test]
fn hidden_and_unfinished_files_are_left_out_counted_and_said_once() {
    let place = Place::new();
    write_files(&place, &["in/events.ndjson"]);
    for name in [
        ".hidden",
        "_SUCCESS",
        "x.tmp",
        "y.ndjson.part",
        "z~",
        "sub/x",
    ] {
        place.write(&format!("in/{name}"), events(100..103));
    }
    let ran = land_from(&place, &["file:in"], &["--log-level", "info"]);
    let said = ran
        .stderr
        .matches("left out of the folders of the sources: ")
        .count();
    assert_eq!(said, 1, "{ran:?}");
    let summary = ran.summary();
    assert_eq!(
        summary.counts(["records", "files", "files_left_out"]),
        [3, 1, 6]
    );
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..3));
    let ran = land_from(&place, &["file:in"], &["--summary", "text"]).succeeded();
    let row = format!(
        "  {:<11} {:>12}  of the folders: 1 hidden; 4 unfinished",
        "left out", 6
    );
    assert!(ran.stdout.contains(&row), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("1 sub-folder, which FOLDER/** reads too"),
        "{}",
        ran.stdout
    );
    // They are read under other names, or if they are asked for.
    fs::rename(place.path("in/x.tmp"), place.path("in/x.ndjson")).unwrap();
    let summary = land_from(&place, &["file:in"], &[]).summary();
    assert_eq!(
        summary.counts(["records", "files", "files_left_out"]),
        [3, 2, 5]
    );
    fs::remove_file(place.path("in/x.ndjson")).unwrap();
    place.write("in/_SUCCESS", events(3..6));
    let summary = land_from(&place, &["file:in/_*"], &[]).summary();
    assert_eq!(
        summary.counts(["records", "files", "files_left_out"]),
        [3, 1, 0]
    );
}

#[test]
fn a_pattern_reads_the_files_that_it_matches() {
    let place = Place::new();
    let matched = [
        "in/a b.ndjson",
        "in/[1].ndjson",
        "in/deep/er/x.ndjson",
        "in/東京.ndjson",
    ];
    write_files(&place, &matched);
    place.write("in/other.json", events(100..103));
    place.write("in/.hidden/x.ndjson", events(103..106));
    let flat = land_from(&place, &["file:in/*.ndjson"], &[]).summary();
    assert_eq!(
        flat.counts(["records", "files", "files_left_out"]),
        [9, 3, 0]
    );
    let all = land_from(&place, &["file:in/**/*.ndjson"], &[]).summary();
    assert_eq!(all.counts(["records", "already_committed"]), [3, 9]);
    assert_eq!(all.counts(["files", "files_left_out"]), [4, 1]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..12));
}

#[test]
fn a_path_that_exists_is_that_file_whatever_characters_it_has() {
    let place = Place::new();
    write_files(
        &place,
        &["[a].ndjson", "a.ndjson", "x*.ndjson", "xy.ndjson"],
    );
    for (source, records) in [
        ("file:[a].ndjson", 3),
        ("file:x*.ndjson", 3),
        ("file:[b-z]?.*", 6),
    ] {
        let lake = format!("file:lake-{records}-{}", source.len());
        let summary = land_from(&place, &[source], &["--lake", &lake, "--bus", "none"]).summary();
        // The last one is no file, and matches `x*.ndjson` and `xy.ndjson`.
        assert_eq!(summary.count("records"), records, "{source}");
    }
}

#[test]
fn a_name_that_is_not_utf8_fails_alone() {
    let place = Place::new();
    write_files(&place, &["in/a.ndjson", "in/z.ndjson"]);
    let wrong = place.path("in").join(OsStr::from_bytes(b"b-\xff.ndjson"));
    fs::write(wrong, events(100..103)).unwrap();
    for source in ["file:in", "file:in/*.ndjson"] {
        let ran = land_from(
            &place,
            &[source],
            &[
                "--lake",
                &format!("file:lake-{}", source.len()),
                "--bus",
                "none",
            ],
        );
        let ran = ran.failed(1, &["is not UTF-8", "1 of 3 sources failed"]);
        let summary = summary_of_failed(&ran);
        assert_eq!(summary.counts(["records", "failed_sources"]), [6, 1]);
    }
}

#[test]
fn a_pattern_without_a_match_fails_and_the_others_are_landed() {
    let place = Place::new();
    write_files(&place, &["in/events.ndjson"]);
    place.write("in/x.tmp", "");
    for source in [
        "file:in/*.json",
        "file:nowhere/**",
        "file:in/events.ndjson/*",
    ] {
        let path = source.strip_prefix("file:").unwrap();
        let said = format!("sluice: cannot read {path}: nothing has this name, and as a pattern, ");
        land_from(&place, &[source], &[]).failed(1, &[&said]);
    }
    land_from(&place, &["file:in/x.???"], &[]).failed(1, &["left out: 1 unfinished"]);
    land_from(&place, &["file:in/["], &[]).failed(1, &["cannot read in/[: ", "no pattern"]);
    let ran = land_from(&place, &["file:in/*.json", "file:in/*.ndjson"], &[]);
    let ran = ran.failed(1, &["cannot read in/*.json", "1 of 2 sources failed"]);
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["records", "failed_sources"]), [3, 1]);
}

#[test]
fn an_empty_folder_is_no_error_and_is_said() {
    let place = Place::new();
    fs::create_dir(place.path("in")).unwrap();
    let ran = land_from(&place, &["file:in"], &[]).succeeded();
    assert!(
        ran.stderr.contains("in: the folder has no file to read"),
        "{ran:?}"
    );
    assert_eq!(ran.summary().counts(["records", "files"]), [0, 0]);
    write_files(&place, &["in/sub/x"]);
    let ran = land_from(&place, &["file:in"], &[]).succeeded();
    assert!(ran.stderr.contains("FOLDER/** reads too"), "{ran:?}");
    assert_eq!(ran.summary().counts(["records", "files_left_out"]), [0, 1]);
}

#[test]
fn a_folder_that_cannot_be_read_fails_and_the_others_are_landed() {
    let place = Place::new();
    write_files(&place, &["in/a.ndjson", "in/secret/b.ndjson"]);
    let set = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.path("in/secret"), permissions).unwrap();
    };
    set(0o000);
    if fs::read_dir(place.path("in/secret")).is_ok() {
        return; // The superuser reads everything.
    }
    let ran = land_from(&place, &["file:in/**"], &[]);
    let alone = land_from(&place, &["file:in/secret"], &[]);
    set(0o755);
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.count("records"), 3);
    assert!(ran.stderr.contains("cannot read in/secret: "), "{ran:?}");
    alone.failed(1, &["cannot read in/secret: "]);
}

#[test]
fn links_are_followed_once_and_a_file_is_read_once() {
    let place = Place::new();
    write_files(&place, &["in/a/x.ndjson", "elsewhere/y.ndjson"]);
    symlink("..", place.path("in/a/loop")).unwrap();
    symlink("../elsewhere", place.path("in/linked")).unwrap();
    symlink("a/x.ndjson", place.path("in/same.ndjson")).unwrap();
    let ran = land_from(&place, &["file:in/**", "file:elsewhere"], &[]);
    assert_eq!(
        ran.stderr.matches("so it is read once").count(),
        2,
        "{ran:?}"
    );
    assert_eq!(ran.summary().counts(["records", "files"]), [6, 2]);
    let twenty: Vec<_> = (0..20).map(|n| format!("many/{n}")).collect();
    for (n, name) in twenty.iter().enumerate() {
        place.write(name, event(n) + "\n");
    }
    let ran = land_from(
        &place,
        &["file:many", "file:many/*"],
        &["--lake", "file:other", "--bus", "none"],
    );
    assert_eq!(
        ran.stderr.matches("so it is read once").count(),
        10,
        "{ran:?}"
    );
    assert!(
        ran.stderr.contains("10 more files are given again"),
        "{ran:?}"
    );
    assert_eq!(ran.summary().counts(["records", "files"]), [20, 20]);
}

#[test]
fn a_link_to_nothing_is_said_and_the_others_land() {
    let place = Place::new();
    place.write("in/a.ndjson", events(0..3));
    symlink("nowhere", place.path("in/b.ndjson")).unwrap();
    let ran = place.try_land(&["--source", "file:in"]);
    let ran = ran.failed(1, &["in/b.ndjson is a link to a file that does not exist"]);
    assert!(
        ran.stderr.contains("1 of 2 sources failed"),
        "{}",
        ran.stderr
    );
    assert_eq!(lake::all_events(&place.lake()).len(), 3);
}
