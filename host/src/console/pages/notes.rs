//! What an action has done, or why it was refused: on top of a page, with the focus.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use maud::{Markup, html};

use crate::console::page::PageRequest;
use crate::console::payload::inert;

/// How many notes wait for their pages.
const WAITING_MAX: usize = 16;

/// The member of a query that names a note.
const NOTE: &str = "note";

/// Notes about what was done. Each is shown once, on the page that the browser is sent to: not again when that page is
/// loaded again.
#[derive(Default)]
pub(super) struct Notes(Mutex<VecDeque<(String, Markup)>>);

impl Notes {
    /// Keeps a note for a page, and returns the address of the page with the key of the note.
    pub(super) fn leave(&self, path: &str, note: Markup) -> String {
        let key = format!("{:016x}", rand::random::<u64>());
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back((key.clone(), note));
        let excess = waiting.len().saturating_sub(WAITING_MAX);
        waiting.drain(..excess);
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}{NOTE}={key}")
    }

    /// The note of a page, if it was not shown yet.
    pub(super) fn take(&self, request: &PageRequest) -> Option<Markup> {
        let key = request.get(NOTE)?;
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(|(known, _)| known == key)?;
        waiting.remove(at).map(|(_, note)| note)
    }
}

/// What was done, and what can be done next.
pub(super) fn done(what: &Markup, next: &[Markup]) -> Markup {
    html! {
        div.done role="status" tabindex="-1" autofocus {
            p { strong { (what) } }
            @if !next.is_empty() {
                p { "Next:" }
                ul { @for step in next { li { (step) } } }
            }
        }
    }
}

/// A place that an error is about: its address, and what it is called.
pub(super) type Place = (String, &'static str);

/// The id of a refusal, by which its field names it.
pub(super) const REFUSAL: &str = "refusal";

/// Why what was asked for was not done, with a link to the field that is wrong or to what was done before the error.
pub(super) fn refusal(why: &str, place: Option<&Place>) -> Markup {
    html! {
        div.problem id=(REFUSAL) role="alert" tabindex="-1" autofocus {
            p { (inert(why)) }
            @if let Some((target, name)) = place { p { a href=(target) { (name) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_shown_once() {
        let notes = Notes::default();
        let path = notes.leave("/release?id=1", done(&html! { "Done." }, &[]));
        assert!(path.starts_with("/release?id=1&note="), "{path}");
        let request = PageRequest::parse(&path);
        let note = notes.take(&request).unwrap().into_string();
        assert!(
            note.contains("Done.") && note.contains("autofocus"),
            "{note}"
        );
        assert!(notes.take(&request).is_none());
        assert!(notes.take(&PageRequest::parse("/releases")).is_none());
        let first = notes.leave("/releases", html! {});
        assert!(first.starts_with("/releases?note="), "{first}");
        for _ in 0..WAITING_MAX {
            notes.leave("/releases", html! {});
        }
        assert!(notes.take(&PageRequest::parse(&first)).is_none());
    }

    #[test]
    fn a_refusal_names_its_field_and_cannot_act() {
        let place = ("#try-why".to_owned(), "Reason");
        let html = refusal("<b>\u{202e}", Some(&place)).into_string();
        assert!(html.contains("&lt;b&gt;\\u{202e}"), "{html}");
        assert!(html.contains("href=\"#try-why\"") && html.contains("role=\"alert\""));
    }
}
