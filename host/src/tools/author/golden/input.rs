//! Where a record of a case is in its file.

use sluice_engine::record::Position;
use sluice_release::cases::{Case, FilesByName};

/// The file with the records of a case.
pub(super) struct Input<'a> {
    file: &'a str,
    text: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(case: &'a Case, files: &'a FilesByName) -> Self {
        Self {
            file: &case.file,
            text: files.get(&case.file).map_or(&[], Vec::as_slice),
        }
    }

    /// The place of the record at this offset: `FILE:LINE`, or `FILE` if the whole file is one record.
    pub(super) fn place(&self, position: Position) -> String {
        let file = self.file;
        if !file.ends_with(".ndjson") {
            return file.to_owned();
        }
        let offset = position.sequence.as_offset().unwrap_or(0);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let before = self.text.iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        format!("{file}:{line}")
    }
}
