//! What is known of how a release has done: by the workers that are polled, and by the chunks of the lake.

use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollout::Rollout;

use super::ended::Ended;
use super::forms::SHADOW;
use super::scores::{Measured, NO_WORKER, score, sum, times_as_long};
use super::{shadow, trials};
use crate::console::Console;
use crate::console::cached::View;
use crate::console::components::{count, of, table, time, time_ms, time_text, viewed};
use crate::console::pages::schema::ChunksOfRelease;
use crate::console::payload::inert;
use crate::console::releases::STARTED_WITH;
use crate::console::workers::{WorkerScore, WorkerView};

/// How a release has done.
pub(super) struct Evidence {
    release: ReleaseId,
    /// The trial that goes on, `canary` or `shadow`, and since when, if that is known.
    trial: Option<(&'static str, Option<String>)>,
    /// How much longer a record takes than with what it would replace, or has replaced.
    times: Option<String>,
    /// How its last role ended.
    ended: Option<Markup>,
    workers: Vec<WorkerView>,
    /// What it has transformed of the newest chunks; `None` without a lake.
    chunks: Option<View<ChunksOfRelease>>,
}

impl Evidence {
    /// What is known of a release.
    pub(super) async fn of(console: &Console, rollout: &Rollout, release: ReleaseId) -> Self {
        let chunks = match &console.lake {
            Some(lake) => Some(console.pages.schema.chunks_of(console, lake, release).await),
            None => None,
        };
        let workers = console.workers.views();
        Self {
            release,
            trial: trial(rollout, release),
            times: times(rollout, &workers, release),
            ended: ended(rollout, release),
            workers,
            chunks,
        }
    }

    /// Whether nothing shows how the release has done on trial.
    fn is_nothing(&self) -> bool {
        let of_chunks = self.chunks.as_ref().and_then(View::ready);
        let of_chunks = of_chunks.map_or(0, |seen| seen.value.records);
        of_chunks == 0 && self.records() == 0
    }

    /// The records that the workers have transformed with it, or compared.
    fn records(&self) -> u64 {
        match &self.trial {
            Some((SHADOW, _)) => shadow::compared(&self.workers, self.release).0,
            _ => {
                let scores = self.workers.iter();
                Measured::of(scores.filter_map(|worker| score(worker, self.release))).records
            }
        }
    }

    /// What is known, and plain words if that is nothing.
    pub(super) fn shown(&self) -> Markup {
        html! {
            h2 { "What was measured" }
            p {
                @if let Some((role, since)) = &self.trial {
                    "This release is the " (role)
                    @if let Some(since) = since { " since " (time_text(since)) }
                    "."
                } @else {
                    "This release is neither a canary nor a shadow now."
                }
            }
            @if let Some(ended) = self.ended.as_ref().filter(|_| self.trial.is_none()) { p.caution { (ended) } }
            @if let Some(warning) = self.warning() { p.caution { (warning) } }
            @if let Some(times) = &self.times { p { (times) } }
            (self.of_workers())
            @if let Some(chunks) = &self.chunks {
                (viewed(chunks, "the newest chunks of the lake", |seen| of_chunks(&seen.value)))
            }
        }
    }

    /// What is missing to judge a trial.
    fn warning(&self) -> Option<String> {
        let (role, _) = self.trial.as_ref()?;
        let answers = self.workers.iter().any(|it| it.current().is_some());
        Some(match (self.workers.is_empty(), self.is_nothing()) {
            (true, true) => format!(
                "{NO_WORKER} Without --worker, the console does not know what the {role} did."
            ),
            (true, false) => format!(
                "{NO_WORKER} Without --worker, the console knows of the {role} only what the lake says."
            ),
            (false, _) if !answers => {
                format!("No worker answers, so the console does not know what the {role} does now.")
            }
            (false, true) => format!(
                "The {role} has not been measured on any record yet. Nothing shows that it does what you want."
            ),
            (false, false) => return None,
        })
    }

    fn of_workers(&self) -> Markup {
        let (records, differ) = shadow::compared(&self.workers, self.release);
        let workers = self.workers.iter();
        let rows = workers.filter_map(|worker| Some(row(worker, score(worker, self.release)?)));
        let rows: Vec<_> = rows.collect();
        html! {
            @if records > 0 {
                p { "As a shadow, it was compared on " (sum(records)) " records: " (of(differ, records)) " differ." }
            }
            @if !rows.is_empty() {
                (table("What each worker has measured", &COLUMNS, &rows))
                p.note {
                    "A worker counts from its own start, or from the moment when it began to use the release, if that was later."
                }
            }
        }
    }
}

const COLUMNS: [&str; 6] = [
    "Worker",
    "Running since",
    "Records",
    "Rejected",
    "Failed on",
    "Time a record",
];

/// The trial of a release, and since when it goes on.
fn trial(rollout: &Rollout, release: ReleaseId) -> Option<(&'static str, Option<String>)> {
    let found = trials(rollout).find(|it| it.trial.release == release)?;
    Some((found.role, found.began.map(|change| change.at.clone())))
}

/// How much longer a record takes than with the active release; if the release is the active one, than with the one before.
fn times(rollout: &Rollout, workers: &[WorkerView], release: ReleaseId) -> Option<String> {
    let measured = |id| Measured::of(workers.iter().filter_map(|worker| score(worker, id)));
    let (before, other) = match rollout.active {
        Some(active) if active == release => {
            let before = rollout.previous.last().copied().flatten()?;
            (measured(before), "the release before")
        }
        Some(active) => (measured(active), "the active release"),
        None => {
            // What a worker uses is what it was started with.
            let used = workers.iter().filter_map(|worker| {
                let used = worker.status.as_ref()?.release.parse().ok()?;
                score(worker, used).filter(|_| used != release)
            });
            (Measured::of(used), STARTED_WITH)
        }
    };
    times_as_long(measured(release), before, other)
}

/// How the last role of a release ended.
fn ended(rollout: &Rollout, release: ReleaseId) -> Option<Markup> {
    Ended::of(rollout, release).map(|ended| ended.shown())
}

/// What a worker has measured.
fn row(worker: &WorkerView, score: &WorkerScore) -> Vec<Markup> {
    let since = worker
        .status
        .as_ref()
        .map(|status| time_text(&status.since));
    vec![
        html! {
            code { (inert(&worker.url)) }
            @if worker.problem.is_some() {
                " does not answer"
                @if let Some(at) = worker.seen_at { "; as of " (time(at)) }
            }
        },
        since.unwrap_or_default(),
        count(score.records),
        count(score.rejected),
        count(score.failed),
        html! { span.number { (Measured::of([score]).time()) } },
    ]
}

/// What it has transformed of the newest chunks of the lake.
pub(super) fn of_chunks(chunks: &ChunksOfRelease) -> Markup {
    let of_all = html! {
        " of the " (count(chunks.read)) @if !chunks.are_all { " newest" } " chunks of the lake"
    };
    html! {
        p {
            "This release has transformed "
            @if let Some((first, last)) = chunks.times {
                (count(chunks.chunks)) (of_all) ", with " (count(chunks.records)) " records, of which "
                (count(chunks.quarantined)) " were quarantined. These chunks were put between " (time_ms(first)) " and "
                (time_ms(last)) ". Their shards are: " (shards(chunks)) "."
            } @else {
                "none" (of_all) "."
            }
        }
    }
}

/// The most shards that are named.
const SHARDS_MAX: usize = 5;

fn shards(chunks: &ChunksOfRelease) -> String {
    let named = chunks.shards.iter().take(SHARDS_MAX);
    let named: Vec<_> = named.map(|shard| inert(shard.as_str())).collect();
    match chunks.shards.len() - named.len() {
        0 => named.join(", "),
        others => format!("{} and {others} more", named.join(", ")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use chrono::Utc;
    use serde_json::json;
    use sluice_engine::record::ShardId;
    use sluice_release::rollout::host_name;

    use super::super::tests::view;
    use super::super::workers::tests::worker;
    use super::*;
    use crate::console::cached::Seen;
    use crate::console::releases::tests::author;

    /// What is known of a release of the made-up registry.
    pub(in super::super) fn evidence(release: ReleaseId, workers: Vec<WorkerView>) -> Evidence {
        Evidence {
            release,
            trial: trial(&view().rollout, release),
            times: times(&view().rollout, &workers, release),
            ended: ended(&view().rollout, release),
            workers,
            chunks: None,
        }
    }

    fn canary() -> ReleaseId {
        view().releases[2].id
    }

    fn scored(records: u64) -> WorkerView {
        let score = json!({ "release": canary().to_string(), "records": records, "rejected": 7, "failed": 2, "ns": 2_500 });
        worker("a", 4, &json!({ "scores": [score] }))
    }

    #[test]
    fn what_a_canary_was_measured_on_is_said() {
        let html = evidence(canary(), vec![scored(1_234)]).shown();
        let html = html.into_string();
        assert!(
            html.contains("This release is the canary since <time"),
            "{html}"
        );
        assert!(html.contains("1,234") && html.contains("2.50 µs"), "{html}");
        assert!(html.contains("127.0.0.1:9464"), "{html}");
        assert!(!html.contains("caution"), "{html}");
    }

    #[test]
    fn a_canary_of_which_nothing_is_known_is_warned_of() {
        let text = |workers| evidence(canary(), workers).shown().into_string();
        let html = text(Vec::new());
        assert!(
            html.contains("No worker is polled.") && html.contains("what the canary did"),
            "{html}"
        );
        let html = text(vec![worker("a", 4, &json!({}))]);
        assert!(html.contains("not been measured on any record"), "{html}");
        let silent = WorkerView {
            problem: Some("no answer".into()),
            ..scored(5)
        };
        let html = text(vec![silent]);
        assert!(html.contains("No worker answers"), "{html}");
        assert!(html.contains("does not answer"), "{html}");
        let active = view().rollout.active.unwrap();
        let html = evidence(active, Vec::new()).shown().into_string();
        assert!(
            html.contains("neither a canary nor a shadow") && !html.contains("caution"),
            "{html}"
        );
    }

    #[test]
    fn times_are_compared_with_what_a_release_would_replace() {
        let mut rollout = view().rollout;
        let active = rollout.active.unwrap();
        let scores = [(active, 250), (canary(), 2_500)].map(|(release, ns)| {
            json!({ "release": release.to_string(), "records": 9, "rejected": 0, "failed": 0, "ns": ns })
        });
        let workers = [worker(&active.to_string(), 4, &json!({ "scores": scores }))];
        let text = |rollout: &Rollout, release| times(rollout, &workers, release);
        let canary_times = text(&rollout, canary()).unwrap();
        let expected = "about 10 times as long as with the active release: 2.50 µs against 250 ns";
        assert!(canary_times.contains(expected), "{canary_times}");
        let html = evidence(canary(), workers.to_vec()).shown().into_string();
        assert!(html.contains(expected), "{html}");
        // The release before the active one was not measured.
        assert_eq!(text(&rollout, active), None);
        rollout.active = None;
        let own = text(&rollout, canary()).unwrap();
        assert!(own.contains(STARTED_WITH), "{own}");
        assert_eq!(text(&rollout, active), None);
        rollout.active = Some(canary());
        rollout.previous.push(Some(active));
        let now = text(&rollout, canary()).unwrap();
        assert!(now.contains("as with the release before"), "{now}");
    }

    #[test]
    fn a_canary_that_a_worker_has_ended_says_so() {
        let author = author(&host_name(None, 7), "too slow");
        let rollout = view().rollout.roll_back_release(canary(), &author).unwrap();
        let known = Evidence {
            trial: None,
            ended: ended(&rollout, canary()),
            ..evidence(canary(), vec![scored(5)])
        };
        let html = known.shown().into_string();
        assert!(
            html.contains("A worker ended its trial as the ") && html.contains(": too slow"),
            "{html}"
        );
        let html = evidence(canary(), Vec::new()).shown().into_string();
        assert!(!html.contains("A worker ended"), "{html}");
    }

    #[test]
    fn chunks_of_the_lake_count_too() {
        let shards = (0..7).map(|n| ShardId::new(&format!("s-{n}")).unwrap());
        let chunks = ChunksOfRelease {
            chunks: 3,
            records: 30,
            quarantined: 4,
            shards: shards.collect(),
            times: Some((0, 1_000)),
            read: 50,
            are_all: false,
        };
        let seen = |value| {
            Some(View::Ready(Seen {
                value: Arc::new(value),
                at: Utc::now(),
                problem: None,
            }))
        };
        let known = Evidence {
            chunks: seen(chunks),
            ..evidence(canary(), vec![worker("a", 4, &json!({}))])
        };
        let html = known.shown().into_string();
        assert!(
            html.contains("newest chunks") && html.contains(">30<"),
            "{html}"
        );
        assert!(
            html.contains("s-4 and 2 more") && !html.contains("caution"),
            "{html}"
        );
        let none = Evidence {
            chunks: seen(ChunksOfRelease::default()),
            ..evidence(canary(), vec![worker("a", 4, &json!({}))])
        };
        let html = none.shown().into_string();
        assert!(
            html.contains("none of the") && html.contains("caution"),
            "{html}"
        );
    }
}
