//! Pages that have nothing to show say so, and what to do.

use std::fs;
use std::process::{Command, Stdio};

use testkit::proxy::{Fault, Rule};

use super::{Console, PAGES, command_in, console, visit};
use crate::local::events;
use crate::support::cloud::Cloud;
use crate::support::cloud::Service::S3;
use crate::support::lake;
use crate::support::program::{Place, Running};

/// Whether a page says that there is nothing, in the way that all pages do.
const NOTHING: &str = "class=\"empty\"";

#[test]
fn pages_name_the_option_that_they_need() {
    let place = Place::new();
    for folder in ["lake", "registry"] {
        fs::create_dir(place.path(folder)).unwrap();
    }
    for (args, paths, option) in [
        (
            ["--registry", "file:registry"],
            &["/shards", "/quarantine", "/schema"][..],
            "--lake",
        ),
        (["--registry", "file:registry"], &["/"][..], "--worker"),
        (["--lake", "file:lake"], &["/releases"][..], "--registry"),
    ] {
        let console = console(&place, &args);
        for path in paths {
            let page = console.says(path, &[option]);
            assert!(page.body.contains(NOTHING), "{path}: {page:#?}");
        }
        visit(&console);
    }
}

#[test]
fn an_empty_lake_and_an_empty_registry_are_shown_as_such() {
    let place = Place::new();
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let console = console(&place, &args);
    for path in ["/shards", "/releases", "/quarantine", "/schema"] {
        let page = console.until(path, |_| true);
        assert!(page.body.contains(NOTHING), "{path}: {page:#?}");
    }
    visit(&console);
    // Looking at them makes no folder of them.
    assert!(!place.lake().exists() && !place.path("registry").exists());
}

/// A worker that is not there is a problem, and the pages are there all the same.
#[test]
fn a_worker_that_does_not_answer_is_named() {
    let place = Place::new();
    // Nothing listens on this port, which is not for programs of users.
    let console = console(&place, &["--worker", "http://127.0.0.1:1"]);
    for path in PAGES {
        console.until(path, |_| true);
    }
    console.says("/", &["127.0.0.1:1", "no answer"]);
}

/// A damaged ledger is a problem of the page, not the end of the console.
#[test]
fn what_cannot_be_read_is_named() {
    let place = super::place();
    place.write("lake/_sluice/ledger/damaged.json", "no ledger");
    let console = console(&place, &["--lake", "file:lake"]);
    console.says("/shards", &["damaged.json"]);
    visit(&console);
}

/// Figures that lack a chunk are no reason to say that all is well.
#[test]
fn a_damaged_chunk_manifest_is_a_problem() {
    let place = super::place();
    let chunks = place.lake().join("_sluice/chunks");
    let manifest = lake::tree(&chunks)
        .into_keys()
        .find(|path| !path.ends_with('/'));
    fs::write(chunks.join(manifest.unwrap()), "{}").unwrap();
    let console = console(&place, &["--lake", "file:lake"]);
    let page = console.says(
        "/",
        &["chunk manifests cannot be read, so the figures are too low"],
    );
    assert!(!page.says("all is well"), "{}", page.text());
}

/// Starts a console that must print this.
fn prints(place: &Place, command: &mut Command, part: &str) {
    let log = fs::File::create(place.path("console.log")).unwrap();
    command
        .args(["--port", "0"])
        .stdout(Stdio::null())
        .stderr(log);
    let mut process = Running(command.spawn().unwrap());
    let log = || fs::read_to_string(place.path("console.log")).unwrap();
    process.until(|| log().contains(part));
}

/// A run may make the lake later, so the console starts.
#[test]
fn a_lake_that_is_not_there_yet_is_said() {
    let place = Place::new();
    let args = ["--lake", "file:lake"];
    let mut command = place.command(&[&["console"][..], &args].concat());
    prints(
        &place,
        &mut command,
        "the lake file:lake does not exist yet",
    );
    let console = console(&place, &args);
    for path in PAGES {
        console.says(path, &["the lake file:lake does not exist yet"]);
    }
    place.write("events.ndjson", events(0..3));
    place.land(&[]);
    console.until("/quarantine", |page| !page.says("does not exist yet"));
    console.says("/", &["3 records of 1 file, all have their outcome"]);
}

/// What was read before stays, with its time.
#[test]
fn a_lake_that_is_gone_is_said_on_each_page() {
    let place = super::place();
    let console = console(&place, &["--lake", "file:lake"]);
    for path in PAGES {
        console.until(path, |_| true);
    }
    console.says("/", &["committed records"]);
    fs::rename(place.lake(), place.path("elsewhere")).unwrap();
    for path in PAGES {
        console.says(path, &["no ledger is there any more"]);
    }
    for path in ["/quarantine", "/try", "/releases", "/shards"] {
        console.says(path, &["old: it was read before"]);
    }
    console.says("/", &["broken", "what you see of it is as of"]);
    console.says("/shards", &["29 records"]);
    console.says("/quarantine", &["invalid_json"]);
    fs::rename(place.path("elsewhere"), place.lake()).unwrap();
    for path in PAGES {
        console.until(path, |page| !page.says("no ledger is there any more"));
    }
}

#[test]
fn a_bucket_that_cannot_be_listed_is_said() {
    let cloud = Cloud::new(1);
    for (lake, code) in [
        ("s3://no-such-bucket/lake", "NoSuchBucket"),
        ("s3://bucket/lake", "AccessDenied"),
    ] {
        if code == "AccessDenied" {
            let denied = Rule::new(Fault::s3(403, code)).path("list-type=2");
            cloud.proxy(S3).add(denied.always());
        }
        let args = ["--lake", lake];
        let part = format!("the lake {lake}/ cannot be read");
        prints(&cloud.place, &mut command_in(&cloud, &args), &part);
        let console = Console::start(&mut command_in(&cloud, &args));
        for path in PAGES {
            console.says(path, &[code]);
        }
        console.says("/try", &["cannot be read"]);
    }
}
