//! What all pages say of a lake that is not there or cannot be read.

use maud::{Markup, html};

use crate::config::store_setting;
use crate::console::cached::View;
use crate::console::components::{empty, problem, time};
use crate::console::ledgers::LedgersView;
use crate::console::payload::inert;
use crate::console::{Console, Lake};

/// The page that says itself, as a problem, why the ledgers cannot be read.
const SAYS_IT_ITSELF: &str = "/";

/// What is wrong with the lake; nothing if it can be read.
pub(super) async fn notice(console: &Console, lake: &Lake, path: &str) -> Markup {
    let view = console.ledgers.view().await;
    let name = store_setting(&lake.location);
    if is_empty(&view) && lake.is_missing() {
        return missing(&name);
    }
    match path == SAYS_IT_ITSELF {
        true => html! {},
        false => unread(&view, &name),
    }
}

/// Whether the lake could be listed and has no ledger.
fn is_empty(view: &View<LedgersView>) -> bool {
    matches!(view, View::Ready(seen) if seen.problem.is_none() && seen.value.ledgers.is_empty())
}

/// A lake in a folder that does not exist.
fn missing(name: &str) -> Markup {
    empty(
        &format!("The lake {} does not exist yet.", inert(name)),
        "`sluice run` makes it when it lands the first records, and the pages show them then. If this is not the lake that \
         you mean, start the console with another --lake.",
    )
}

/// A lake that cannot be read, or not any more.
fn unread(view: &View<LedgersView>, name: &str) -> Markup {
    match view {
        View::Reading => html! {},
        View::Failed(why) => problem(&format!("The lake {name} cannot be read: {why}")),
        View::Ready(seen) => html! {
            @if let Some(why) = &seen.problem {
                (problem(&format!("The lake {name} cannot be read any more: {why}")))
                p { "What this page shows of the lake is old: it was read before, at the latest at " (time(seen.at)) "." }
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;
    use crate::console::cached::Seen;

    fn read(problem: Option<&str>) -> View<LedgersView> {
        View::Ready(Seen {
            value: Arc::new(LedgersView::default()),
            at: DateTime::from_timestamp(1, 0).unwrap(),
            problem: problem.map(ToOwned::to_owned),
        })
    }

    #[test]
    fn what_is_old_has_its_time_and_cannot_act() {
        let html = unread(&read(Some("<b>gone</b>")), "file:lake").into_string();
        for part in [
            "The lake file:lake cannot be read any more: &lt;b&gt;gone",
            "1970-01-01T00:00:01Z",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let never = unread(&View::Failed("no bucket".into()), "s3://b/").into_string();
        assert!(never.contains("cannot be read: no bucket"), "{never}");
        assert_eq!(unread(&read(None), "file:lake").into_string(), "");
    }

    #[test]
    fn only_a_lake_that_was_read_is_empty() {
        assert!(is_empty(&read(None)));
        assert!(!is_empty(&read(Some("gone"))) && !is_empty(&View::Reading));
    }
}
