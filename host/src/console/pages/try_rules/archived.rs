//! Records of an archive.

use anyhow::Context as _;

use super::decoding;
use super::form::TryForm;
use super::loaded::{Loaded, OBJECT_MAX_BYTES};
use crate::config::{ArchiveSettings, parse_store};
use crate::console::page::PageError;
use crate::console::tasks::read_contents;
use crate::source::unpacking::Unpacking;
use crate::tools::author::try_rules::archive::ArchiveInput;

/// The records of an archive.
///
/// # Errors
/// There are none, or they cannot be read.
pub(super) async fn archived(form: &TryForm) -> Result<Loaded, PageError> {
    let target = form.archive.trim().to_owned();
    let location = parse_store("archive", &target);
    let location = location.map_err(|error| PageError::Wrong(error.to_string()))?;
    let settings = ArchiveSettings {
        location,
        only_shard: None,
    };
    let unpacking = Unpacking {
        decoding: decoding::chosen(form)?.unwrap_or_default(),
        ..Unpacking::default()
    };
    let input = ArchiveInput::new(settings, unpacking).with_object_max_bytes(OBJECT_MAX_BYTES);
    let read = move || async move {
        let mut reading = input.open().await?;
        let mut loaded = Loaded::default();
        while !loaded.is_full()
            && let Some(records) = reading.next().await?
        {
            loaded.add(&records);
        }
        anyhow::Ok(loaded)
    };
    let loaded = read_contents(read).await;
    let loaded = loaded.with_context(|| format!("cannot read the archive {target}"))?;
    if loaded.len() == 0 {
        let why = format!("The archive {target} has no records.");
        return Err(PageError::NotFound(why));
    }
    Ok(loaded.finished(true))
}
