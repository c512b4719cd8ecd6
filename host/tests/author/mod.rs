//! The tools of a transform's author, through the program.

mod bench;
mod diff;
mod golden;
mod inspect;
mod package;

use crate::support::guests::rogue;
use crate::support::program::Place;

/// A place with the transform that misbehaves on command, by both of its builds.
fn place() -> Place {
    let place = Place::new();
    place.write("single.wasm", &rogue().by_record);
    place.write("batch.wasm", &rogue().by_batch);
    place
}
