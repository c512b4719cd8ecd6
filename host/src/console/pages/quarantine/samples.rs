//! Some quarantined records of a reason, of the newest objects.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};

use super::shown_record::ShownRecord;
use super::view::{QuarantineView, times};
use crate::console::cached::{Cached, Seen, View};
use crate::console::components::{problem, viewed};
use crate::console::latest::Latest;
use crate::console::payload::inert;
use crate::console::tasks::{OBJECT_MAX_BYTES, read_contents};
use crate::console::{Console, Lake};
use crate::output::counted;
use crate::quarantine::QuarantineFilter;
use crate::tools::quarantine::listed::{Listed, read_lines};
use crate::tools::quarantine::sample::{chosen, spread};

/// How many records are shown.
const RECORDS: u64 = 10;

/// The most objects that are read for them.
const OBJECTS: usize = 5;

/// The most bytes of records in these objects. An object with more is not read.
const BYTES: u64 = 64 << 20;

/// How long samples are kept, also if there are other records since; and of how many filters.
const MAX_AGE: Duration = Duration::from_secs(60);
const MOVED_AGE: Duration = Duration::from_secs(5);
const KEPT: usize = 4;

/// How long a page waits for samples.
const WAIT: Duration = Duration::from_secs(2);

/// Records of a reason.
#[derive(Default)]
pub(super) struct Samples {
    records: Vec<ShownRecord>,
    /// How many objects were read, and how many there are.
    read: usize,
    objects: usize,
    /// How many records there are.
    all: u64,
    /// How many are too large to be read.
    too_large: usize,
    problems: Vec<String>,
}

/// The samples of the filters that were asked for last.
pub(super) type SampleCache = Latest<QuarantineFilter, Arc<Cached<Samples>>, KEPT>;

/// The samples of a filter, which names a reason.
pub(super) async fn section(
    console: &Console,
    lake: &Lake,
    filter: &QuarantineFilter,
    view: &View<QuarantineView>,
) -> Markup {
    let Some(seen) = view.ready() else {
        return html! {};
    };
    let Some(reason) = filter.reasons.first() else {
        return html! {
            h2 { "Samples" }
            p { "To see some of the records, choose a reason above." }
        };
    };
    let kept = &console.pages.quarantine.samples;
    let cached = kept.get_or_insert_with(filter, || Arc::new(Cached::new(MAX_AGE)));
    let (current, _) = seen.value.current(filter);
    let has_moved = cached
        .last()
        .is_some_and(|samples| samples.all != sum(&current));
    let max_age = if has_moved { MOVED_AGE } else { MAX_AGE };
    let read_samples = || {
        let (lake, (objects, samples)) = (lake.clone(), newest(current));
        read_contents(move || read(lake, objects, samples))
    };
    let samples = cached.view_of_age(max_age, WAIT, read_samples).await;
    html! {
        h2 { "Samples of " code { (reason.as_str()) } }
        (viewed(&samples, "samples", |seen| shown(seen, console.permissions.payloads)))
    }
}

fn sum(objects: &[&Listed]) -> u64 {
    objects.iter().map(|listed| listed.records).sum()
}

/// The newest objects, as many as are read, and samples that say how many there are.
fn newest(mut objects: Vec<&Listed>) -> (Vec<Listed>, Samples) {
    let (all, records) = (objects.len(), sum(&objects));
    objects.retain(|listed| listed.bytes <= BYTES);
    let samples = Samples {
        objects: all,
        all: records,
        too_large: all - objects.len(),
        ..Samples::default()
    };
    objects.sort_by_cached_key(|listed| {
        let newest = times(&listed.object).max;
        Reverse((newest, listed.object.key.clone()))
    });
    let (mut bytes, mut newest) = (0_u64, Vec::new());
    for listed in objects.into_iter().take(OBJECTS) {
        bytes = bytes.saturating_add(listed.bytes);
        if bytes > BYTES {
            break;
        }
        newest.push(listed.clone());
    }
    (newest, samples)
}

/// Reads samples of objects.
///
/// # Errors
/// The lake cannot be read.
async fn read(lake: Lake, objects: Vec<Listed>, mut samples: Samples) -> anyhow::Result<Samples> {
    let records: Vec<_> = objects.iter().map(|listed| listed.records).collect();
    for (listed, number) in objects.iter().zip(spread(&records, RECORDS)) {
        let lines = read_lines(lake.store.as_ref(), &listed.object, OBJECT_MAX_BYTES);
        match lines.await? {
            Ok(lines) => {
                let place = lake.store.place(&listed.object.key);
                let records = chosen(&lines, listed, number);
                let shown = records.map(|(line, record)| ShownRecord::new(&record, &place, line));
                samples.records.extend(shown);
                samples.read += 1;
            }
            Err(problem) => samples.problems.push(problem.to_string()),
        }
    }
    Ok(samples)
}

fn shown(seen: &Seen<Samples>, is_shown: bool) -> Markup {
    let samples = &*seen.value;
    html! {
        @for wrong in &samples.problems { (problem(wrong)) }
        @if samples.objects == 0 {
            p { "No such record is quarantined now." }
        }
        @for record in &samples.records {
            article.record {
                h3 { a href=(record.link()) { code { (inert(&record.rid)) } } }
                (record.body(is_shown))
            }
        }
        @if !samples.records.is_empty() {
            p.note {
                (counted(samples.records.len() as u64, "record")) " of the newest "
                (samples.read) " of " (counted(samples.objects as u64, "object")) "."
            }
        }
        @if samples.too_large > 0 {
            p.note {
                "Not read: " (counted(samples.too_large as u64, "object")) " with more than " (BYTES >> 20)
                " MiB of records."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::console::pages::quarantine::view::{self, tests};
    use crate::quarantine::tests::lake::code;

    fn traps() -> QuarantineFilter {
        QuarantineFilter {
            reasons: vec![code("trap")],
            ..QuarantineFilter::default()
        }
    }

    async fn samples(test: &crate::quarantine::tests::lake::Lake) -> Samples {
        let view = view::read(tests::lake(test)).await.unwrap();
        let (objects, samples) = newest(view.current(&traps()).0);
        read(tests::lake(test), objects, samples).await.unwrap()
    }

    #[tokio::test]
    async fn samples_are_of_the_newest_objects() {
        let test = tests::example();
        let samples = samples(&test).await;
        let rids: Vec<_> = samples.records.iter().map(|it| it.rid.as_str()).collect();
        // The chunk of the last one has no time of arrival, and was put just now.
        assert_eq!(rids, ["s:11", "s:1", "s:2"]);
        let seen = Seen {
            value: Arc::new(samples),
            at: DateTime::from_timestamp(0, 0).unwrap(),
            problem: None,
        };
        let html = shown(&seen, true).into_string();
        assert!(
            html.contains("data of 11") && html.contains("/record?rid=s%3A11"),
            "{html}"
        );
        assert!(
            html.contains("3 records of the newest 2 of 2 objects"),
            "{html}"
        );
        let html = shown(&seen, false).into_string();
        assert!(!html.contains("data of"), "{html}");
    }

    #[tokio::test]
    async fn an_object_that_is_too_large_is_left_out_and_said() {
        let view = view::read(tests::lake(&tests::example())).await.unwrap();
        let mut large = view.current(&traps()).0[0].clone();
        large.bytes = BYTES + 1;
        let small = view.current(&traps()).0[1];
        let (objects, samples) = newest(vec![&large, small]);
        assert_eq!(objects.len(), 1);
        assert_eq!((samples.objects, samples.too_large), (2, 1));
        assert_eq!(samples.all, large.records + small.records);
        let (objects, samples) = newest(vec![&large]);
        assert!(objects.is_empty());
        let seen = Seen {
            value: Arc::new(samples),
            at: DateTime::from_timestamp(0, 0).unwrap(),
            problem: None,
        };
        let html = shown(&seen, true).into_string();
        assert!(
            html.contains("Not read: 1 object with more than 64 MiB"),
            "{html}"
        );
        assert!(!html.contains("No such record"), "{html}");
    }

    #[tokio::test]
    async fn a_damaged_object_is_said() {
        let test = tests::example();
        let view = view::read(tests::lake(&test)).await.unwrap();
        let first = view.current(&traps()).0[0].object.key.clone();
        test.write(&first, "damaged");
        let samples = samples(&test).await;
        assert_eq!(
            (samples.read, samples.objects, samples.problems.len()),
            (1, 2, 1)
        );
    }
}
