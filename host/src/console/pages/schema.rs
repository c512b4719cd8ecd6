//! The page "Schema".

use std::sync::Arc;

use super::{Page, PageError, PageRequest};
use crate::console::Console;

/// What the page keeps between requests.
#[derive(Default)]
pub(super) struct State;

/// The page.
///
/// # Errors
/// [`PageError`]
pub(super) async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let _ = (console, request);
    Ok(Page {
        title: "Schema".into(),
        sections: Vec::new(),
    })
}
