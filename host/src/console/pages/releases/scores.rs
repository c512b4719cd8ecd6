//! What the workers that are polled have measured of releases, in numbers.

use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;

use crate::console::components::{count, decimal, empty, short_decimal};
use crate::console::words::percent;
use crate::console::workers::{WorkerScore, WorkerView};

/// What is said instead of what workers have measured, if none is polled.
pub(super) const NO_WORKER: &str = "No worker is polled.";

/// What is said if no worker is polled, and what to do.
pub(super) fn no_worker() -> Markup {
    let advice = "Start the console with --worker http://127.0.0.1:9464, once for each worker.";
    empty(NO_WORKER, advice)
}

/// What is shown instead of a measurement that there is none of.
const NOT_MEASURED: &str = "–";

/// What workers have measured of a release, a sum. A sum that is too large stays the largest number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Measured {
    pub(super) records: u64,
    pub(super) rejected: u64,
    pub(super) failed: u64,
    /// The time for all records, nanoseconds.
    ns: f64,
}

impl Measured {
    pub(super) fn of<'a>(scores: impl IntoIterator<Item = &'a WorkerScore>) -> Self {
        let scores = scores.into_iter();
        scores.fold(Self::default(), |sum, score| Self {
            records: sum.records.saturating_add(score.records),
            rejected: sum.rejected.saturating_add(score.rejected),
            failed: sum.failed.saturating_add(score.failed),
            ns: sum.ns + as_float(score.ns) * as_float(score.records),
        })
    }

    pub(super) fn share(self, part: u64) -> f64 {
        share(part, self.records)
    }

    /// The share of a part in percent; a dash of nothing.
    pub(super) fn percent(self, part: u64) -> String {
        match self.records {
            0 => NOT_MEASURED.to_owned(),
            _ => percent(self.share(part)),
        }
    }

    /// The mean time for a record; a dash if there was none.
    pub(super) fn time(self) -> String {
        match self.records {
            0 => NOT_MEASURED.to_owned(),
            _ => ns(self.ns_per_record()),
        }
    }

    pub(super) fn ns_per_record(self) -> f64 {
        self.ns / as_float(self.records.max(1))
    }
}

/// How much longer a record takes than with `other`, in words; nothing if either was not measured.
pub(super) fn times_as_long(found: Measured, before: Measured, other: &str) -> Option<String> {
    if found.records == 0 || before.records == 0 {
        return None;
    }
    let ratio = found.ns_per_record() / before.ns_per_record().max(1.0);
    let how = match (0.8..1.25).contains(&ratio) {
        true => "about as long".to_owned(),
        false => format!("about {} times as long", short_decimal(ratio)),
    };
    let (found, before) = (found.time(), before.time());
    Some(format!(
        "A record takes {how} as with {other}: {found} against {before}."
    ))
}

/// The share of a part, 0 of nothing.
pub(super) fn share(part: u64, all: u64) -> f64 {
    as_float(part) / as_float(all.max(1))
}

#[allow(clippy::cast_precision_loss, reason = "rates are no finer than that")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// A sum of counts. One that is too large for a number says so.
pub(super) fn sum(sum: u64) -> Markup {
    html! { @if sum == u64::MAX { "at least " } (count(sum)) }
}

/// A number of nanoseconds, in the unit that fits.
fn ns(ns: f64) -> String {
    match ns {
        ns if ns >= 1e6 => format!("{} ms", decimal(ns / 1e6)),
        ns if ns >= 1e3 => format!("{} µs", decimal(ns / 1e3)),
        ns => format!("{} ns", decimal(ns)),
    }
}

/// The score of a release that a worker has, if it is known.
pub(super) fn score(worker: &WorkerView, release: ReleaseId) -> Option<&WorkerScore> {
    let release = release.to_string();
    let status = worker.status.as_deref()?;
    status.scores.iter().find(|score| score.release == release)
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::*;

    #[test]
    fn times_are_compared_in_words() {
        let of = |records, ns| {
            let score = WorkerScore {
                release: Digest::of(b"release").to_string(),
                records,
                rejected: 0,
                failed: 0,
                ns,
            };
            Measured::of([&score])
        };
        let text = |found, before| times_as_long(found, before, "the active release");
        assert_eq!(
            text(of(5, 9_400), of(9, 940)).unwrap(),
            "A record takes about 10 times as long as with the active release: 9.40 µs against 940 ns."
        );
        assert!(
            text(of(5, 1_000), of(5, 1_100))
                .unwrap()
                .contains(" about as long as with ")
        );
        assert!(
            text(of(5, 250), of(5, 1_000))
                .unwrap()
                .contains("0.25 times")
        );
        assert_eq!(text(of(0, 0), of(5, 940)), None);
        assert_eq!(text(of(5, 940), of(0, 0)), None);
    }

    #[test]
    fn a_sum_that_is_too_large_is_said() {
        let score = |records: u64| WorkerScore {
            release: Digest::of(b"release").to_string(),
            records,
            rejected: 7,
            failed: 0,
            ns: 1_500,
        };
        let measured = Measured::of([&score(u64::MAX), &score(5)]);
        assert_eq!((measured.records, measured.rejected), (u64::MAX, 14));
        assert!(sum(measured.records).into_string().contains("at least"));
        assert!(!sum(5).into_string().contains("at least"));
        let mean = Measured::of([&score(4), &score(4)]).ns_per_record();
        assert_eq!(ns(mean), "1.50 µs");
        assert_eq!(Measured::of([&score(0)]).time(), "–");
        assert_eq!(Measured::of([&score(0)]).percent(7), "–");
        assert_eq!(Measured::of([&score(14)]).percent(7), "50 %");
    }
}
