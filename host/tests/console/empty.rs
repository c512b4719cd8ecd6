//! Pages that have nothing to show say so, and what to do.

use std::fs;

use super::{PAGES, console, visit};
use crate::support::program::Place;

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
