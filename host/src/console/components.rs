//! What pages are made of: numbers, times, badges, tables, and what is said if there is nothing to show.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use indicatif::HumanCount;
use maud::{Markup, html};

use super::cached::{Seen, View};
use super::page::{PageRequest, encoded};
use super::payload::inert;

/// The rows of a page of a list.
pub(super) const ROWS: usize = 100;

/// How a state is to be seen. A badge says it in words too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Warning,
    Bad,
    Neutral,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "badge good",
            Self::Warning => "badge warning",
            Self::Bad => "badge bad",
            Self::Neutral => "badge neutral",
        }
    }
}

/// A short word about a state.
pub(super) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class=(tone.class()) { (inert(text)) } }
}

/// A whole number with separators.
pub(super) fn count(number: u64) -> Markup {
    html! { span.number { (HumanCount(number)) } }
}

/// A number with one digit behind the point if it is small.
pub(super) fn decimal(number: f64) -> String {
    match number {
        number if number.abs() >= 100.0 => format!("{number:.0}"),
        number if number.abs() >= 10.0 => format!("{number:.1}"),
        number => format!("{number:.2}"),
    }
}

/// A number as [`decimal`] shows it, without zeros at its end.
pub(super) fn short_decimal(number: f64) -> String {
    let text = decimal(number);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The units of sizes, those of the other commands: each is 1,024 of the one before.
const SIZE_UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// The largest unit that is not larger than a number of bytes, and how many bytes it has.
pub(super) fn size_unit(bytes: f64) -> (f64, &'static str) {
    let mut unit = (1.0, SIZE_UNITS[0]);
    for name in SIZE_UNITS.into_iter().skip(1) {
        if bytes.abs() < unit.0 * 1_024.0 {
            break;
        }
        unit = (unit.0 * 1_024.0, name);
    }
    unit
}

/// A number of bytes as text. All sizes of the console are shown by it.
pub(super) fn size(bytes: f64) -> String {
    let (unit, name) = size_unit(bytes);
    format!("{} {name}", short_decimal(bytes / unit))
}

/// A number of bytes; the title has the exact one.
pub(super) fn bytes(bytes: u64) -> Markup {
    #[allow(clippy::cast_precision_loss, reason = "the title is exact")]
    let text = size(bytes as f64);
    html! { span.number title={ (HumanCount(bytes)) " bytes" } { (text) } }
}

/// A moment: the browser shows it in its own time zone, and UTC in the title.
pub(super) fn time(at: DateTime<Utc>) -> Markup {
    let utc = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    html! { time datetime=(utc) title=(utc) { (utc) } }
}

/// A moment in milliseconds since the Unix epoch.
pub(super) fn time_ms(milliseconds: i64) -> Markup {
    match DateTime::from_timestamp_millis(milliseconds) {
        Some(at) => time(at),
        None => html! { "unknown" },
    }
}

/// A moment as it is stored, RFC 3339; what is none is shown as it is.
pub(super) fn time_text(text: &str) -> Markup {
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => time(at.to_utc()),
        Err(_) => html! { (inert(text)) },
    }
}

/// A duration in its two largest units, or in one if the second is zero.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (first, second) = match seconds {
        0 if duration.is_zero() => return "0 s".into(),
        0 => return format!("{} ms", duration.as_millis()),
        1..60 => return format!("{seconds} s"),
        60..3_600 => ((seconds / 60, "min"), (seconds % 60, "s")),
        3_600..86_400 => ((seconds / 3_600, "h"), (seconds % 3_600 / 60, "min")),
        _ => ((seconds / 86_400, "d"), (seconds % 86_400 / 3_600, "h")),
    };
    match second.0 {
        0 => format!("{} {}", first.0, first.1),
        _ => format!("{} {} {} {}", first.0, first.1, second.0, second.1),
    }
}

/// The first digits of a digest or an id; the title has all.
pub(super) fn short(id: &str) -> Markup {
    let id = inert(id);
    let shown = id.get(..8).unwrap_or(&id);
    html! { code title=(id) { (shown) } }
}

/// A link to the page of a shard.
pub(super) fn shard_link(id: &str) -> Markup {
    html! { a href={ "/shard?id=" (encoded(id)) } { (inert(id)) } }
}

/// A link to the page of a release.
pub(super) fn release_link(id: &str) -> Markup {
    html! { a href={ "/release?id=" (encoded(id)) } { (short(id)) } }
}

/// What is known, by name.
pub(super) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// A table. Its caption names it for those who do not see it. Columns of numbers are aligned at their ends.
pub(super) fn table(caption: &str, columns: &[&str], rows: &[Vec<Markup>]) -> Markup {
    let are_numbers = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        !rows.is_empty() && cells.all(is_number)
    };
    let classes = (0..columns.len()).map(|column| are_numbers(column).then_some("numbers"));
    let classes: Vec<_> = classes.collect();
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.hidden-caption { (caption) }
                thead {
                    tr {
                        @for (column, class) in columns.iter().zip(&classes) {
                            th scope="col" class=[*class] { (column) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr { @for (cell, class) in row.iter().zip(&classes) { td class=[*class] { (cell) } } }
                    }
                }
            }
        }
    }
}

/// Whether a cell is one number and nothing else.
fn is_number(cell: &Markup) -> bool {
    let html = cell.0.as_str();
    html.starts_with("<span class=\"number\"")
        && html.find("</span>") == Some(html.len().saturating_sub(7))
}

/// What is said where there is nothing to show, and what to do about it.
pub(super) fn empty(what: &str, advice: &str) -> Markup {
    html! { div.empty { p { strong { (what) } } p { (advice) } } }
}

/// An error: what happened, and what to do. Nothing in it acts, since errors name what comes from outside.
pub(super) fn problem(text: &str) -> Markup {
    html! { p.problem role="alert" { (inert(text)) } }
}

/// What is known of a view; `shown` shows its value. `what` names it, as in "the ledgers".
pub(super) fn viewed<T>(
    view: &View<T>,
    what: &str,
    shown: impl FnOnce(&Seen<T>) -> Markup,
) -> Markup {
    match view {
        View::Reading => html! { p.reading { "Reading " (what) "…" } },
        View::Failed(why) => problem(&format!("cannot read {what}: {why}")),
        View::Ready(seen) => html! {
            @if let Some(why) = &seen.problem {
                (problem(&format!("cannot read {what} again: {why}")))
                p { "This is as of " (time(seen.at)) "." }
            }
            (shown(seen))
        },
    }
}

/// The links to the other pages of a list of `rows` rows.
pub(super) fn pager(request: &PageRequest, rows: usize) -> Markup {
    let pages = rows.div_ceil(ROWS).max(1);
    let page = request.page().min(pages);
    html! {
        @if pages > 1 {
            nav.pager aria-label="Pages of the list" {
                @if page > 1 {
                    a rel="prev" href=(request.with("page", &(page - 1).to_string())) { "Previous" }
                }
                span { "Page " (page) " of " (pages) }
                @if page < pages {
                    a rel="next" href=(request.with("page", &(page + 1).to_string())) { "Next" }
                }
            }
        }
    }
}

/// The rows of the page of a list that is asked for; of the last one if there is none such.
pub(super) fn rows_of_page<'a, T>(request: &PageRequest, rows: &'a [T]) -> &'a [T] {
    let pages = rows.len().div_ceil(ROWS).max(1);
    let first = (request.page().min(pages) - 1) * ROWS;
    &rows[first..rows.len().min(first + ROWS)]
}

/// A field of a form with its label.
pub(super) fn field(name: &str, label: &str, value: &str, is_required: bool) -> Markup {
    let id = format!("field-{name}");
    html! {
        p.field {
            label for=(id) { (label) }
            input id=(id) name=(name) value=(value) required[is_required] autocomplete="off";
        }
    }
}

/// A text that a page says of a number, such as `3 of 1,000`.
pub(super) fn of(part: u64, all: u64) -> impl fmt::Display {
    format!("{} of {}", HumanCount(part), HumanCount(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_pages() {
        let rows: Vec<usize> = (0..250).collect();
        let of = |page: &str| rows_of_page(&PageRequest::parse(page), &rows);
        assert_eq!((of("/shards").len(), of("/shards?page=3")[0]), (100, 200));
        assert_eq!(of("/shards?page=99").len(), 50);
        assert!(rows_of_page::<u8>(&PageRequest::parse("/"), &[]).is_empty());
        let html = pager(&PageRequest::parse("/shards?page=2&state=a"), 250).into_string();
        assert!(
            html.contains("Page 2 of 3") && html.contains("page=3&amp;state=a"),
            "{html}"
        );
    }

    #[test]
    fn texts_from_outside_do_not_act() {
        let hostile = "<b>\u{202e}123456789";
        let html = html! {
            (problem(hostile)) (badge(Tone::Bad, hostile)) (time_text(hostile)) (short(hostile))
            (viewed::<u8>(&View::Failed(hostile.into()), "it", |_| html! {}))
        };
        let html = html.into_string();
        assert!(
            !html.contains("<b>") && !html.contains('\u{202e}'),
            "{html}"
        );
        assert!(
            html.contains("cannot read it: &lt;b&gt;\\u{202e}"),
            "{html}"
        );
    }

    #[test]
    fn sizes_have_the_units_of_other_commands() {
        for (number, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (25_344, "24.8 KiB"),
            (1 << 40, "1 TiB"),
            (3 << 50, "3072 TiB"),
        ] {
            let html = bytes(number).into_string();
            assert!(html.contains(&format!(">{text}<")), "{html}");
        }
    }

    #[test]
    fn columns_of_numbers_are_aligned() {
        let row = |name: &str, number| {
            vec![
                html! { (name) },
                count(number),
                html! { (count(1)) " of 2" },
            ]
        };
        let rows = [row("a", 1), row("b", 1_000)];
        let html = table("Some", &["Name", "Records", "Part"], &rows).into_string();
        assert_eq!(html.matches("<td class=\"numbers\">").count(), 2, "{html}");
        assert!(html.contains("class=\"numbers\">Records</th>"), "{html}");
        assert!(html.contains("<th scope=\"col\">Part</th>"), "{html}");
        let html = table("None", &["Records"], &[]).into_string();
        assert!(!html.contains("numbers"), "{html}");
    }

    #[test]
    fn a_moment_that_is_none_is_unknown() {
        let html = time_ms(1_000).into_string();
        assert!(html.contains("1970-01-01T00:00:01Z"), "{html}");
        assert_eq!(time_ms(i64::MAX).into_string(), "unknown");
    }

    #[test]
    fn durations_have_two_units() {
        let texts = [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (120, "2 min"),
            (7_260, "2 h 1 min"),
            (90_000, "1 d 1 h"),
        ];
        for (seconds, text) in texts {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }
}
