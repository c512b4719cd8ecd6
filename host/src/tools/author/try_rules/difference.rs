//! How an event differs from its record, by JSON members.

use sluice_release::compare::fields;
use sluice_release::compare::fields::Difference;

/// The differences of an event to its record, in the order of their members; with those members that are the same if
/// `full` is set. If members differ, a difference in the order of members or in spacing is left out.
pub(super) fn of(record: &[u8], event: &str, full: bool) -> Vec<Difference> {
    let record = String::from_utf8_lossy(record);
    let mut found = match full {
        true => fields::all(&record, event),
        false => fields::differences(&record, event),
    };
    if changes(&found) {
        found.retain(|difference| !difference.is_layout());
    }
    found
}

/// Whether more than the order of members or spacing differs.
pub(super) fn changes(differences: &[Difference]) -> bool {
    let is_change = |difference: &Difference| difference.old != difference.new;
    differences
        .iter()
        .any(|difference| is_change(difference) && !difference.is_layout())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    /// One step of a path: the name of a member, or an index.
    fn steps(path: &str) -> Vec<String> {
        let dotted = path.replace('[', ".[");
        let steps = dotted.split('.').filter(|step| !step.is_empty());
        steps.map(str::to_owned).collect()
    }

    fn index(step: &str) -> Option<usize> {
        step.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
    }

    /// Sets what is at a path, or removes it.
    fn put(at: &mut Value, steps: &[String], new: Option<Value>) {
        let [step, rest @ ..] = steps else {
            *at = new.unwrap();
            return;
        };
        match (index(step), rest, new) {
            (None, [], None) => drop(at.as_object_mut().unwrap().remove(step)),
            (None, [], Some(new)) => {
                at.as_object_mut().unwrap().insert(step.clone(), new);
            }
            (None, _, new) => put(at.get_mut(step).unwrap(), rest, new),
            (Some(index), [], None) => drop(at.as_array_mut().unwrap().remove(index)),
            (Some(index), _, new) => {
                let items = at.as_array_mut().unwrap();
                if index == items.len() {
                    items.push(Value::Null);
                }
                put(&mut items[index], rest, new);
            }
        }
    }

    /// Applies differences. Items of a list are removed from its end.
    fn apply(record: &str, differences: &[Difference]) -> Value {
        let mut value: Value = serde_json::from_str(record).unwrap();
        let (added, removed): (Vec<_>, Vec<_>) =
            differences.iter().partition(|found| found.new.is_some());
        for found in added.into_iter().chain(removed.into_iter().rev()) {
            let new = found
                .new
                .as_deref()
                .map(|new| serde_json::from_str(new).unwrap());
            put(&mut value, &steps(&found.path), new);
        }
        value
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3_u8).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                members(inner).prop_map(Value::from),
            ]
        })
    }

    fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        prop::collection::btree_map("[a-d]", value, 0..4)
            .prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_record_with_the_differences_applied_is_the_event(
            record in members(value()),
            event in members(value()),
        ) {
            let (record, event) = (Value::from(record), Value::from(event));
            let (text, json) = (record.to_string(), event.to_string());
            let found = of(text.as_bytes(), &json, false);
            prop_assert_eq!(apply(&text, &found), event.clone());
            prop_assert_eq!(changes(&found), record != event);
            let full = of(text.as_bytes(), &json, true);
            prop_assert_eq!(apply(&text, &full), event);
            let differ = full.into_iter().filter(|found| found.old != found.new);
            prop_assert_eq!(differ.collect::<Vec<_>>(), found);
        }
    }

    #[test]
    fn order_and_spacing_are_shown_only_if_nothing_else_differs() {
        let paths = |record: &str, event| {
            let found = of(record.as_bytes(), event, false).into_iter();
            found.map(|found| found.path).collect::<Vec<_>>()
        };
        let record = r#"{"a": {"x": 1, "y": 2}, "b": 3}"#;
        let same = r#"{"a":{"x":1,"y":2},"b":3}"#;
        assert_eq!(paths(record, same), ["a.(order or spacing)"]);
        assert!(!changes(&of(record.as_bytes(), same, false)));
        assert_eq!(paths(record, r#"{"a":{"x":1,"y":2},"b":4}"#), ["b"]);
        assert!(of(record.as_bytes(), record, false).is_empty());
    }

    #[test]
    fn a_record_that_is_no_json_differs_as_a_whole() {
        let found = of(b"\xff", r#"{"a":1}"#, false);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&*found[0].path, found[0].old.as_deref()),
            ("", Some("\u{fffd}"))
        );
    }
}
