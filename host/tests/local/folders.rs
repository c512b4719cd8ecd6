//! Folders and patterns as sources: which files are read, in which order, and what is said of the others.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::local::inputs::gzip;
use crate::local::{all_enriched, event, events};
use crate::support::cloud::{Cloud, Service};
use crate::support::lake;
use crate::support::program::{Place, Ran, Running, Summary};

/// `O_NONBLOCK` of Linux on x86-64 and arm64: opening a pipe that nobody reads is an error.
const NONBLOCK: i32 = 0o4000;

fn land_from(place: &Place, sources: &[&str], more: &[&str]) -> Ran {
    let sources = sources.iter().flat_map(|source| ["--source", source]);
    let args: Vec<_> = sources.chain(more.iter().copied()).collect();
    place.try_land(&args)
}

/// The summary of a run that ended with 1.
fn summary_of_failed(ran: &Ran) -> Summary {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    Summary(serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap())
}

/// Files of three events each: the first one has the events 0 to 2.
fn write_files(place: &Place, names: &[&str]) {
    for (n, name) in names.iter().enumerate() {
        place.write(name, events(3 * n..3 * n + 3));
    }
}

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

/// The first source is a pipe: when the program opens it, the folder has been listed.
#[test]
fn a_file_that_vanishes_after_it_was_listed_is_said() {
    let place = Place::new();
    write_files(&place, &["in/a.ndjson", "in/b.ndjson"]);
    let pipe = place.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let (stdout, stderr) = (place.path("stdout"), place.path("stderr"));
    let args = Place::landing(&["--source", "file:pipe", "--source", "file:in"]);
    let mut command = place.command(&args);
    command.stdout(File::create(&stdout).unwrap());
    command.stderr(File::create(&stderr).unwrap());
    let mut running = Running(command.spawn().unwrap());
    let open = || {
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(NONBLOCK).open(&pipe).ok()
    };
    let held = RefCell::new(None);
    running.until(|| {
        held.replace(open());
        held.borrow().is_some()
    });
    fs::remove_file(place.path("in/b.ndjson")).unwrap();
    let mut pipe = held.into_inner().unwrap();
    pipe.write_all(events(6..9).as_bytes()).unwrap();
    drop(pipe);
    let ran = Ran {
        code: running.ends(),
        stdout: fs::read_to_string(stdout).unwrap(),
        stderr: fs::read_to_string(stderr).unwrap(),
    };
    let ran = ran.failed(
        1,
        &["in/b.ndjson was in its folder when the run began and is gone now"],
    );
    let summary = summary_of_failed(&ran);
    let keys = ["records", "files", "failed_sources"];
    assert_eq!(summary.counts(keys), [6, 3, 1]);
    let landed = lake::all_events(&place.lake());
    assert!(
        all_enriched(0..3)
            .iter()
            .all(|event| landed.contains(event))
    );
}

/// Changes a file without a trace in what the file system says of it.
fn change_unseen(path: &Path, content: &str) {
    let before = fs::metadata(path).unwrap();
    assert_eq!(before.len(), content.len() as u64);
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
}

#[test]
fn files_that_have_landed_are_not_opened_again_and_new_ones_land() {
    let place = Place::new();
    write_files(&place, &["in/a.ndjson", "in/b.ndjson"]);
    place.write("in/c.ndjson", events(6..8) + &event(8)[..20]);
    place.write("in/d.ndjson.gz", gzip(&events(100..103)));
    let keys = ["records", "already_committed", "files", "incomplete"];
    let land = || land_from(&place, &["file:in"], &[]).summary().counts(keys);
    assert_eq!(land(), [11, 0, 4, 1]);
    let changed = events(0..2) + &events(5..6);
    change_unseen(&place.path("in/a.ndjson"), &changed);
    // A file that needs more is opened as before: its last line is not complete.
    assert_eq!(land(), [0, 11, 4, 1]);
    place.write("in/a-new.ndjson", events(9..12));
    place.write("in/c.ndjson", events(6..9));
    assert_eq!(land(), [4, 11, 5, 0]);
    assert_eq!(land(), [0, 15, 5, 0]);
    // Only a source of its own is compared again.
    let own = land_from(&place, &["file:in/a.ndjson"], &[]);
    own.failed(1, &["in/a.ndjson", "no longer holds"]);
    let renamed = place.path("in/z.ndjson");
    fs::rename(place.path("in/b.ndjson"), renamed).unwrap();
    assert_eq!(land(), [0, 15, 5, 0]);
}

#[test]
fn a_file_of_a_folder_that_has_changed_fails() {
    let place = Place::new();
    write_files(&place, &["in/a.ndjson", "in/b.ndjson"]);
    land_from(&place, &["file:in"], &[]).succeeded();
    place.write("in/a.ndjson", events(0..2) + &events(7..8));
    let ran = land_from(&place, &["file:in"], &[]);
    let ran = ran.failed(1, &["in/a.ndjson", "no longer holds"]);
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["records", "failed_sources"]), [0, 1]);
}

#[test]
fn a_chunk_that_was_not_committed_is_finished_in_a_folder_too() {
    let place = Place::new();
    write_files(&place, &["in/a.ndjson", "in/b.ndjson"]);
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    land_from(&place, &["file:in"], &[]).failed(1, &["event_type=payment"]);
    fs::remove_file(in_the_way).unwrap();
    assert_eq!(
        land_from(&place, &["file:in"], &[])
            .summary()
            .count("records"),
        6
    );
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..6));
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
fn a_folder_of_sources_cannot_hold_the_lake_or_the_bus() {
    let place = Place::new();
    write_files(&place, &["events.ndjson", "in/x.ndjson"]);
    let parts = ["source: ", "also reads the folder of the lake"];
    land_from(&place, &["file:**/*.ndjson"], &[]).failed(2, &parts);
    let bus = ["--bus", "file:in"];
    let parts = ["source: ", "also reads the folder of the bus"];
    land_from(&place, &["file:in"], &bus).failed(2, &parts);
    assert!(!place.lake().exists());
    // The current folder alone holds the lake, but is not read recursively.
    assert_eq!(
        land_from(&place, &["file:."], &[])
            .summary()
            .count("records"),
        3
    );
    symlink("../lake/_sluice", place.path("in/link")).unwrap();
    let parts = ["source: ", "lies in the folder of the lake"];
    land_from(&place, &["file:in/**"], &[]).failed(2, &parts);
}

#[test]
fn a_name_is_for_one_file() {
    let place = Place::new();
    write_files(&place, &["in/x.ndjson"]);
    let name = ["--source-name", "x"];
    for source in ["file:in", "file:in/*"] {
        let parts = ["source_name: ", "the path of one file"];
        land_from(&place, &[source], &name).failed(2, &parts);
    }
    land_from(&place, &["file:in/x.ndjson"], &name).succeeded();
}

#[test]
fn an_audit_a_check_and_a_trial_take_the_same_files() {
    let place = Place::new();
    write_files(&place, &["in/b.ndjson", "in/a.ndjson", "in/sub/c.ndjson"]);
    place.write("in/.hidden", "no json\n");
    land_from(&place, &["file:in/**"], &[]).succeeded();
    let audit = |source: &str| {
        let targets = ["--lake", "file:lake", "--bus", "file:bus"];
        let args = [&["audit", "--source", source], &targets[..]].concat();
        place.run(&args)
    };
    let proven = audit("file:in/**").succeeded().stdout;
    assert!(proven.starts_with("proven: 9 records "), "{proven}");
    assert!(
        proven.contains("note: 3 files found in the folders"),
        "{proven}"
    );
    assert!(
        proven.contains("note: left out of the folders: 1 hidden"),
        "{proven}"
    );
    let flat = audit("file:in").succeeded().stdout;
    assert!(flat.starts_with("proven: 6 records "), "{flat}");
    audit("file:in/*.json").failed(1, &["matches no file to read"]);
    let check =
        |source: &str| place.run(&["config", "check", "--source", source, "--lake", "file:lake"]);
    let checked = check("file:in").succeeded().stdout;
    let expected = "the settings are valid\nnote: 2 files found in the folders of the sources\n\
                    note: left out of the folders: 1 hidden; 1 sub-folder";
    assert!(checked.starts_with(expected), "{checked}");
    check("file:in/*.json").failed(1, &["matches no file to read"]);
    for args in [&["--source", "file:in"][..], &["in"], &["in/*.ndjson"]] {
        let args = [&["transform", "try", "--json"], args].concat();
        let tried = place.run(&args).succeeded();
        let sources = tried.stdout.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            Some(line["source"].as_str()?.to_owned())
        });
        let expected = [["in/a.ndjson"; 3], ["in/b.ndjson"; 3]].concat();
        assert_eq!(sources.collect::<Vec<_>>(), expected, "{args:?}");
    }
    let nothing = place.run(&["transform", "try", "in/*.json"]);
    nothing.failed(1, &["matches no file to read"]);
}

#[test]
fn a_variable_holds_several_sources() {
    let place = Place::new();
    write_files(&place, &["a.ndjson", "b,c.ndjson", "in/d.ndjson"]);
    let with = |args: &[&str], sources: &str| {
        let mut command = place.command(args);
        command
            .env("SLUICE_SOURCE", sources)
            .env("SLUICE_LAKE", "file:lake");
        Ran::from(command.output().unwrap())
    };
    let sources = r"file:a.ndjson,file:b\,c.ndjson, file:in";
    let run = ["run", "--summary", "json"];
    assert_eq!(
        with(&run, sources).summary().counts(["records", "files"]),
        [9, 3]
    );
    let shown = with(&["config", "show"], sources).succeeded().stdout;
    let line = r#"source = ["file:a.ndjson", "file:b,c.ndjson", "file:in"]  # environment"#;
    assert!(shown.lines().any(|shown| shown == line), "{shown}");
    with(&run, "file:a.ndjson,,-").failed(2, &["SLUICE_SOURCE: value 2 of 3 is empty"]);
    let parts = [
        "SLUICE_SOURCE: value 2 of 2: ",
        "did you mean `file:b.ndjson`?",
    ];
    with(&run, "file:a.ndjson,b.ndjson").failed(2, &parts);
    // A comma in a flag or in `sluice.toml` is a part of the value.
    let flag = ["run", "--summary", "json", "--source", "file:b,c.ndjson"];
    let summary = with(&flag, "file:nowhere").summary();
    assert_eq!(summary.counts(["records", "already_committed"]), [0, 3]);
    place.write(
        "sluice.toml",
        "source = ['file:b,c.ndjson', 'file:in']\nlake = 'file:lake'\n",
    );
    let summary = place.run(&run).summary();
    assert_eq!(summary.counts(["records", "already_committed"]), [0, 6]);
}

/// The program within a limit on open files.
fn with_open_files(place: &Place, files: u32, args: &[&str]) -> Ran {
    let program = place.command(&Place::landing(args));
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]);
    command.arg(program.get_program()).args(program.get_args());
    command.current_dir(place.path(""));
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap().into()
}

#[test]
fn many_files_need_few_handles() {
    const FILES: usize = 2_000;
    let place = Place::new();
    for n in 0..FILES {
        place.write(&format!("in/{}/{n}.ndjson", n % 7), event(n) + "\n");
    }
    // Each file takes several writes that must be durable, which takes a minute on a slow disk.
    let in_memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let in_memory = in_memory.unwrap();
    let lake = in_memory.path().join("lake");
    let args = [
        "--source",
        "file:in/**/*.ndjson",
        "--lake",
        &format!("file:{}", lake.display()),
        "--transform",
        "builtin:copy",
        "--bus",
        "none",
    ];
    let keys = ["records", "already_committed", "files"];
    let first = with_open_files(&place, 64, &args).summary();
    assert_eq!(first.counts(keys), [2_000, 0, 2_000]);
    let again = with_open_files(&place, 64, &args).summary();
    assert_eq!(again.counts(keys), [0, 2_000, 2_000]);
    assert_eq!(lake::all_events(&lake).len(), FILES);
}

/// A run over landed files lists the ledgers once and reads each once.
#[test]
fn landed_files_take_one_read_of_the_lake_each() {
    const FILES: usize = 20;
    let cloud = Cloud::new(1);
    for n in 0..FILES {
        cloud
            .place
            .write(&format!("in/{n}.ndjson"), event(n) + "\n");
    }
    let run = || {
        let targets = ["--lake", "s3://bucket/lake", "--summary", "json"];
        let mut command = cloud
            .place
            .command(&[&["run", "--source", "file:in"], &targets[..]].concat());
        command.envs(testkit::environment());
        command.env("AWS_ENDPOINT_URL_S3", &cloud.proxy(Service::S3).endpoint);
        Ran::from(command.output().unwrap()).summary()
    };
    assert_eq!(run().counts(["records", "already_committed"]), [20, 0]);
    let before = cloud.proxy(Service::S3).seen().len();
    assert_eq!(run().counts(["records", "already_committed"]), [0, 20]);
    let seen = cloud.proxy(Service::S3).seen().split_off(before);
    let is_listing = |path: &str| path.contains("list-type=2");
    let (listings, reads): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| is_listing(&seen.path));
    assert_eq!((listings.len(), reads.len()), (1, FILES), "{seen:?}");
    let is_read = |path: &str| path.contains("_sluice/ledger/");
    assert!(
        reads
            .iter()
            .all(|seen| seen.method == "GET" && is_read(&seen.path)),
        "{seen:?}"
    );
}
