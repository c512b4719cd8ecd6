//! The types of values that the fields of events have. A field whose values have other types than before is named: queries
//! and tables can expect one type.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::HumanCount;
use maud::{Markup, html};
use sluice_schema::Inference;
use sluice_schema::inference::{TypeReport, ValueKind};
use tokio::time::{Instant, timeout_at};

use crate::console::Console;
use crate::console::components::table;
use crate::console::pages::schema;
use crate::console::payload::bounded;
use crate::console::words::further;
use crate::layout::event_type::event_type_of_folder;
use crate::tools::author::try_rules::trial::{Outcome, TriedEvent};

/// The most types of events whose fields are looked at.
const EVENT_TYPES_MAX: usize = 5;

/// How long the outcome waits for samples of the lake.
const SAMPLES_TIME: Duration = Duration::from_secs(5);

/// The most fields that are listed.
const FIELDS_MAX: usize = 20;

/// How many values of a field have which type.
type Types = BTreeMap<&'static str, u64>;

/// The types of values by field.
type Fields = BTreeMap<String, Types>;

/// The events of the lake that rules make, and those that the compared rules make.
#[derive(Default)]
pub(super) struct FieldTypes {
    /// By type of events.
    seen: BTreeMap<Option<String>, SeenEvents>,
}

/// The events of one type.
#[derive(Default)]
struct SeenEvents {
    /// The partition of one of them.
    partition: String,
    before: Inference,
    now: Inference,
}

/// The fields of events of one type.
#[derive(Debug)]
pub(super) struct FieldsOfType {
    partition: String,
    before: Fields,
    now: Fields,
}

impl FieldTypes {
    /// Adds what becomes of a record, and what became of it by the rules that are compared with.
    pub(super) fn add(&mut self, before: Option<&Outcome>, now: &Outcome) {
        for (outcome, is_now) in [(before, false), (Some(now), true)] {
            if let Some(Outcome::Events(events)) = outcome {
                for event in events.iter().filter(|event| event.routes.lake) {
                    self.add_event(event, is_now);
                }
            }
        }
    }

    fn add_event(&mut self, event: &TriedEvent, is_now: bool) {
        let event_type = event_type_of_folder(&event.partition);
        if self.seen.len() >= EVENT_TYPES_MAX && !self.seen.contains_key(&event_type) {
            return;
        }
        let seen = self.seen.entry(event_type).or_insert_with(|| SeenEvents {
            partition: event.partition.clone(),
            ..SeenEvents::default()
        });
        let inference = match is_now {
            true => &mut seen.now,
            false => &mut seen.before,
        };
        // What is no object has no fields.
        inference.add(event.json.as_bytes(), Some("")).ok();
    }

    /// What was seen.
    pub(super) fn finished(self) -> Vec<FieldsOfType> {
        let seen = self.seen.into_values();
        let fields = seen.map(|seen| FieldsOfType {
            partition: seen.partition,
            before: fields(&seen.before.all_types()),
            now: fields(&seen.now.all_types()),
        });
        fields.collect()
    }
}

fn fields(report: &TypeReport) -> Fields {
    let paths = report.paths.iter();
    let fields = paths.map(|path| {
        let mut types = Types::new();
        for (kind, values) in &path.kinds {
            if let Some(name) = name(*kind) {
                *types.entry(name).or_default() += values;
            }
        }
        (path.path.clone(), types)
    });
    fields.filter(|(_, types)| !types.is_empty()).collect()
}

/// The type of a value as queries take it. A null is of any type.
fn name(kind: ValueKind) -> Option<&'static str> {
    match kind {
        ValueKind::Null => None,
        ValueKind::Boolean => Some("boolean"),
        ValueKind::Long | ValueKind::Double | ValueKind::Decimal | ValueKind::Number => {
            Some("number")
        }
        ValueKind::String | ValueKind::Timestamp | ValueKind::Date | ValueKind::Uuid => {
            Some("text")
        }
        ValueKind::List => Some("list"),
        ValueKind::Object => Some("object"),
    }
}

/// A field whose values have another type than before.
#[derive(Debug, PartialEq, Eq)]
struct ChangedField {
    field: String,
    now: Types,
    before: Option<Types>,
    lake: Option<Types>,
}

/// The fields of one type of events that have a value of a type which they have not had, or of several types if it is not
/// known what they had.
fn changed(of_type: &FieldsOfType, lake: &Fields) -> Vec<ChangedField> {
    let found = of_type.now.iter().filter_map(|(field, now)| {
        let (before, lake) = (of_type.before.get(field), lake.get(field));
        let known = before.is_some() || lake.is_some();
        let mut had = [before, lake].into_iter().flatten();
        let is_changed = match known {
            true => had.any(|had| now.keys().any(|name| !had.contains_key(name))),
            false => now.len() > 1,
        };
        is_changed.then(|| ChangedField {
            field: field.clone(),
            now: now.clone(),
            before: before.cloned(),
            lake: lake.cloned(),
        })
    });
    found.collect()
}

/// Names the fields whose types change, compared with other rules and with samples of the lake; nothing if there are none.
/// The names of fields are parts of records: without permission, the fields are counted.
pub(super) async fn notice(console: &Console, types: &[FieldsOfType], is_shown: bool) -> Markup {
    let mut all = BTreeMap::new();
    let until = Instant::now() + SAMPLES_TIME;
    for of_type in types {
        let lake = match &console.lake {
            Some(lake) => {
                let read = schema::fields_of_type(console, lake, &of_type.partition);
                timeout_at(until, read).await.ok().flatten()
            }
            None => None,
        };
        let lake = lake.map(|report| fields(&report)).unwrap_or_default();
        for changed in changed(of_type, &lake) {
            all.entry(changed.field.clone()).or_insert(changed);
        }
    }
    let all: Vec<_> = all.into_values().collect();
    shown(&all, is_shown)
}

fn shown(all: &[ChangedField], is_shown: bool) -> Markup {
    let rows = all.iter().take(FIELDS_MAX).map(|changed| {
        let had = |types: &Option<Types>| types.as_ref().map_or_else(|| "–".to_owned(), words);
        vec![
            html! { code { (bounded(&changed.field)) } },
            html! { (words(&changed.now)) },
            html! { (had(&changed.before)) },
            html! { (had(&changed.lake)) },
        ]
    });
    let rows: Vec<_> = rows.collect();
    html! {
        @if !all.is_empty() {
            div.notice role="alert" {
                p {
                    strong { "Fields have other types than before: " (HumanCount(all.len() as u64)) "." }
                    " Queries and tables that expect one type can fail on these values or leave them out. A jq program can \
                     convert them."
                }
                @if is_shown {
                    (table("Fields whose types change", &["Field", "These rules", "Compared rules", "Sample of the lake"], &rows))
                    (further(rows.len(), all.len(), "field"))
                }
            }
        }
    }
}

/// Types with the numbers of their values.
fn words(types: &Types) -> String {
    let words = types.iter();
    let words = words.map(|(name, values)| format!("{name} {}", HumanCount(*values)));
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use sluice_engine::outcome::Routes;

    use super::*;

    fn events(jsons: &[&str]) -> Outcome {
        let event = |json: &&str| TriedEvent {
            json: (*json).into(),
            partition: "event_type=a/date=2026-01-01".into(),
            routes: Routes {
                lake: true,
                bus: false,
            },
        };
        Outcome::Events(jsons.iter().map(event).collect())
    }

    fn of(before: &[&str], now: &[&str]) -> FieldsOfType {
        let mut types = FieldTypes::default();
        types.add(Some(&events(before)), &events(now));
        let mut finished = types.finished();
        assert_eq!(finished.len(), 1);
        finished.remove(0)
    }

    fn names(changed: &[ChangedField]) -> Vec<&str> {
        changed.iter().map(|changed| &*changed.field).collect()
    }

    #[test]
    fn a_field_with_another_type_than_before_is_named() {
        let now = [r#"{"<b>":"x","b":1.5,"c":null,"d":{"e":true}}"#];
        let before = [r#"{"<b>":1,"b":1,"c":1,"d":{"e":1}}"#];
        let of_type = of(&before, &now);
        assert_eq!(of_type.partition, "event_type=a/date=2026-01-01");
        let found = changed(&of_type, &Fields::new());
        assert_eq!(found.len(), 2, "{found:?}");
        let html = shown(&found, true).into_string();
        for part in ["before: 2.", "text 1", "number 1", "&lt;b&gt;", "d.e"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let html = shown(&found, false).into_string();
        assert!(!html.contains("<code>"), "{html}");
        assert_eq!(shown(&[], true).into_string(), "");
    }

    #[test]
    fn the_lake_and_a_mixture_count_too() {
        let dates = of(&[], &[r#"{"at":"2026-01-01T00:00:00Z"}"#, r#"{"at":null}"#]);
        assert!(changed(&dates, &Fields::new()).is_empty());
        let lake = of(&[], &[r#"{"at":1}"#]).now;
        assert_eq!(names(&changed(&dates, &lake)), ["at"]);
        assert!(changed(&dates, &dates.now).is_empty());
        let mixed = of(&[], &[r#"{"at":"x"}"#, r#"{"at":1}"#]);
        assert_eq!(names(&changed(&mixed, &Fields::new())), ["at"]);
        assert!(changed(&mixed, &mixed.now).is_empty());
    }
}
