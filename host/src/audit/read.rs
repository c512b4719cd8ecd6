//! Reads objects of the lake, and files of the bus.

use sluice_storage::object_store::{Found, ObjectStore};

/// Reads an object by its key, or a file of the bus by its name after `bus:`.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn get(store: &dyn ObjectStore, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let name = key.strip_prefix("bus:").unwrap_or(key);
    Ok(match store.get(name, usize::MAX).await? {
        Found::Content(content) => Some(content),
        Found::Nothing | Found::TooLarge(_) => None,
    })
}
