//! Which errors concern one file, and what they say of it.

use std::io::ErrorKind;

use crate::ledger::store::StoreError;
use crate::modes::known_files::IdentityError;
use crate::pipeline::error::PipelineError;
use crate::source::SourceError;
use crate::source::file::Location;

/// Whether an error concerns only the file that it was met at, or the shard of an archive.
pub(crate) fn is_of_file(error: &anyhow::Error) -> bool {
    let of_shard = match error.downcast_ref() {
        Some(PipelineError::Source(error)) => error.is_of_one_source(),
        Some(PipelineError::RangeChanged(_)) => true,
        _ => false,
    };
    let of_source = error
        .downcast_ref()
        .is_some_and(SourceError::is_of_one_source);
    of_shard || of_source || is_of_another_run(error) || error.is::<IdentityError>()
}

/// Whether another run works on the file, or on the shard of an archive.
pub(crate) fn is_of_another_run(error: &anyhow::Error) -> bool {
    let is = |error: &StoreError| {
        let is_lost = matches!(error, StoreError::Locked(_) | StoreError::Lost { .. });
        is_lost || error.is_conflict()
    };
    match error.downcast_ref() {
        Some(PipelineError::Ledger(error)) => is(error),
        _ => error.downcast_ref().is_some_and(is),
    }
}

/// Whether the content that is committed is not there any more, and the file can be read once more.
pub(super) fn has_changed(location: &Location, error: &anyhow::Error) -> bool {
    let changed = matches!(error.downcast_ref(), Some(SourceError::Changed { .. }));
    changed && matches!(location, Location::File(path) if path.is_file())
}

/// Why a file of a folder is not there when it is opened.
pub(super) fn why_gone(location: &Location) -> String {
    let name = location.name();
    if matches!(location, Location::Object(_)) {
        return format!("{name} was listed when the run began and is gone now");
    }
    match location.is_link() {
        true => format!("{name} is a link to a file that does not exist; remove the link"),
        false => format!(
            "{name} was in its folder when the run began and is gone now; if it was renamed, the next run reads it"
        ),
    }
}

/// Whether there is no file.
pub(super) fn is_gone(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    matches!(error, Some(SourceError::Io { source, .. }) if source.kind() == ErrorKind::NotFound)
}
