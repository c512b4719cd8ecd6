//! Compares the events of an object with columns with the expected lines: the same events, in whatever words.

use std::collections::HashMap;

use sluice_engine::digest::Digest;
use sluice_schema::is_same_event;

/// The events that were found, each in the words of the expected line that is the same event, if there is one.
pub(super) fn same_rows<'a>(expected: &[&'a [u8]], found: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut rows = Vec::with_capacity(found.len());
    let mut others: Option<HashMap<Digest, Vec<&'a [u8]>>> = None;
    for (index, event) in found.iter().copied().enumerate() {
        let in_place = expected.get(index).copied();
        let same = in_place.filter(|line| is_same(line, event)).or_else(|| {
            // Only of an object that was changed: the event can be that of another line.
            let others = others.get_or_insert_with(|| by_values(expected));
            let alike = others.get(&values(event))?.iter().copied();
            alike.into_iter().find(|line| is_same(line, event))
        });
        rows.push(same.unwrap_or(event));
    }
    rows
}

fn is_same(line: &[u8], event: &[u8]) -> bool {
    line == event || is_same_event(line, event)
}

fn by_values<'a>(lines: &[&'a [u8]]) -> HashMap<Digest, Vec<&'a [u8]>> {
    let mut by_values: HashMap<_, Vec<_>> = HashMap::new();
    for line in lines.iter().copied() {
        by_values.entry(values(line)).or_default().push(line);
    }
    by_values
}

/// A digest that events which are the same share: of their members and values, whose numbers are rounded.
fn values(event: &[u8]) -> Digest {
    let value: serde_json::Value = serde_json::from_slice(event).unwrap_or_default();
    Digest::of(value.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(expected: &[&str], found: &[&str]) -> Vec<String> {
        let bytes = |lines: &[&'static str]| -> Vec<&'static [u8]> {
            lines.iter().map(|line| line.as_bytes()).collect()
        };
        let own = |lines: &[&str]| -> Vec<&'static str> {
            let own = lines.iter().map(|line| &*(*line).to_owned().leak());
            own.collect()
        };
        let (expected, found) = (bytes(&own(expected)), bytes(&own(found)));
        let rows = same_rows(&expected, &found);
        let text = |row: &&[u8]| String::from_utf8(row.to_vec()).unwrap();
        rows.iter().map(text).collect()
    }

    #[test]
    fn an_event_in_other_words_is_the_expected_line() {
        let expected = [r#"{"a": 1, "b":"\u00e9"}"#, r#"{"c":1.50}"#, "7"];
        let found = [r#"{"b":"é","a":1}"#, r#"{"c":1.50}"#, "7"];
        assert_eq!(compare(&expected, &found), expected);
    }

    #[test]
    fn an_event_in_another_place_is_told_from_a_changed_one() {
        let expected = [r#"{"a":1,"b":1}"#, r#"{"a":2,"b":2}"#];
        let found = [r#"{"b":2,"a":2}"#, r#"{"b":1,"a":1.0}"#];
        assert_eq!(
            compare(&expected, &found),
            [r#"{"a":2,"b":2}"#, r#"{"b":1,"a":1.0}"#]
        );
    }

    #[test]
    fn digits_of_numbers_count() {
        let expected = [r#"{"a":12345678901234567890}"#];
        let found = [r#"{"a":12345678901234567891}"#];
        assert_eq!(compare(&expected, &found), found);
    }
}
