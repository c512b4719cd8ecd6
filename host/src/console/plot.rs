//! Plots of the last hour or less, as SVG.
//!
//! The colours of lines are attributes that style.css replaces, so that they fit a dark page too, and it gives each line
//! its own dashes.

mod drawing;
mod marks;
mod span;

use maud::{Markup, PreEscaped, html};

use self::drawing::{COLORS, SIZE, draw};
use self::marks::mark_line;
pub(super) use self::marks::marks_in_words;
pub(super) use self::span::Span;
use super::components::{problem, short_decimal, size};
use super::history::{Mark, Point};
use super::payload::inert;
use crate::output::counted;

/// A line of a plot.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: &'a [Point],
}

/// A plot of the time of `span`: its title, the lines, `marks` as vertical lines, and the values in words.
pub(super) fn plot(
    title: &str,
    unit: &str,
    lines: &[Line<'_>],
    marks: &[Mark],
    span: Span,
) -> Markup {
    let has_points = lines.iter().any(|line| !line.points.is_empty());
    let lines = &lines[..lines.len().min(COLORS.len())];
    html! {
        figure.plot {
            figcaption { (title) }
            @if has_points {
                @match draw(unit, lines, marks, span) {
                    Ok((svg, geometry)) => {
                        svg.plot role="img" aria-label=(summary(title, unit, lines, &geometry.marks, span)) viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } {
                            (PreEscaped(svg))
                            @for (x, mark) in &geometry.marks { (mark_line(*x, mark, &geometry)) }
                        }
                        (legend(unit, lines))
                    }
                    Err(error) => { (problem(&format!("this plot cannot be drawn: {error}"))) }
                }
            } @else {
                p.reading { "No values in the last hour yet." }
            }
        }
    }
}

/// A number with its unit: thousands as `k`, millions as `M` and so on; seconds stay seconds, and bytes are [`size`]s.
pub(super) fn amount(value: f64, unit: &str) -> String {
    if let Some(rest) = unit.strip_prefix('B') {
        return format!("{}{rest}", size(value));
    }
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let mut prefixes = prefixes.iter();
    let prefix = prefixes.find(|(size, _)| value.abs() >= *size && unit != "s");
    let (size, prefix) = prefix.copied().unwrap_or((1.0, ""));
    let number = short_decimal(value / size);
    match unit {
        "" => format!("{number}{prefix}"),
        unit => format!("{number}{prefix} {unit}"),
    }
}

/// The plot in words, for those who do not see it.
fn summary(
    title: &str,
    unit: &str,
    lines: &[Line<'_>],
    marks: &[(i32, Mark)],
    span: Span,
) -> String {
    let mut text = format!("{title} in the last {} min.", span.minutes);
    for line in lines {
        text += &format!(" {}: {}.", inert(line.name), in_words(unit, line));
    }
    match marks.len() {
        0 => text,
        marks => format!("{text} {}.", counted(marks as u64, "mark")),
    }
}

/// The last and the largest value of a line.
fn in_words(unit: &str, line: &Line<'_>) -> String {
    let Some((_, last)) = line.points.last() else {
        return "no values".into();
    };
    let values = line.points.iter().map(|(_, value)| *value);
    let largest = values.fold(0.0, f64::max);
    format!(
        "last {}, largest {}",
        amount(*last, unit),
        amount(largest, unit)
    )
}

fn legend(unit: &str, lines: &[Line<'_>]) -> Markup {
    html! {
        ul.legend {
            @for (index, line) in lines.iter().enumerate() {
                li {
                    span class={ "swatch line-" (index + 1) } {}
                    strong { (inert(line.name)) } " " (in_words(unit, line))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::super::history::{BUCKET_SECONDS, MarkKind};
    use super::*;

    const NOW: i64 = 1_000_000_000;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(NOW + 7, 0).unwrap()
    }

    /// A line of the whole hour.
    fn hour(factor: f64) -> Vec<Point> {
        let points = (1..=180).map(|bucket| (NOW - bucket * BUCKET_SECONDS, bucket));
        let mut points: Vec<Point> = points
            .map(|(at, bucket)| (at, factor * f64::from(i32::try_from(bucket).unwrap())))
            .collect();
        points.reverse();
        points
    }

    fn mark(seconds_ago: i64, kind: MarkKind, text: &str) -> Mark {
        Mark {
            at: DateTime::from_timestamp(NOW - seconds_ago, 0).unwrap(),
            kind,
            text: text.into(),
        }
    }

    #[test]
    fn a_plot_has_lines_marks_and_words_and_is_small() {
        let points: Vec<_> = (1..=5).map(|line| hour(1e6 * f64::from(line))).collect();
        let names = ["a", "b", "c", "d", "e"];
        let lines: Vec<Line<'_>> = names
            .iter()
            .zip(&points)
            .map(|(name, points)| Line { name, points })
            .collect();
        let span = Span::of(points.iter().flatten(), now());
        let marks = [
            mark(600, MarkKind::Rollback, "rolled back"),
            mark(7_200, MarkKind::Swap, "too old"),
        ];
        let html = plot("Records", "records/s", &lines, &marks, span).into_string();
        assert_eq!(
            html.matches("stroke-width=\"2\" points").count(),
            5,
            "{html}"
        );
        assert!(
            html.contains("stroke=\"#0969DA\""),
            "style.css replaces this colour: {html}"
        );
        assert!(
            html.contains("mark rollback") && !html.contains("too old"),
            "{html}"
        );
        assert!(
            html.contains("a: last 1M records/s, largest 180M records/s."),
            "{html}"
        );
        assert!(html.contains(" 1 mark.") && html.contains("now"), "{html}");
        assert!(html.len() < 15_000, "{} bytes", html.len());
    }

    #[test]
    fn a_plot_changes_only_with_a_bucket() {
        let points = hour(1.0);
        let lines = [Line {
            name: "a",
            points: &points,
        }];
        let at = |seconds| {
            let now = now() + TimeDelta::seconds(seconds);
            plot("A", "B", &lines, &[], Span::of(&points, now)).into_string()
        };
        assert_eq!(at(0), at(12));
        assert_ne!(at(0), at(13));
    }

    #[test]
    fn texts_cannot_act() {
        let points = hour(1.0);
        let name = "</svg><script>alert(1)</script>\u{202e}";
        let lines = [Line {
            name,
            points: &points,
        }];
        let marks = [mark(60, MarkKind::Swap, name)];
        let html = plot("A", "/s", &lines, &marks, Span::of(&points, now())).into_string();
        let words = marks_in_words(&marks, now()).into_string();
        for html in [html, words] {
            assert!(
                !html.contains("<script") && !html.contains('\u{202e}'),
                "{html}"
            );
            assert!(
                html.contains("&lt;script&gt;") && html.contains("\\u{202e}"),
                "{html}"
            );
            assert!(!html.contains("style="), "{html}");
        }
    }

    #[test]
    fn single_and_strange_values_do_no_harm() {
        let points = [
            (NOW - 1_000, 1.0),
            (NOW - 980, 2.0),
            (NOW - 500, 1.0),
            (NOW - 20, f64::NAN),
        ];
        let lines = [
            Line {
                name: "a",
                points: &points,
            },
            Line {
                name: "b",
                points: &[],
            },
        ];
        let span = Span::of(&points, now());
        let html = plot("A", "s", &lines, &[], span).into_string();
        assert!(
            html.contains("<circle") && html.contains("b: no values"),
            "{html}"
        );
        let html = plot("A", "s", &lines[1..], &[], span).into_string();
        assert!(
            html.contains("No values in the last hour") && !html.contains("<svg"),
            "{html}"
        );
    }

    #[test]
    fn amounts_have_prefixes() {
        for (value, unit, text) in [
            (0.0, "B", "0 B"),
            (1_536.0, "B/s", "1.5 KiB/s"),
            (3e8, "B", "286 MiB"),
            (2e6, "records/s", "2M records/s"),
            (1_500.0, "s", "1500 s"),
            (0.25, "", "0.25"),
        ] {
            assert_eq!(amount(value, unit), text);
        }
    }
}
