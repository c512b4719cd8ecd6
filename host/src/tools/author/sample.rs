//! The records that commands run on: the lines of a file, or generated events.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use sluice_engine::record::Batch;
use sluice_release::cases::sample::lines;

use crate::generate::{Events, GeneratorPlan};

/// Reads the lines of a file; without a file, generates [`GENERATED`] events.
///
/// # Errors
/// A file that cannot be read or has no records.
pub fn read(file: Option<&Path>) -> anyhow::Result<Vec<Batch>> {
    let Some(path) = file else {
        return lines(&generated(GENERATED, 0.0)?);
    };
    let named = || path.display().to_string();
    let text = fs::read(path).with_context(|| format!("cannot read {}", named()))?;
    let batches = lines(&text)?;
    anyhow::ensure!(
        !batches.is_empty(),
        "{} has no records; each line is a record",
        named()
    );
    Ok(batches)
}

/// How many events are generated without a file.
pub const GENERATED: u64 = 10_000;

/// Generated events, one a line: this many, of which this share is malformed.
///
/// # Errors
/// A share that is none.
pub(crate) fn generated(events: u64, malformed: f64) -> anyhow::Result<Vec<u8>> {
    let mut events = Events::new(&GeneratorPlan {
        events,
        types: 100,
        seed: 7,
        duplicates: 0.0,
        malformed,
        late: 0.0,
    })?;
    let mut text = Vec::new();
    while events.next_into(&mut text).is_some() {
        text.push(b'\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_events_are_always_the_same() {
        let all = |batches: Vec<Batch>| batches.iter().map(Batch::len).sum::<usize>();
        assert_eq!(all(read(None).unwrap()) as u64, GENERATED);
        assert_eq!(read(None).unwrap()[3].data(), read(None).unwrap()[3].data());
    }
}
