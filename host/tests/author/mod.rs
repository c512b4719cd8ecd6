//! The tools of a transform's author, run by the program.

mod bench;
mod diff;
mod exit_codes;
mod golden;
mod inspect;
mod instances;
mod languages;
mod package;
mod tester;
mod try_escapes;
mod try_inputs;
mod try_limits;
mod try_outcomes;
mod try_rules;
mod try_settings;
mod try_usage;
mod try_watch;

use crate::support::guests::rogue;
use crate::support::program::Place;

/// A folder with the builds of `rogue`.
fn place() -> Place {
    let place = Place::new();
    place.write("single.wasm", &rogue().by_record);
    place.write("batch.wasm", &rogue().by_batch);
    place.write("fields.wasm", &rogue().by_fields);
    place.write("all.wasm", &rogue().by_all);
    place
}
