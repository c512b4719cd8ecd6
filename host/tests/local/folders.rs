//! Folders and patterns as sources: which files are read, in which order, and what is said of the others.

mod again;
mod killed;
mod selection;
mod settings;

use crate::local::events;
use crate::support::program::{Place, Ran, Summary};

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
