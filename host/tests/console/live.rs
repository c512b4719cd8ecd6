//! Live sections: the browser gets what has changed.

use super::{LANDED, console, html, place};
use crate::local::events;

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
