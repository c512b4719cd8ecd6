//! Where the records come from that are tried.

use sluice_release::bundle::ReleaseId;

/// Where a record comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file, the stream, the archive, or the object of quarantine.
    pub(crate) source: String,
    /// The number of the line in a file, from 1.
    pub(crate) line: Option<u64>,
    /// Why the record was quarantined, if it comes from there: the code and the message.
    pub(crate) quarantined: Option<(String, String)>,
    /// The release that has quarantined it.
    pub(crate) rejected_by: Option<ReleaseId>,
}
