//! Warns of what landed before, and has been replaced since.

use crate::ledger::Ledger;
use crate::ledger::source_file::FileName;

/// Warns of a file in whose place another one has come, or of an object that was replaced.
pub(super) fn warn_of(ledger: &Ledger, file: &FileName) {
    let records = ledger.committed().map_or(0, |committed| committed.records);
    let pending = ledger.pending().map_or("", |_| " and a chunk is pending");
    let what = match file {
        FileName::Object(_) => format!(
            "the object was replaced by one with another first line, which is a shard of its own; {records} records of \
             the earlier one landed before{pending}"
        ),
        FileName::Path(_) | FileName::Name(_) => format!(
            "another file is at this path than the one of which {records} records landed before{pending}; if that was \
             moved (log rotation) and got more records before, give it as another --source: they have not landed"
        ),
    };
    tracing::warn!(source = %file, shard = %ledger.shard(), "{what}");
}
