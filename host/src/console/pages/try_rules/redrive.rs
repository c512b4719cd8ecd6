//! How quarantined records are redriven with the rules that were tried on them.

use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;

use super::form::{QUARANTINE, TryForm};
use super::releases;
use crate::console::Console;
use crate::console::pages::quarantine::command;
use crate::console::payload::inert;

/// The commands that redrive the records of a form with its rules, which are the release `id`; nothing if the records are
/// not those that a filter takes of quarantine.
pub(super) async fn section(console: &Console, form: &TryForm, id: ReleaseId) -> Markup {
    let of_filter = form.source == QUARANTINE && form.rid.trim().is_empty();
    let (true, Some(lake), Ok(filter)) = (of_filter, &console.lake, form.filter()) else {
        return html! {};
    };
    match releases::registry_of(console, id).await {
        Some(registry) => commands(&command::redrive(&lake.location, &registry, id, &filter)),
        None => unpublished(),
    }
}

fn commands(redrive: &str) -> Markup {
    html! {
        h3 { "Run the redrive" }
        p {
            "The first command tries all of the records and writes nothing; the second one redrives them. Run them where "
            code { "sluice run" } " has its settings. They take the release that was tried here, whichever is active then. A redrive sends messages only if " code { "--bus" } " is given to it."
        }
        pre.copy tabindex="0" { code { (inert(&format!("{redrive} --dry-run\n{redrive}"))) } }
        p.note {
            "The console itself writes nothing into the lake. What is tried here has the default limits of the sandbox."
        }
    }
}

fn unpublished() -> Markup {
    html! {
        h3 { "Run the redrive" }
        p { "To redrive the records with these rules, publish them first. Then try the release: the commands are here." }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_copied_and_cannot_act() {
        let html = commands("sluice redrive --lake '<b>'").into_string();
        assert!(
            html.contains("sluice redrive --lake '&lt;b&gt;' --dry-run\nsluice redrive --lake '&lt;b&gt;'</code>"),
            "{html}"
        );
        assert!(!unpublished().into_string().contains("<pre"));
    }
}
