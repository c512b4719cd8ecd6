//! What several pages say in the same words.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::components::{count, duration, table, time};
use super::payload::inert;
use crate::output::counted;

/// A read that is younger than this, seconds, was a moment ago: how young it is, is not worth a change of a page.
const YOUNG_SECONDS: f64 = 10.0;

/// Says that a list has more than is shown. `name` is that of one of them, such as "field".
pub(super) fn further(shown: usize, all: usize, name: &str) -> Markup {
    html! {
        @if let Some(further) = all.checked_sub(shown).filter(|further| *further > 0) {
            p { "And " (counted(further as u64, &format!("more {name}"))) "." }
        }
    }
}

/// A table with the first rows of a list, and how many more there are. Nothing, if the list is empty. `name` is that of a
/// row, such as "field".
pub(super) fn first_rows(
    caption: &str,
    columns: &[&str],
    rows: impl ExactSizeIterator<Item = Vec<Markup>>,
    shown_max: usize,
    name: &str,
) -> Markup {
    let all = rows.len();
    let shown: Vec<_> = rows.take(shown_max).collect();
    html! {
        @if all > 0 {
            (table(caption, columns, &shown))
            (further(shown.len(), all, name))
        }
    }
}

/// How many values of each field are in no column, the fields with the most first, at most this many.
pub(super) fn values_by_field(
    caption: &str,
    values: &BTreeMap<String, u64>,
    shown_max: usize,
) -> Markup {
    let mut fields: Vec<_> = values.iter().collect();
    fields.sort_by(|(a, more), (b, less)| less.cmp(more).then(a.cmp(b)));
    let rows = fields.into_iter();
    let rows = rows.map(|(field, values)| vec![html! { code { (inert(field)) } }, count(*values)]);
    first_rows(caption, &["Field", "Values"], rows, shown_max, "field")
}

/// A share of one, such as 0.01, in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 1e2)
}

/// A moment in milliseconds since the Unix epoch, as records and chunks have it. 0 is unknown.
pub(super) fn moment(milliseconds: u64) -> Option<DateTime<Utc>> {
    let known = i64::try_from(milliseconds).ok().filter(|known| *known > 0);
    known.and_then(DateTime::from_timestamp_millis)
}

/// Such a moment, or a dash.
pub(super) fn moment_or_dash(milliseconds: Option<u64>) -> Markup {
    match milliseconds.and_then(moment) {
        Some(at) => time(at),
        None => html! { "–" },
    }
}

/// How long ago the last read of a shard was, as of the last poll of its worker.
pub(super) fn read_age(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds.floor()) {
        Ok(age) if seconds >= YOUNG_SECONDS => format!("{} ago", duration(age)),
        _ => "less than 10 s ago".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_cut_says_so() {
        assert_eq!(further(100, 100, "path").into_string(), "");
        assert_eq!(further(100, 7, "path").into_string(), "");
        let html = further(100, 1_101, "path").into_string();
        assert_eq!(html, "<p>And 1,001 more paths.</p>");
        assert_eq!(
            further(1, 2, "path").into_string(),
            "<p>And 1 more path.</p>"
        );
    }

    #[test]
    fn the_first_rows_of_a_list_are_shown() {
        let rows = |number| (0..number).map(|n| vec![html! { "row " (n) }]);
        let html = first_rows("Some", &["Row"], rows(5), 2, "row").into_string();
        assert_eq!(html.matches("<td>row ").count(), 2, "{html}");
        assert!(html.ends_with("<p>And 3 more rows.</p>"), "{html}");
        let html = first_rows("Some", &["Row"], rows(2), 2, "row").into_string();
        assert!(!html.contains("more"), "{html}");
        assert_eq!(
            first_rows("Some", &["Row"], rows(0), 2, "row").into_string(),
            ""
        );
    }

    #[test]
    fn the_fields_with_the_most_values_come_first() {
        let values = [("<a>", 1), ("b", 3), ("c", 2)];
        let values = values.map(|(field, values)| (field.to_owned(), values));
        let html = values_by_field("Values", &values.into(), 2).into_string();
        assert!(html.find("<code>b<") < html.find("<code>c<"), "{html}");
        assert!(html.contains("<p>And 1 more field.</p>"), "{html}");
        let html = values_by_field("Values", &[("<a>".to_owned(), 1)].into(), 2);
        assert!(html.into_string().contains("&lt;a&gt;"));
    }

    #[test]
    fn shares_are_in_percent() {
        for (share, text) in [(0.05, "5 %"), (0.0, "0 %"), (0.123_456, "12.35 %")] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn a_moment_that_is_unknown_is_none() {
        assert_eq!((moment(0), moment(u64::MAX)), (None, None));
        let html = moment_or_dash(Some(1_000)).into_string();
        assert!(html.contains("1970-01-01T00:00:01Z"), "{html}");
        assert_eq!(moment_or_dash(None).into_string(), "–");
    }

    #[test]
    fn a_read_is_as_old_as_the_last_poll_says() {
        for (seconds, text) in [
            (0.2, "less than 10 s ago"),
            (9.9, "less than 10 s ago"),
            (125.7, "2 min 5 s ago"),
        ] {
            assert_eq!(read_age(seconds), text);
        }
    }
}
