//! Runs of jq programs on pasted records.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use maud::Markup;
use sluice_release::bundle::ReleaseBundle;
use sluice_release::cases::from_document;

use super::baseline::{Baseline, ComparedRules};
use super::golden::{self, SavedCases};
use super::loaded::Loaded;
use super::records::pasted;
use super::rules::schema;
use super::run::{Job, Ran, ShownRecord, run};
use super::{State, outcome, record, releases};
use crate::builtin::Builtin;
use crate::config::TransformChoice;
use crate::tools::author::try_rules::sandbox::Sandbox;

/// The sandbox of all tests, in which the transform is compiled once.
static SANDBOX: LazyLock<Mutex<Sandbox>> = LazyLock::new(|| Mutex::new(Sandbox::new().unwrap()));

fn sandbox() -> MutexGuard<'static, Sandbox> {
    SANDBOX.lock().unwrap_or_else(PoisonError::into_inner)
}

fn jq(program: &str) -> ReleaseBundle {
    let choice = TransformChoice::of_text(program, "{}").unwrap();
    choice.bundle().unwrap()
}

fn show(shown: &ShownRecord<'_>) -> Markup {
    record::record(shown, true)
}

fn run_on(
    sandbox: &mut Sandbox,
    program: &str,
    baseline: Baseline,
    loaded: &Loaded,
) -> anyhow::Result<Ran> {
    run(sandbox, job(program, baseline), loaded, &|| true, &show)
}

fn job(program: &str, baseline: Baseline) -> Job {
    Job {
        rules: jq(program),
        usual_columns: match &baseline {
            Baseline::Rules(rules) => releases::columns(&rules.bundle),
            Baseline::Nothing(_) | Baseline::Failed(_) => Vec::new(),
        },
        baseline,
    }
}

fn rendered(program: &str, baseline: Baseline, records: &str) -> String {
    let loaded = pasted(records).unwrap();
    let ran = run_on(&mut sandbox(), program, baseline, &loaded);
    outcome::outcome(&ran.unwrap(), &loaded, &Markup::default()).into_string()
}

fn nothing() -> Baseline {
    Baseline::Nothing("nothing serves".into())
}

fn active(bundle: ReleaseBundle) -> Baseline {
    Baseline::Rules(Box::new(ComparedRules {
        bundle,
        role: "the active release".into(),
        is_release: true,
        why: String::new(),
    }))
}

#[test]
fn each_record_is_shown_with_what_becomes_of_it() {
    let program = r#"if .a == 1 then .b = 2 elif .a == 2 then error("no_two: two is not wanted") else empty end"#;
    let loaded = pasted("{\"a\":1}\n{\"a\":2}\n\n{\"a\":3}\n").unwrap();
    let mut sandbox = sandbox();
    let ran = run_on(&mut sandbox, program, nothing(), &loaded).unwrap();
    let summary = &ran.summary;
    assert_eq!(
        (summary.records(), summary.with_events, summary.dropped),
        (3, 1, 1)
    );
    assert_eq!(summary.quarantined_records(), 1);
    assert!(!ran.ended_early);
    let records: Vec<_> = ran
        .records()
        .map(|html| html.clone().into_string())
        .collect();
    assert!(records[0].contains("Line 1") && records[0].contains("1 event"));
    assert!(records[0].contains("<ins>+ 2</ins>"), "{}", records[0]);
    assert!(records[1].contains("quarantined: no_two"), "{}", records[1]);
    assert!(records[1].contains("two is not wanted"), "{}", records[1]);
    assert!(records[2].contains("Line 4") && records[2].contains("dropped"));
    let html = outcome::outcome(&ran, &loaded, &Markup::default()).into_string();
    assert!(
        html.contains("no_two") && html.contains("nothing serves"),
        "{html}"
    );
}

#[test]
fn records_that_differ_from_the_compared_rules_come_first() {
    let html = rendered(
        "if .a == 3 then .b = 7 else . end",
        active(jq(".")),
        "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n",
    );
    assert!(html.contains("1 of 3 differ"), "{html}");
    assert!(html.contains("event.b"), "{html}");
    let (changed, same) = (html.find("Line 3").unwrap(), html.find("Line 1").unwrap());
    assert!(changed < same, "{html}");
    assert_eq!(html.matches("Differs from the rules").count(), 1);
}

/// Many records that are rejected for the same reason do not bury the others.
#[test]
fn of_records_with_the_same_reason_a_few_are_shown() {
    let program = r#"if .a then . else error("no_a: a is missing") end"#;
    let records = "{}\n".repeat(30) + "{\"a\":1}\n";
    let html = rendered(program, active(jq(program)), &records);
    assert_eq!(html.matches("quarantined: no_a").count(), 3, "{html}");
    assert!(html.contains("Line 31"), "{html}");
    assert!(html.contains("27</span> of them are not shown"), "{html}");
    assert!(html.contains("Reasons of many records"), "{html}");
    assert!(html.contains("A record takes about"), "{html}");
}

#[test]
fn compared_rules_that_fail_admission_are_said() {
    let html = rendered(".", active(jq("nonsens")), "{}");
    assert!(
        html.contains("cannot compare with the active release: "),
        "{html}"
    );
    assert!(html.contains("Line 1"), "{html}");
}

#[test]
fn a_program_that_replaces_the_enrichment_says_what_is_lost() {
    let enrich = || active(releases::with_defaults(Builtin::Enrich).unwrap());
    let records = "{\"event_uuid\":\"u\",\"event_name\":\"a:b\",\"created_at\":\"2026-01-01T00:00:00Z\"}\n\
                   {\"event_uuid\":\"u\",\"event_name\":\"a:b\",\"created_at\":1}\n";
    let html = rendered(".", enrich(), records);
    for part in [
        "These rules replace builtin:enrich: 2 of 2 events have no <code>event_type</code>",
        "builtin:enrich with its default configuration",
        "Records rejected",
        "1 event in another partition",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let choice =
        TransformChoice::of_text(".event_type = \"a\"", r#"{"partition_by":["event_type"]}"#);
    let rules = choice.unwrap().bundle().unwrap();
    let job = Job {
        rules,
        ..job(".", enrich())
    };
    let loaded = pasted(records).unwrap();
    let ran = run(&mut sandbox(), job, &loaded, &|| true, &show).unwrap();
    let html = outcome::outcome(&ran, &loaded, &Markup::default()).into_string();
    assert!(!html.contains("These rules replace"), "{html}");
    assert!(html.contains("0 events in another partition"), "{html}");
}

#[test]
fn bytes_that_are_no_text_are_marked() {
    let mut loaded = pasted("{\"a\":1}").unwrap();
    let mut batch = loaded.parts[0].batch.empty();
    let mut record = loaded.parts[0].batch.records().next().unwrap();
    record.data = b"{\"a\":\"\xff\"}";
    batch.push(record);
    loaded.parts[0].batch = batch;
    let ran = run_on(&mut sandbox(), ".", nothing(), &loaded).unwrap();
    let html = outcome::outcome(&ran, &loaded, &Markup::default()).into_string();
    assert!(html.contains("<mark>\\xff</mark>"), "{html}");
    assert!(html.contains("Not UTF-8: 1 byte marked"), "{html}");
}

#[test]
fn an_error_in_a_program_is_shown_with_its_line() {
    let program = ".a = 1\n| nonsens";
    let loaded = pasted("{}").unwrap();
    let mut sandbox = sandbox();
    let error = run_on(&mut sandbox, program, nothing(), &loaded)
        .err()
        .unwrap();
    let html = outcome::failed(&error, Some(program), true).into_string();
    assert!(html.contains("line 2, column 3"), "{html}");
    assert!(html.contains("2 | | nonsens\n      ^"), "{html}");
}

#[test]
fn a_run_that_is_not_wanted_any_more_ends() {
    let loaded = pasted("{}").unwrap();
    let mut sandbox = sandbox();
    let ran = run(&mut sandbox, job(".", nothing()), &loaded, &|| false, &show).unwrap();
    assert!(ran.ended_early);
    assert_eq!(ran.summary.records(), 0);
}

#[test]
fn the_content_of_records_does_nothing() {
    let hostile = "{\"<img src=x>\":\"<script>alert(1)</script>\u{202e}\"}";
    let html = rendered(". + {\"b\":\"<svg onload=x>\"}", nothing(), hostile);
    for tag in ["<img", "<script", "<svg"] {
        assert!(!html.contains(tag), "{html}");
    }
    assert!(
        html.contains("&lt;script&gt;") && html.contains("\\u{202e}"),
        "{html}"
    );
    let rejected = rendered("error(\"bad: <b>\" + (. | tostring))", nothing(), hostile);
    assert!(
        rejected.contains("&lt;b&gt;") && !rejected.contains("<b>"),
        "{rejected}"
    );
}

/// Rules that copy a record wherever they can: into events, their partitions, the names of their fields, and
/// messages of rejections. Of none of them a byte is shown.
#[test]
fn hidden_content_is_not_in_the_page() {
    let mut loaded = pasted("{\"secret_name\":\"secret_value\"}").unwrap();
    loaded.is_shown = false;
    let mut sandbox = sandbox();
    let hide = |shown: &ShownRecord<'_>| record::record(shown, loaded.is_shown);
    for (program, says) in [
        (".b = .secret_name", "1 event"),
        (". + {(.secret_name): 1}", "1 event"),
        ("error(\"x: \" + .secret_name)", "quarantined: x"),
        ("error(.)", "quarantined: "),
        ("empty", "dropped"),
    ] {
        let choice = TransformChoice::of_text(program, r#"{"partition_by":["secret_name"]}"#);
        let job = Job {
            rules: choice.unwrap().bundle().unwrap(),
            ..job(".", active(jq(".a = 1")))
        };
        let ran = run(&mut sandbox, job, &loaded, &|| true, &hide).unwrap();
        let html = outcome::outcome(&ran, &loaded, &Markup::default()).into_string();
        assert!(html.contains(says), "{program}: {html}");
        assert!(html.contains("contents are hidden"), "{program}: {html}");
        for hidden in ["secret_value", "secret_name", "name=\"case\""] {
            assert!(!html.contains(hidden), "{program}: {hidden}: {html}");
        }
    }
    let error = anyhow::anyhow!("`transform` failed: secret_value");
    let html = outcome::failed(&error, None, false).into_string();
    assert!(!html.contains("secret"), "{html}");
    assert!(html.contains("outside of any record"), "{html}");
}

#[test]
fn who_waits_for_the_sandbox_holds_no_thread() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().max_blocking_threads(1).build();
    runtime.unwrap().block_on(async {
        let state = State::default();
        let held = Arc::clone(&state.sandbox).lock_owned().await;
        let waiting = state.in_sandbox(|_| Ok(7));
        tokio::pin!(waiting);
        let too_early = tokio::time::timeout(Duration::ZERO, &mut waiting);
        assert!(too_early.await.is_err());
        assert_eq!(tokio::task::spawn_blocking(|| 1).await.unwrap(), 1);
        drop(held);
        assert_eq!(waiting.await.unwrap(), 7);
    });
}

#[test]
fn a_record_becomes_a_golden_case_that_passes() {
    let mut sandbox = sandbox();
    let rules = jq("if .a then . else error(\"no_a: a is missing\") end");
    let mut cases = SavedCases::default();
    for (record, kind) in [("{\"a\":1}", "events"), ("{}\r", "no_a")] {
        let (case, found) = golden::make(&mut sandbox, &rules, record.as_bytes()).unwrap();
        assert_eq!(found, kind);
        cases.add(case, &found).unwrap();
    }
    let release = sandbox.validate(&rules).unwrap();
    let saved = from_document(&cases.document().unwrap().unwrap()).unwrap();
    assert_eq!(saved.len(), 2);
    for case in &saved {
        assert_eq!(case.failure(&release).unwrap(), None, "{}", case.name);
    }
    let no_a = saved.iter().find(|case| case.name.starts_with("no_a"));
    assert_eq!(no_a.unwrap().records[0].record_data(0), b"{}\r");
}

#[test]
fn a_component_tells_the_schema_of_its_configuration() {
    let schema = schema(&mut sandbox(), &jq(".")).unwrap();
    assert!(schema["properties"]["routes"].is_object(), "{schema}");
}
