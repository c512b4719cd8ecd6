//! How the canary and the active release have done over the last hour.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use crate::console::history::Point;
use crate::console::plot::{Line, Span, plot};
use crate::console::releases::ReleasesView;
use crate::console::workers::{ReleasePoints, WorkerSeries};

/// The plots; none if there is no canary.
pub(super) fn section(view: &ReleasesView, series: &WorkerSeries, now: DateTime<Utc>) -> Markup {
    let rollout = &view.rollout;
    let Some(canary) = &rollout.canary else {
        return html! {};
    };
    let releases = [("canary", Some(canary.release)), ("active", rollout.active)];
    let releases = releases.into_iter().filter_map(|(role, release)| {
        let release = release?;
        let name = format!("{role} {}", release.short());
        Some((name, series.release(&release.to_string(), now)))
    });
    plots(view, &releases.collect::<Vec<_>>(), now)
}

fn plots(view: &ReleasesView, releases: &[(String, ReleasePoints)], now: DateTime<Utc>) -> Markup {
    let all = releases.iter().flat_map(|(_, points)| &points.time);
    let (span, marks) = (Span::of(all, now), view.marks());
    let drawn = |title, unit, points: fn(&ReleasePoints) -> &[Point]| {
        let lines = releases.iter().map(|(name, of_release)| Line {
            name,
            points: points(of_release),
        });
        plot(title, unit, &lines.collect::<Vec<_>>(), &marks, span)
    };
    html! {
        h3 { "The last hour" }
        div.plots {
            (drawn("Records rejected", "%", |points| points.rejected.as_slice()))
            (drawn("Time a record", "µs", |points| points.time.as_slice()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;

    #[test]
    fn a_canary_is_drawn_beside_the_active_release() {
        let view = view();
        let now = DateTime::from_timestamp(1_000_000_007, 0).unwrap();
        let points = |percent: f64| ReleasePoints {
            rejected: vec![(999_999_960, percent), (999_999_980, percent)],
            time: vec![(999_999_960, 2.5), (999_999_980, 3.5)],
        };
        let releases = [
            ("canary 1".to_owned(), points(4.0)),
            ("active 2".to_owned(), points(1.0)),
        ];
        let html = plots(&view, &releases, now).into_string();
        assert_eq!(html.matches("<figure").count(), 2, "{html}");
        assert!(html.contains("canary 1: last 4 %, largest 4 %"), "{html}");
        assert!(html.contains("active 2: last 3.5 µs"), "{html}");
        let html = plots(&view, &[], now).into_string();
        assert!(html.contains("No values in the last hour"), "{html}");
    }
}
