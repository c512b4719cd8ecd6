//! The time that a plot shows.

use chrono::{DateTime, Utc};

use crate::console::history::{BUCKET_SECONDS, KEPT_SECONDS, Point};

/// How many minutes plots can show.
const WIDTHS: [i32; 3] = [5, 15, 30];

/// What they show if there are values for that long, or none at all.
const HOUR: i32 = 60;

/// Some minutes until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console) struct Span {
    /// The end of the last bucket that is over, so that a plot only changes with its points.
    pub(super) end: DateTime<Utc>,
    pub(super) minutes: i32,
}

impl Span {
    /// The last hour, or less of it if all values before are zero: a new pipeline would be a spike at the right.
    pub(in crate::console) fn of<'a>(
        points: impl IntoIterator<Item = &'a Point>,
        now: DateTime<Utc>,
    ) -> Self {
        let end = now.timestamp().div_euclid(BUCKET_SECONDS) * BUCKET_SECONDS;
        let points = points.into_iter();
        let points = points.filter(|(at, value)| *at >= end - KEPT_SECONDS && *value > 0.0);
        let age = points.map(|(at, _)| end - at).max();
        let fits = |minutes: &i32| age.is_some_and(|age| age <= i64::from(*minutes) * 60);
        Self {
            end: DateTime::from_timestamp(end, 0).unwrap_or(now),
            minutes: WIDTHS.into_iter().find(fits).unwrap_or(HOUR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_begins_before_the_first_value_of_the_hour() {
        let now = DateTime::from_timestamp(100_007, 0).unwrap();
        let span = |points: &[Point]| Span::of(points, now);
        for (points, minutes) in [
            (vec![], 60),
            (vec![(99_980, 0.0)], 60),
            (vec![(97_000, 0.0), (99_980, 1.0)], 5),
            (vec![(99_700, 1.0), (99_980, 0.0)], 5),
            (vec![(99_680, 1.0)], 15),
            (vec![(98_300, 1.0)], 30),
            (vec![(96_400, 1.0)], 60),
            (vec![(96_380, 1.0), (99_980, 1.0)], 5),
        ] {
            assert_eq!(span(&points).minutes, minutes, "{points:?}");
        }
        assert_eq!(span(&[]).end.timestamp(), 100_000);
    }
}
