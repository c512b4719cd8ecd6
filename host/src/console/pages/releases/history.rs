//! What was changed: as much of it as the registry keeps.

use maud::{Markup, html};
use sluice_release::rollout::Change;

use super::{in_words, linked_or_own, name};
use crate::console::components::{empty, table, time_text};
use crate::console::payload::inert;
use crate::console::releases::ReleasesView;

/// The changes, the newest first.
pub(super) fn section(view: &ReleasesView) -> Markup {
    let history = &view.rollout.history;
    let rows: Vec<_> = history
        .iter()
        .rev()
        .map(|change| row(view, change))
        .collect();
    let columns = [
        "Change",
        "When",
        "What",
        "Release",
        "Transform",
        "By",
        "Reason",
    ];
    html! {
        h2 { "History" }
        @if rows.is_empty() {
            (empty("Nothing was changed yet.", "The first activation of a release appears here."))
        } @else {
            (table("The changes, the newest first", &columns, &rows))
            @if view.rollout.number > rows.len() as u64 {
                p { "The registry keeps the last " (rows.len()) " changes." }
            }
        }
    }
}

fn row(view: &ReleasesView, change: &Change) -> Vec<Markup> {
    let name = change.release.map(|release| name(view, release));
    vec![
        html! { "#" (change.number) },
        time_text(&change.at),
        html! { (in_words(change.what)) },
        linked_or_own(view, change.release),
        html! { (name.unwrap_or_default()) },
        html! { (inert(&change.by)) },
        html! { (inert(change.why.as_deref().unwrap_or_default())) },
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;

    #[test]
    fn changes_are_described_the_newest_first() {
        let mut view = view();
        let html = section(&view).into_string();
        let places = ["#4", "made the shadow", "made the canary", "#1"].map(|text| html.find(text));
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{html}"
        );
        assert!(
            html.contains("me@here") && html.contains("&lt;b&gt;faster"),
            "{html}"
        );
        assert!(!html.contains("keeps the last"), "{html}");
        view.rollout.history.remove(0);
        let html = section(&view).into_string();
        assert!(html.contains("keeps the last 3 changes"), "{html}");
    }
}
