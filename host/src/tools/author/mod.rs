//! The tools of a transform's author: `sluice transform`, one module for each of its commands, and
//! what they share.
//!
//! All of them run a component as `run` does: the same admission, the same sandbox, the usual limits.

pub mod bench;
pub mod component;
pub mod diff;
pub mod golden;
pub mod inspect;
pub mod new;
pub mod sample;
pub mod wrap;

/// Characters of a value that people are shown.
const SHOWN_CHARS: usize = 300;

/// A value of a comparison for people: cut where it is long, and in words where there is none.
fn shown(value: Option<&str>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    match value.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
