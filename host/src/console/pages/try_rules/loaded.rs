//! Records that are ready to be tried.

use std::collections::BTreeMap;

use sluice_engine::digest::Digest;
use sluice_engine::record::Record;
use sluice_release::bundle::ReleaseId;

use crate::output::counted;
use crate::tools::author::try_rules::input::Records;

/// The most records of a run.
pub(super) const RECORDS_MAX: usize = 1_000;

/// Where records of a lake or an archive end, in bytes.
pub(super) const LOADED_MAX_BYTES: usize = 8 << 20;

/// A larger object of an archive is not read.
pub(super) const OBJECT_MAX_BYTES: usize = 64 << 20;

/// An object of quarantine with more bytes of records is not read.
pub(super) const RECORDS_MAX_BYTES: u64 = 64 << 20;

/// The records of a part. A run can end between two.
pub(super) const PART_RECORDS: usize = 20;

/// Records to try.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The records, a few of one shard each.
    pub(super) parts: Vec<Records>,
    /// What was left out.
    pub(super) notes: Vec<String>,
    /// Whether their contents, and what rules make of them, may be shown.
    pub(super) is_shown: bool,
    records: usize,
    pub(super) bytes: usize,
    left_out: usize,
}

impl Loaded {
    pub(super) fn len(&self) -> usize {
        self.records
    }

    /// The record at an index, if it is still the one with these first digits of its digest.
    pub(super) fn find(&self, index: usize, digest: &str) -> Option<Record<'_>> {
        let mut all = self.parts.iter().flat_map(|part| part.batch.records());
        let found = all.nth(index)?;
        (Digest::of(found.data).short() == digest).then_some(found)
    }

    /// The release that has quarantined most of the records, and how many.
    pub(super) fn rejected_by(&self) -> Option<(ReleaseId, u64)> {
        let origins = self.parts.iter().flat_map(|part| &part.origins);
        let mut releases = BTreeMap::<ReleaseId, u64>::new();
        for release in origins.filter_map(|origin| origin.rejected_by) {
            *releases.entry(release).or_default() += 1;
        }
        releases.into_iter().max_by_key(|(_, records)| *records)
    }

    pub(super) fn is_full(&self) -> bool {
        self.records >= RECORDS_MAX || self.bytes >= LOADED_MAX_BYTES
    }

    pub(super) fn add(&mut self, records: &Records) {
        for index in 0..records.len() {
            match self.is_full() {
                true => self.left_out += 1,
                false => self.push(records, index),
            }
        }
    }

    fn push(&mut self, records: &Records, index: usize) {
        let goes_on = self.parts.last().is_some_and(|last| {
            let has_room = last.len() < PART_RECORDS && !last.batch.is_full();
            has_room && last.batch.shard() == records.batch.shard()
        });
        if !goes_on {
            self.parts.push(Records {
                batch: records.batch.empty(),
                origins: Vec::new(),
            });
        }
        if let Some(last) = self.parts.last_mut() {
            last.batch.copy(&records.batch, index);
            last.origins.push(records.origins[index].clone());
            self.records += 1;
            self.bytes += records.batch.record_data(index).len();
        }
    }

    /// Says what was left out; `more` if it is not known how many records there are.
    pub(super) fn finished(mut self, more: bool) -> Self {
        let tried = counted(self.records as u64, "record");
        if self.left_out > 0 {
            let left_out = counted(self.left_out as u64, "more record");
            let note = format!("Only the first {tried} are tried; {left_out} were left out.");
            self.notes.push(note);
        } else if more && self.is_full() {
            let note = format!("Only {tried} are tried; there may be more.");
            self.notes.push(note);
        }
        self
    }
}
