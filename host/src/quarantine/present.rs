//! Names the reasons, releases and shards in quarantine, for the message about a filter that takes nothing.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::{Quarantine, QuarantineError, QuarantineFilter, QuarantineObject};

/// The most names of a kind.
const NAMES_MAX: usize = 10;

impl Quarantine {
    /// What a filter that takes nothing could take: the reasons, releases and shards of these objects, in words; `None` if there
    /// is none.
    ///
    /// # Errors
    /// [`QuarantineError`]
    pub async fn present(
        &self,
        is_wanted: impl Fn(&QuarantineObject) -> bool,
    ) -> Result<Option<String>, QuarantineError> {
        let mut objects = self.objects(&QuarantineFilter::default()).await?.objects;
        objects.retain(is_wanted);
        if objects.is_empty() {
            return Ok(None);
        }
        let reasons: BTreeSet<_> = objects.iter().map(|object| &object.reason).collect();
        let releases: BTreeSet<_> = objects.iter().map(|it| it.release.short()).collect();
        let shards: BTreeSet<_> = objects.iter().map(|object| &object.shard).collect();
        Ok(Some(format!(
            "there are the reasons {}, the releases {} and the shards {}",
            names(&reasons),
            names(&releases),
            names(&shards)
        )))
    }
}

/// The first names, and how many there are besides.
fn names(all: &BTreeSet<impl Display>) -> String {
    let shown = all.iter().take(NAMES_MAX);
    let shown: Vec<_> = shown.map(ToString::to_string).collect();
    match all.len().saturating_sub(NAMES_MAX) {
        0 => shown.join(", "),
        more => format!("{} ({more} more)", shown.join(", ")),
    }
}
