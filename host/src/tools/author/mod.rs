//! The commands of a transform's author, `sluice transform …`: one module for each, and what they share.
//!
//! They run a component as `run` does: with the same admission, the same sandbox and the default limits.

pub mod bench;
pub mod component;
pub mod diff;
pub mod golden;
pub mod inspect;
pub mod languages;
mod module_names;
pub mod new;
pub mod program_text;
pub mod sample;
mod sdk;
pub mod try_rules;
pub mod wrap;

/// The length of a value in reports, in characters.
const SHOWN_CHARS: usize = 300;

/// A value of a comparison, for people: a long one is truncated.
fn shown(value: Option<&str>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    match value.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
