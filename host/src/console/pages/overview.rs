//! The page "Overview".

use std::sync::Arc;

use super::{Page, PageError, PageRequest};
use crate::console::Console;

/// The page.
///
/// # Errors
/// [`PageError`]
pub(super) async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let _ = (console, request);
    Ok(Page {
        title: "Overview".into(),
        sections: Vec::new(),
    })
}
