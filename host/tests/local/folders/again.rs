//! Files of a folder that come, go and change, in one run and from one to the next.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{land_from, summary_of_failed, write_files};
use crate::local::inputs::gzip;
use crate::local::{all_enriched, event, events};
use crate::support::cloud::{Cloud, Service};
use crate::support::lake;
use crate::support::program::{Place, Ran, Running};

/// `O_NONBLOCK` of Linux on x86-64 and arm64: opening a pipe that nobody reads is an error.
const NONBLOCK: i32 = 0o4000;

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
fn change_unseen(path: &Path, content: impl AsRef<[u8]>) {
    let content = content.as_ref();
    let before = fs::metadata(path).unwrap();
    assert_eq!(before.len(), content.len() as u64);
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(content).unwrap();
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
    // A compressed file is whole if its end was reached.
    let compressed = gzip(&events(100..103)).len();
    change_unseen(&place.path("in/d.ndjson.gz"), vec![b'x'; compressed]);
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
fn an_audit_names_a_file_that_cannot_be_read_and_proves_the_others() {
    let place = Place::new();
    write_files(&place, &["in/a.ndjson", "in/b.ndjson"]);
    land_from(&place, &["file:in"], &[]).succeeded();
    place.write("in/c.ndjson", events(0..3) + &events(9..10));
    let source = ["audit", "--source", "file:in", "--lake", "file:lake"];
    let audit = [&source[..], &["--bus", "file:bus", "--summary", "json"]].concat();
    let ran = place.run(&audit);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in [
        "unreadable_source",
        "in/c.ndjson",
        "a.ndjson, which is still there",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {ran:?}");
    }
    fs::remove_file(place.path("in/c.ndjson")).unwrap();
    place.run(&audit).succeeded();
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
    let first = with_open_files(&place, 100, &args).summary();
    assert_eq!(first.counts(keys), [2_000, 0, 2_000]);
    let again = with_open_files(&place, 100, &args).summary();
    assert_eq!(again.counts(keys), [0, 2_000, 2_000]);
    assert_eq!(lake::all_events(&lake).len(), FILES);
}

/// A run over landed files lists the ledgers once and reads their group once. The last chunk of one of them says whether the
/// rules are still the same.
#[test]
fn landed_files_take_one_read_of_the_lake_together() {
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
    let (of_chunks, seen): (Vec<_>, Vec<_>) = seen.into_iter().partition(|seen| {
        seen.path.contains("_sluice%2Fchunks") || seen.path.contains("_sluice/chunks/")
    });
    assert_eq!(of_chunks.len(), 2, "{of_chunks:?}");
    let (listings, reads): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| is_listing(&seen.path));
    assert_eq!((listings.len(), reads.len()), (1, 1), "{seen:?}");
    let is_read = |path: &str| path.contains("_sluice/ledger/");
    assert!(
        reads
            .iter()
            .all(|seen| seen.method == "GET" && is_read(&seen.path)),
        "{seen:?}"
    );
}
