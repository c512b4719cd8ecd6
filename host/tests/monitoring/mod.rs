//! The dashboard for Grafana and the alerts for Prometheus, against what the program exposes.

mod dashboard;
mod model;
mod promql;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use self::dashboard::{Dashboard, is_filtered, legend_labels, text};
use self::promql::Names;
use crate::metrics::exposition::Exposition;
use crate::metrics::watched::{Watched, metrics};
use crate::support::cloud::{Cloud, events};
use crate::support::guests::Tiny;
use crate::table_metrics::{created, follow};

/// What Prometheus itself adds to each target.
const OF_PROMETHEUS: [&str; 1] = ["up"];
const LABELS_OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

/// The labels of metrics that have no samples without a redrive.
const LABELS_OF_REDRIVES: [&str; 1] = ["outcome"];

/// The metrics that the dashboard does not show, and why.
const NOT_SHOWN: [(&str, &str); 3] = [
    ("sluice_blank_lines", "of files; a worker has none"),
    ("sluice_incomplete", "of files; a worker has none"),
    (
        "process_virtual_memory_bytes",
        "mostly address space that is reserved and not used",
    ),
];

fn page(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    fs::read_to_string(format!("{root}/{path}")).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn dashboard() -> Dashboard {
    Dashboard::parse(&page("docs/monitoring/dashboard.json"))
}

fn alerts() -> Vec<rules::Alert> {
    let alerts = rules::alerts(&page("docs/monitoring/alerts.yml"));
    assert!(alerts.len() > 15, "{}", alerts.len());
    alerts
}

/// The metrics of a worker that has retried a read and found a release that fails admission.
fn of_worker() -> Exposition {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(5, 30));
    cloud.kinesis.throttle("GetRecords", 3);
    cloud.place.write("t.wasm", Tiny::default().component());
    let watched = ["--transform", "t.wasm", "--watch"];
    let mut worker = Watched::start(&mut cloud.command(&watched));
    cloud.place.write("t.wasm", "no component");
    let appear = [
        "sluice_release_admission_errors_total",
        "sluice_retries_total",
        "sluice_shard_lag_seconds",
    ];
    worker.until(|address| {
        let found = metrics(address);
        appear.iter().all(|name| !found.all(name).is_empty())
    });
    metrics(worker.address)
}

/// The metrics of a builder that has committed.
fn of_builder() -> Exposition {
    let place = created(10);
    let mut builder = Watched::start(&mut follow(&place, &["--max-age", "0s"]));
    builder.until(|address| {
        let found = metrics(address);
        let at = found.find("sluice_table_last_commit_timestamp_seconds", &[]);
        at.is_some()
    });
    metrics(builder.address)
}

/// All expressions, each with the place where it stands.
fn expressions() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let queries = dashboard.queries().into_iter();
    let queries = queries.chain(dashboard.annotations());
    let queries = queries.map(|(title, query)| (title.to_owned(), text(&query["expr"]).to_owned()));
    let alerts = alerts().into_iter();
    let alerts = alerts.map(|alert| (alert.name.clone(), alert.field("expr").to_owned()));
    queries.chain(alerts).collect()
}

#[test]
fn each_metric_of_the_dashboard_and_of_the_alerts_exists_and_each_one_is_shown() {
    let exposed = [of_worker(), of_builder()];
    let mut families: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut labels: BTreeSet<String> = BTreeSet::new();
    for exposition in &exposed {
        families.extend(exposition.families());
        labels.extend(exposition.labels());
    }
    labels.extend(LABELS_OF_PROMETHEUS.map(str::to_owned));
    labels.extend(LABELS_OF_REDRIVES.map(str::to_owned));

    for (place, expression) in expressions() {
        let names = Names::of(&expression);
        assert!(!names.metrics.is_empty(), "{place}: {expression}");
        for metric in &names.metrics {
            let is_exposed = families.values().any(|samples| samples.contains(metric));
            let is_known = is_exposed || OF_PROMETHEUS.contains(&metric.as_str());
            assert!(is_known, "{place}: there is no metric {metric}");
        }
        let unknown: Vec<_> = names.labels.difference(&labels).collect();
        assert!(unknown.is_empty(), "{place}: no metric has {unknown:?}");
    }

    let dashboard = dashboard();
    let mut shown = BTreeSet::new();
    for (_, query) in dashboard.queries() {
        shown.extend(Names::of(text(&query["expr"])).metrics);
    }
    let unshown = families
        .iter()
        .filter(|(_, samples)| shown.is_disjoint(samples));
    let unshown: BTreeSet<_> = unshown.map(|(family, _)| *family).collect();
    assert_eq!(unshown, NOT_SHOWN.iter().map(|(name, _)| *name).collect());
}

#[test]
fn each_panel_says_what_it_shows_and_follows_the_variables() {
    let dashboard = dashboard();
    dashboard.check_panels();
    dashboard.check_places();
    assert_eq!(dashboard.variables(), ["datasource", "job", "instance"]);
    assert_eq!(dashboard.annotations().len(), 2);
    for (title, query) in dashboard
        .queries()
        .into_iter()
        .chain(dashboard.annotations())
    {
        let expression = text(&query["expr"]);
        let names = Names::of(expression);
        assert!(
            is_filtered(expression, &names.metrics),
            "{title}: {expression}"
        );
    }
    for (title, query) in dashboard.queries() {
        let expression = text(&query["expr"]);
        let names = Names::of(expression);
        for label in legend_labels(text(&query["legendFormat"])) {
            let is_kept = names.labels.contains(label);
            assert!(
                is_kept,
                "{title}: {label} of the legend is not in {expression}"
            );
        }
    }
}

#[test]
fn the_dashboard_is_one_by_the_model_of_grafana() {
    model::check(&dashboard().0).unwrap();
}

#[test]
fn each_alert_says_what_to_do_is_documented_and_has_cases() {
    let (cases, explained) = (
        page("docs/monitoring/alerts_test.yml"),
        page("docs/monitoring.md"),
    );
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let name = &alert.name;
        assert!(names.insert(name.clone()), "{name} twice");
        for field in ["summary", "description"] {
            assert!(!alert.field(field).is_empty(), "{name}: {field}");
        }
        let severity = alert.field("severity");
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: {severity}"
        );
        let runbook = alert.field("runbook");
        let (path, anchor) = runbook.split_once('#').unwrap();
        assert!(anchors(&page(path)).contains(anchor), "{name}: {runbook}");
        assert!(
            rules::has_both_cases(&cases, name),
            "{name}: a case is missing"
        );
        assert!(
            explained.contains(&format!("| `{name}` | {severity} |")),
            "{name}: not documented"
        );
    }
    let rows = explained
        .lines()
        .filter_map(|line| line.strip_prefix("| `Sluice"));
    assert_eq!(
        rows.count(),
        names.len(),
        "an alert is documented that does not exist"
    );
}

/// The anchors of the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
            heading
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}
