//! What other rules change for a lake: what is rejected, which partitions events have, and where they go.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::builtin::Builtin;
use crate::console::components::{count, of, table};
use crate::console::payload::inert;
use crate::layout::partition_columns::partition_columns;
use crate::output::counted;
use crate::tools::author::try_rules::trial::{Outcome, TriedEvent};

/// What becomes of records by some rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    rejected: u64,
    dropped: u64,
    events: u64,
    /// Events of the lake.
    landed: u64,
    /// Of these, the ones without a partition.
    without_partition: u64,
}

impl Totals {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Quarantined(_) => self.rejected += 1,
            Outcome::Dropped => self.dropped += 1,
            Outcome::Events(events) => {
                let landed = || events.iter().filter(|event| event.routes.lake);
                let without = landed().filter(|event| event.partition.is_empty());
                self.events += events.len() as u64;
                self.landed += landed().count() as u64;
                self.without_partition += without.count() as u64;
            }
        }
    }
}

/// What other rules change.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// By the rules that are compared with.
    before: Totals,
    /// By the rules that are tried.
    now: Totals,
    /// Events whose partition differs.
    partitions: u64,
    /// Events that go elsewhere.
    routes: u64,
    /// Events of the lake that lack a column of their partition, by its name.
    lost: BTreeMap<String, u64>,
    /// The columns that an event has which had no event before.
    usual: Vec<String>,
}

impl Effects {
    /// Of rules in a lake whose events usually have these columns.
    pub(super) fn new(usual: Vec<String>) -> Self {
        Self {
            usual,
            ..Self::default()
        }
    }

    /// Adds what becomes of a record, and what became of it by the rules that are compared with.
    pub(super) fn add(&mut self, before: Option<&Outcome>, now: &Outcome) {
        self.now.add(now);
        if let Some(before) = before {
            self.before.add(before);
        }
        let before = before.map_or(&[][..], events);
        for (at, event) in events(now).iter().enumerate() {
            let old = before.get(at);
            if let Some(old) = old {
                self.partitions += u64::from(old.partition != event.partition);
                self.routes += u64::from(old.routes != event.routes);
            }
            if event.routes.lake {
                self.add_lost(old.filter(|old| old.routes.lake), event);
            }
        }
    }

    /// Counts the columns that an event lacks: those that it had before, or else those that events usually have.
    fn add_lost(&mut self, old: Option<&TriedEvent>, event: &TriedEvent) {
        let expected = match old {
            Some(old) => columns(&old.partition),
            None => self.usual.clone(),
        };
        let found = columns(&event.partition);
        for column in expected.into_iter().filter(|name| !found.contains(name)) {
            *self.lost.entry(column).or_default() += 1;
        }
    }
}

fn events(outcome: &Outcome) -> &[TriedEvent] {
    match outcome {
        Outcome::Events(events) => events,
        Outcome::Quarantined(_) | Outcome::Dropped => &[],
    }
}

/// The names of the columns of a partition.
fn columns(partition: &str) -> Vec<String> {
    let names = partition_columns(partition);
    let names = names.split('/').filter(|name| !name.is_empty());
    names.map(ToOwned::to_owned).collect()
}

/// The numbers before and now.
pub(super) fn compared(effects: &Effects) -> Markup {
    let Effects { before, now, .. } = effects;
    let rows = [
        ("Records rejected", before.rejected, now.rejected),
        ("Records dropped", before.dropped, now.dropped),
        ("Events", before.events, now.events),
        (
            "Events in the lake without a partition",
            before.without_partition,
            now.without_partition,
        ),
    ];
    let rows = rows.map(|(what, before, now)| vec![html! { (what) }, count(before), count(now)]);
    html! {
        (table("What changes for the lake", &["What changes", "Compared rules", "These rules"], &rows))
        p {
            (counted(effects.partitions, "event")) " in another partition, "
            (counted(effects.routes, "event")) " on other routes (lake, bus)."
        }
    }
}

/// Says that events lack columns of their partition, and what to do. `replaced` names the rules that had them, if it is
/// they who give them; `rules` are those that are tried, if they are a built-in transform.
pub(super) fn notice(
    effects: &Effects,
    replaced: Option<&str>,
    rules: Option<Builtin>,
) -> Option<Markup> {
    if effects.lost.is_empty() {
        return None;
    }
    let landed = effects.now.landed;
    let advice = match rules {
        Some(Builtin::Jq) => {
            "Rules replace those before them as a whole: no other transform runs before or after a jq program. Either set these \
             members in the program and name them in partition_by of the transform configuration, or use the rules before with \
             another configuration."
        }
        _ => {
            "Rules replace those before them as a whole. Give these rules the same partitions, or use the rules before with \
             another configuration."
        }
    };
    Some(html! {
        div.notice role="alert" {
            p {
                strong {
                    @match replaced {
                        Some(replaced) => { "These rules replace " (replaced) ": " }
                        None => "Events of the lake have other partitions: ",
                    }
                    @for (at, (column, events)) in effects.lost.iter().enumerate() {
                        @if at > 0 { ", " }
                        (of(*events, landed)) " events have no " code { (inert(column)) }
                    }
                    "."
                }
                " Queries and tables that select by it do not find these events."
            }
            p { (advice) }
            @if replaced == Some(&*Builtin::Enrich.to_string()) && rules != Some(Builtin::Enrich) {
                p {
                    "builtin:enrich also adds " code { "created_datetime" } ", " code { "event_type" } " and "
                    code { "event_subtype" } " to each event. These rules do so only if you write it."
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use sluice_engine::outcome::{Reason, Routes};

    use super::*;

    fn event(partition: &str, bus: bool) -> TriedEvent {
        TriedEvent {
            json: "{}".into(),
            partition: partition.into(),
            routes: Routes { lake: true, bus },
        }
    }

    fn one(partition: &str) -> Outcome {
        Outcome::Events(vec![event(partition, true)])
    }

    fn rejected() -> Outcome {
        Outcome::Quarantined(Reason::rejected("no", "why".into()))
    }

    #[test]
    fn what_is_lost_is_counted_by_column() {
        let mut effects = Effects::new(vec!["event_type".into()]);
        effects.add(Some(&rejected()), &one(""));
        effects.add(Some(&rejected()), &one("event_type=a"));
        effects.add(Some(&one("event_type=a/date=1")), &one("event_type=a"));
        effects.add(Some(&one("")), &one(""));
        effects.add(Some(&one("event_type=a")), &rejected());
        let lost: Vec<_> = effects.lost.iter().map(|(name, n)| (&**name, *n)).collect();
        assert_eq!(lost, [("date", 1), ("event_type", 1)]);
        assert_eq!((effects.before.rejected, effects.now.rejected), (2, 1));
        assert_eq!((effects.partitions, effects.routes), (1, 0));
        assert_eq!(effects.now.without_partition, 2);
        assert_eq!(effects.before.without_partition, 1);
    }

    #[test]
    fn routes_that_differ_are_counted() {
        let mut effects = Effects::new(Vec::new());
        let lake_only = Outcome::Events(vec![event("a=1", false)]);
        effects.add(Some(&one("a=1")), &lake_only);
        effects.add(None, &lake_only);
        assert_eq!((effects.routes, effects.partitions), (1, 0));
        let html = compared(&effects).into_string();
        assert!(html.contains("1 event on other routes"), "{html}");
        assert!(notice(&effects, None, None).is_none());
    }

    #[test]
    fn a_notice_says_what_is_lost_and_what_to_do() {
        let mut effects = Effects::new(vec!["event_type".into()]);
        effects.add(Some(&rejected()), &one(""));
        effects.add(None, &one("event_type=a"));
        let jq = notice(&effects, Some("builtin:enrich"), Some(Builtin::Jq));
        let html = jq.unwrap().into_string();
        for part in [
            "These rules replace builtin:enrich: 1 of 2 events have no <code>event_type</code>",
            "partition_by",
            "event_subtype",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let html = notice(&effects, None, None).unwrap().into_string();
        assert!(
            html.contains("Events of the lake have other partitions"),
            "{html}"
        );
        assert!(!html.contains("builtin:enrich"), "{html}");
    }
}
