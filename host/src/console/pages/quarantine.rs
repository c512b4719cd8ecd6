//! The page "Quarantine".

use std::sync::Arc;

use axum::Router;

use super::{Page, PageError, PageRequest};
use crate::console::Console;

/// What the page keeps between requests.
#[derive(Default)]
pub(super) struct State;

/// The requests that try or change something.
pub(super) fn actions() -> Router<Arc<Console>> {
    Router::new()
}

/// The page.
///
/// # Errors
/// [`PageError`]
pub(super) async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let _ = (console, request);
    Ok(Page {
        title: "Quarantine".into(),
        sections: Vec::new(),
    })
}

/// The page.
///
/// # Errors
/// [`PageError`]
pub(super) async fn record(
    console: &Arc<Console>,
    request: &PageRequest,
) -> Result<Page, PageError> {
    let _ = (console, request);
    Ok(Page {
        title: "Quarantine".into(),
        sections: Vec::new(),
    })
}
