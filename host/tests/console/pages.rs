//! Each page of a console on a lake, a registry and workers. Showing them changes nothing.

use std::process::Command;

use super::{
    BROKEN, Console, LANDED, MISSING, PAGES, command_in, console, html, place, publish, transform,
    visit,
};
use crate::metrics::watched::Watched;
use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, SHARD, records, signal};
use crate::support::lake;
use crate::support::ledgers::ledgers;

/// What all pages have: their place in the navigation, and labels for all that a form asks for.
fn assert_well_formed(path: &str, page: &str) {
    let tags = html::tags(page);
    let of = |name: &'static str| tags.iter().filter(move |tag| tag.name == name);
    for name in ["h1", "main", "nav", "title"] {
        assert!(of(name).next().is_some(), "{path}: no {name}");
    }
    assert_eq!(of("h1").count(), 1, "{path}");
    let lang = of("html").next().and_then(|tag| tag.attributes.get("lang"));
    assert_eq!(lang.map(String::as_str), Some("en"), "{path}");
    let attributes = |name: &'static str| {
        let tags = tags.iter();
        tags.filter_map(move |tag| Some((tag, tag.attributes.get(name)?)))
    };
    let mut ids: Vec<_> = attributes("id").map(|(_, id)| id).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "{path}: an id twice");
    let labels: Vec<_> = attributes("for").map(|(_, id)| id).collect();
    for tag in of("input").chain(of("select")).chain(of("textarea")) {
        let get = |name: &str| tag.attributes.get(name);
        let is_hidden = get("type").is_some_and(|kind| kind == "hidden");
        let is_named = get("id").is_some_and(|id| labels.contains(&id));
        let is_labelled = is_named || html::is_in_label(page, &tags, tag);
        assert!(
            is_hidden || is_labelled || get("aria-label").is_some(),
            "{path}: {tag:?}"
        );
    }
    assert_eq!(of("table").count(), of("caption").count(), "{path}");
}

/// Reads all pages, and checks what they have in common.
fn visit_all(console: &Console) {
    for (path, page) in visit(console) {
        if page.headers["content-type"].starts_with("text/html") {
            assert_well_formed(&path, &page.body);
        }
    }
}

#[test]
fn a_lake_and_a_registry_in_folders_are_shown_and_not_changed() {
    let place = place();
    let first = publish(&place, "{}", "the first rules");
    let second = publish(&place, r#"{"partition_by":["date"]}"#, "the second rules");
    transform(&place, &["activate", &first, "--why", "to begin"]).succeeded();
    let canary = ["activate", &second, "--canary", "5%", "--why", "to compare"];
    transform(&place, &canary).succeeded();
    let trees = || ["lake", "registry"].map(|folder| lake::tree(&place.path(folder)));
    let before = trees();
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    for more in [&[][..], &["--allow-publish", "--show-payloads"][..]] {
        let console = console(&place, &[&args, more].concat());
        let shard = ledgers(&place.lake()).into_keys().next().unwrap();
        let records = format!("{} records", LANDED + MISSING + BROKEN);
        console.says("/shards", &[&shard, &records]);
        let releases = [&*first, &second, "the first rules", "to begin", "5 %"];
        console.says("/releases", &releases);
        console.says("/quarantine", &["missing_field", "invalid_json"]);
        console.says("/schema", &["lesson", "payment", "login"]);
        console.says("/try", &["jq"]);
        console.says(
            "/",
            &["committed records", "quarantined now", "the last hour"],
        );
        visit_all(&console);
    }
    assert_eq!(trees(), before);
}

#[test]
fn a_release_has_a_page() {
    let place = place();
    let release = publish(&place, r#"{"partition_by":["date"]}"#, "by day");
    transform(&place, &["activate", &release]).succeeded();
    let console = console(&place, &["--registry", "file:registry"]);
    let listed = console.says("/releases", &[&release]);
    let links = html::links(&listed.body).into_iter();
    let mut of_release = links.filter(|link| link.starts_with("/release?"));
    let page = console.says(
        &of_release.next().unwrap(),
        &[&release, "by day", "partition_by"],
    );
    assert!(page.says("active"), "{page:#?}");
}

/// The fields of a type are inferred when somebody asks for them.
#[test]
fn a_type_of_events_has_its_fields() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let mut pages: Vec<_> = visit(&console).into_iter().collect();
    pages.retain(|(path, _)| path.starts_with("/schema?") && path.contains("infer="));
    assert!(!pages.is_empty());
    for (path, _) in pages {
        console.says(&path, &["created_at", "event_uuid", "created_datetime"]);
    }
}

#[test]
fn a_record_has_a_page_with_its_contents_if_they_may_be_shown() {
    let place = place();
    for (more, is_shown) in [(&[][..], false), (&["--show-payloads"][..], true)] {
        let console = console(&place, &[&["--lake", "file:lake"], more].concat());
        let mut records: Vec<_> = visit(&console).into_iter().collect();
        records.retain(|(path, _)| path.starts_with("/record?"));
        assert!(!records.is_empty());
        for (path, page) in records {
            let has = page.says("broken ") || page.says("\"m-");
            assert_eq!(has, is_shown, "{path}: {}", page.text());
            assert!(is_shown || page.says("--show-payloads"), "{path}");
        }
    }
}

fn worker(cloud: &Cloud) -> Watched {
    let more = ["--chunk-records", "40"];
    Watched::start(&mut cloud.command(&more))
}

fn in_s3(cloud: &Cloud, more: &[&str]) -> Command {
    let lake = ["--lake", "s3://bucket/lake", "--source", "kinesis:events"];
    command_in(cloud, &[&lake[..], more].concat())
}

#[test]
fn a_worker_on_a_stream_is_shown_while_it_runs_and_after_it_has_stopped() {
    let cloud = Cloud::new(2);
    cloud.put_by_keys(&records(200, 31));
    let mut worker = worker(&cloud);
    let url = format!("http://{}", worker.address);
    let console = Console::start(&mut in_s3(&cloud, &["--worker", &url]));
    console.until("/", |page| page.says(&url) && page.body.contains(">Ready<"));
    let shards = [SHARD, "shardId-000000000001"];
    console.says("/shards", &shards);
    worker.until(|_| lake::all_events(&cloud.lake()).len() == 180);
    console.says("/quarantine", &["invalid_json", "20"]);
    visit_all(&console);
    cloud.kinesis.split(crate::support::cloud::STREAM, SHARD);
    console.says("/shards", &["shardId-000000000002", "shardId-000000000003"]);
    // A plot has its first values when the first 20 seconds are over.
    console.until("/", |page| page.body.contains("<svg"));
    signal(&worker.run.0, "TERM");
    worker.end().succeeded();
    console.says("/", &["no answer"]);
    for path in PAGES {
        console.until(path, |_| true);
    }
}

/// A role that may only read is enough.
#[test]
fn a_console_only_reads_s3() {
    let cloud = Cloud::new(1);
    cloud.put_by_keys(&records(100, 32));
    cloud.catch_up(&[]);
    let before = lake::tree(&cloud.bucket);
    cloud.proxy(S3).forget_seen();
    let more = ["--registry", "s3://bucket/registry", "--allow-publish"];
    let console = Console::start(&mut in_s3(&cloud, &more));
    console.says("/quarantine", &["invalid_json"]);
    visit_all(&console);
    let seen = cloud.proxy(S3).seen();
    assert!(!seen.is_empty());
    for request in &seen {
        assert!(matches!(&*request.method, "GET" | "HEAD"), "{request:?}");
    }
    assert_eq!(lake::tree(&cloud.bucket), before);
}

/// How often a page is read.
const READ: usize = 200;

/// A page that is read again costs the lake nothing.
#[test]
fn many_browsers_cost_no_more_than_one() {
    let cloud = Cloud::new(1);
    cloud.put_by_keys(&records(100, 33));
    cloud.catch_up(&[]);
    let console = Console::start(&mut in_s3(&cloud, &[]));
    console.says("/quarantine", &["invalid_json"]);
    cloud.proxy(S3).forget_seen();
    for _ in 0..READ {
        console.get("/shards");
    }
    // If each page read the lake, it would list the ledgers and read one.
    let reads = cloud.proxy(S3).seen().len();
    assert!(reads < 2 * READ, "{reads}");
}
