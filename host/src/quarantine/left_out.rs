//! What of the quarantine of a lake is not in a list, and why.

use sluice_engine::sanitize::sanitize;
use sluice_storage::object_store::ObjectStore;

use crate::output;

/// A number of things, with the first of them as an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examples {
    /// How many there are.
    pub count: u64,
    /// The key of the first one.
    pub first: Option<String>,
}

impl Examples {
    pub(super) fn add(&mut self, key: &str) {
        self.count += 1;
        if self.first.as_deref().is_none_or(|first| key < first) {
            self.first = Some(key.to_owned());
        }
    }
}

/// The files in quarantine that are not listed. What a filter does not take is not counted, except for objects of which it
/// cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Objects of chunks that are not committed yet.
    pub not_committed: Examples,
    /// Objects of ranges that a run has given up. They are no chunks.
    pub given_up: Examples,
    /// Objects of committed ranges without a chunk manifest: it was removed, or another attempt put them.
    pub without_manifest: Examples,
    /// Objects that the manifest of their chunk does not name.
    pub not_named: Examples,
    /// Files that Sluice has not written.
    pub unrecognized: Examples,
    /// Objects of chunks whose records have no time of arrival, if the filter asks for times.
    pub without_times: Examples,
}

impl LeftOut {
    /// A message for each kind that there is: how many files, what they are, and the place of one. Anybody can have named
    /// that file, so control characters are escaped.
    pub fn messages(&self, store: &dyn ObjectStore) -> impl Iterator<Item = String> {
        self.kinds().map(move |(files, what)| {
            let place = store.place(files.first.as_deref().unwrap_or_default());
            let count = output::counted(files.count, "file");
            let place = sanitize(&place);
            format!("leaving out {count} in quarantine {what}, such as {place}")
        })
    }

    /// Each kind that there is, in words that follow "files in quarantine".
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&Examples, &'static str)> {
        let kinds = [
            (&self.not_committed, "of chunks that are not committed yet"),
            (&self.given_up, "of ranges that a run has given up"),
            (
                &self.without_manifest,
                "without a chunk manifest (`sluice audit` says more)",
            ),
            (
                &self.not_named,
                "that their chunk manifest does not name (`sluice audit` says more)",
            ),
            (&self.unrecognized, "that Sluice has not written"),
            (
                &self.without_times,
                "whose records have no time of arrival, so --from and --to do not take them",
            ),
        ];
        kinds.into_iter().filter(|(files, _)| files.count > 0)
    }
}
