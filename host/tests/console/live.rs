//! Live sections: the browser gets what has changed.

use testkit::proxy::{Fault, Rule};

use super::{Console, LANDED, command_in, console, html, place};
use crate::local::events;
use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, records, signal};

/// The records of the file once it has grown, a number that no page shows before.
const GROWN: usize = 1_234;

#[test]
fn a_section_is_sent_when_a_run_commits_a_chunk() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    console.until("/shards", |page| !page.says("1,234"));
    let mut live = console.live("/shards");
    let (first, html) = live.section();
    assert!(!html::text(&html).contains("1,234"), "{first}: {html}");
    let so_far = std::fs::read_to_string(place.path("events.ndjson")).unwrap();
    let more = GROWN - so_far.lines().count();
    place.write("events.ndjson", so_far + &events(LANDED..LANDED + more));
    assert_eq!(place.land(&[]).count("records"), more as u64);
    let section = live.until("1,234");
    // It is a section of the page.
    let page = console.get("/shards");
    let tags = html::tags(&page.body);
    let of_page = tags
        .iter()
        .find(|tag| tag.attributes.get("id") == Some(&section));
    assert!(of_page.is_some_and(|tag| tag.attributes.contains_key("data-live")));
}

/// A browser that shows a page that is none gets the error in the place for it.
#[test]
fn a_page_that_is_none_has_a_problem() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let mut live = console.live("/nothing");
    assert_eq!(live.until("no such page"), "live-problem");
}

/// What is fixed is not made again and again.
#[test]
fn a_page_without_live_sections_has_no_stream() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    console.live("/try").ends();
    let fixed = console.get("/quarantine");
    assert!(fixed.body.contains("id=\"quarantine-filter\""));
    // On a narrow screen, the first number comes before the fields of the filter.
    let place = |id: &str| fixed.body.find(&format!("id=\"quarantine-{id}\""));
    assert!(place("totals").is_some() && place("totals") < place("filter"));
}

/// Neither a browser that listens nor a read that does not end keeps a console.
#[test]
fn a_console_that_is_told_to_stop_ends() {
    let cloud = Cloud::new(1);
    cloud.put_by_keys(&records(100, 34));
    cloud.catch_up(&[]);
    for name in ["TERM", "INT"] {
        let lake = ["--lake", "s3://bucket/lake"];
        let mut console = Console::start(&mut command_in(&cloud, &lake));
        let held = cloud
            .proxy(S3)
            .add(Rule::new(Fault::Hold).path("quarantine").always());
        let mut live = console.live("/shards");
        live.section();
        let page = console.get("/quarantine");
        assert!(page.says("Reading the quarantine"), "{}", page.text());
        assert!(cloud.proxy(S3).hits(held) > 0);
        signal(&console.process.0, name);
        assert_eq!(console.process.ends(), Some(0), "{name}");
        cloud.proxy(S3).remove_rules();
    }
    cloud.proxy(S3).release_held();
}
