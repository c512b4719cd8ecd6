//! What a redrive does not read of its list.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use sluice_release::bundle::ReleaseId;

use crate::redrive::RedriveId;

/// Counts what a redrive does not read of its list, and why.
#[derive(Debug, Default)]
pub struct RedriveTally(Mutex<Tallied>);

#[derive(Debug, Default)]
struct Tallied {
    skipped: BTreeMap<RedriveId, (u64, u64)>,
    unreadable: Vec<UnreadableObject>,
}

/// Objects that another redrive has claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedObjects {
    /// The redrive that they belong to.
    pub redrive: RedriveId,
    /// How many there are.
    pub objects: u64,
    /// The number of their records.
    pub records: u64,
    /// The release that the redrive was begun with; `None` if its list cannot be read.
    pub release: Option<ReleaseId>,
}

/// An object, or a document about objects, that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadableObject {
    /// Where it is.
    pub place: String,
    /// What is wrong with it.
    pub why: String,
    /// The number of its records, if it is an object of quarantine.
    pub records: Option<u64>,
}

impl RedriveTally {
    fn tallied(&self) -> MutexGuard<'_, Tallied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an object that belongs to another redrive.
    pub fn skipped(&self, redrive: RedriveId, records: u64) {
        let mut tallied = self.tallied();
        let (objects, all_records) = tallied.skipped.entry(redrive).or_default();
        *objects += 1;
        *all_records += records;
    }

    pub(super) fn unreadable(&self, object: UnreadableObject) {
        self.tallied().unreadable.push(object);
    }

    /// The objects of other redrives, by redrive, without the releases of these.
    #[must_use]
    pub fn all_skipped(&self) -> Vec<SkippedObjects> {
        let tallied = self.tallied();
        let skipped = tallied.skipped.iter();
        let skipped = skipped.map(|(redrive, (objects, records))| SkippedObjects {
            redrive: redrive.clone(),
            objects: *objects,
            records: *records,
            release: None,
        });
        skipped.collect()
    }

    /// The objects that could not be read.
    #[must_use]
    pub fn all_unreadable(&self) -> Vec<UnreadableObject> {
        self.tallied().unreadable.clone()
    }
}
