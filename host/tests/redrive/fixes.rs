//! Better rules for records that are in quarantine.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{
    BROKEN, GOOD, MISSING, broken, echoes, id, ledger, missing, of_reason, place,
    quarantined_by_shard, redrive,
};
use crate::decoding::gzip;
use crate::local::{all_enriched, event};
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::Place;

const COPY: [&str; 2] = ["--transform", "builtin:copy"];

/// The events of the lake of [`place`] after the records without a field have landed.
fn with_missing() -> Vec<String> {
    let mut events = all_enriched(0..GOOD);
    events.extend((0..MISSING).map(missing));
    events.sort_unstable();
    events
}

#[test]
fn a_fix_for_one_reason_lands_its_records_and_leaves_the_others() {
    let place = place();
    let before = lake::tree(&place.lake());
    let fix = [&COPY[..], &["--reason", "missing_field"]].concat();
    let ran = redrive(&place, &fix).succeeded();
    let warning = "records have landed at the top of the lake, and the chunks that they come from have events in partitions by ";
    assert!(ran.stderr.contains(warning), "{ran:?}");
    let summary = ran.summary();
    let count = MISSING as u64;
    assert_eq!(
        summary.counts(["records", "events", "quarantined"]),
        [count, count, 0]
    );
    assert_eq!(of_reason(&summary, "missing_field"), [count, count, 0, 0]);
    assert_eq!(lake::all_events(&place.lake()), with_missing());
    assert_eq!(ledger(&place.lake(), &id(&summary))["finished"], true);
    // What was there before has not changed.
    let after = lake::tree(&place.lake());
    for (path, content) in before.into_iter().filter(|(path, _)| !path.ends_with('/')) {
        assert_eq!(after.get(&path), Some(&content), "{path}");
    }
    let again = redrive(&place, &fix).succeeded();
    assert!(again.stdout.contains("\"records\":0,"), "{again:?}");
    assert_eq!(lake::all_events(&place.lake()), with_missing());
    let text = [&fix[..], &["--summary", "text"]].concat();
    let ran = place.run(&[&["redrive", "--lake", "file:lake"][..], &text].concat());
    assert!(ran.succeeded().stdout.starts_with("nothing to redrive"));
    let id = id(&summary);
    let sample = ["quarantine", "sample", "--lake", "file:lake", "--all"];
    let sample = place.run(&sample).succeeded().stdout;
    let redriven = format!("  redriven  by {id}\n");
    assert_eq!(sample.matches(&redriven).count(), 3, "{sample}");
    // A finished redrive that is named again has nothing to do either.
    let finished = [&COPY[..], &["--id", &id]].concat();
    assert_eq!(redrive(&place, &finished).summary().count("records"), 0);
}

#[test]
fn what_is_rejected_again_is_quarantined_again_and_can_be_redriven_again() {
    let place = place();
    let first = redrive(&place, &[&COPY[..], &["--id", "first"]].concat()).summary();
    assert_eq!(of_reason(&first, "missing_field"), [5, 5, 0, 0]);
    assert_eq!(of_reason(&first, "invalid_json"), [4, 0, 0, 4]);
    let by_shard = quarantined_by_shard(&place.lake());
    assert_eq!(by_shard["source"], MISSING + BROKEN);
    assert_eq!(by_shard["redrive-first"], BROKEN);
    // Each line still has the id of the record in its source.
    let quarantined = lake::quarantine(&place.lake());
    let rids = |reason: &str| {
        let of_reason = quarantined.iter().filter(|line| line.reason == reason);
        Vec::from_iter(of_reason.map(|line| line.rid.clone()))
    };
    let (all, distinct) = (
        rids("invalid_json"),
        BTreeSet::from_iter(rids("invalid_json")),
    );
    assert_eq!((all.len(), distinct.len()), (2 * BROKEN, BROKEN));

    place.write("rogue.wasm", &rogue().by_record);
    let fix = ["--transform", "rogue.wasm", "--id", "second"];
    let second = redrive(&place, &fix).summary();
    assert_eq!(of_reason(&second, "invalid_json"), [4, 4, 0, 0]);
    assert_eq!(second.0["redrive"]["objects"], 1);
    assert_eq!(
        echoes(&place.lake()),
        Vec::from_iter((0..BROKEN).map(broken))
    );
    let left = redrive(&place, &["--transform", "rogue.wasm"]).summary();
    assert_eq!(left.count("records"), 0);
}

#[test]
fn a_dry_run_says_what_would_land_and_writes_nothing() {
    let place = place();
    let before = lake::tree(&place.lake());
    let dry = [&COPY[..], &["--dry-run"]].concat();
    let summary = redrive(&place, &dry).summary();
    assert_eq!(
        summary.counts(["records", "events", "quarantined"]),
        [9, 5, 4]
    );
    assert_eq!(of_reason(&summary, "missing_field"), [5, 5, 0, 0]);
    assert_eq!(of_reason(&summary, "invalid_json"), [4, 0, 0, 4]);
    assert_eq!(summary.0["redrive"]["finished"], false);
    let ran = place.run(&[&["redrive", "--lake", "file:lake"][..], &dry].concat());
    let ran = ran.succeeded();
    assert!(ran.stderr.contains("would land at the top of the lake"));
    let text = ran.stdout;
    assert!(
        text.starts_with("dry run, nothing was written: 9 records"),
        "{text}"
    );
    let again = "4 would be quarantined again (invalid_json 4)";
    assert!(text.contains(again), "{text}");
    let too_many = [&dry[..], &["--max-quarantined", "40%"]].concat();
    redrive(&place, &too_many).failed(1, &["would quarantine 4 of 9 records again"]);
    assert!(lake::tree(&place.lake()) == before, "the lake has changed");

    // With a bus, too.
    redrive(&place, &[&dry[..], &["--bus", "file:other"]].concat()).succeeded();
    assert!(lake::messages_exist(&place.path("other")).is_empty());
    assert!(lake::tree(&place.lake()) == before, "the lake has changed");
}

#[test]
fn too_many_records_that_are_quarantined_again_end_with_1_after_the_others_have_landed() {
    let place = place();
    let limit = [&COPY[..], &["--max-quarantined", "40%"]].concat();
    redrive(&place, &limit).failed(1, &["the run quarantined 4 of 9 records"]);
    assert_eq!(lake::all_events(&place.lake()), with_missing());
}

#[test]
fn messages_have_the_ids_that_the_records_have_in_their_source() {
    let place = place();
    let of_source = lake::quarantine(&place.lake());
    let fix = ["--reason", "missing_field", "--bus", "file:redriven"];
    redrive(&place, &[&COPY[..], &fix].concat()).succeeded();
    let mut sent: Vec<_> = lake::messages(&place.path("redriven"))
        .into_iter()
        .map(|message| (message.rid, message.body.get().to_owned()))
        .collect();
    sent.sort();
    let quarantined = of_source
        .iter()
        .filter(|line| line.reason == "missing_field");
    let mut expected: Vec<_> = quarantined
        .map(|line| (line.rid.clone(), line.data.clone().unwrap()))
        .collect();
    expected.sort();
    assert_eq!(sent, expected);
    // Without the flag, there is no bus, whatever the environment says.
    let mut command = place.command(&[
        "redrive",
        "--lake",
        "file:lake",
        "--transform",
        "builtin:copy",
    ]);
    let ran = command.env("SLUICE_BUS", "file:third").output().unwrap();
    assert!(ran.status.success());
    assert!(!place.path("third").exists());
}

#[test]
fn undecodable_records_are_decoded_as_the_settings_say_now() {
    let place = Place::new();
    let pack = |range: std::ops::Range<usize>| {
        let events: Vec<_> = range.map(event).collect();
        STANDARD.encode(gzip(events.join("\n").as_bytes())) + "\n"
    };
    let text: String = (0..30).step_by(10).map(|n| pack(n..n + 10)).collect();
    place.write("events.ndjson", text + "neither\n");
    // Base64 alone gives bytes of gzip, which is no zlib.
    let wrong = place.land(&["--record-encoding", "zlib"]);
    assert_eq!(wrong.counts(["records", "quarantined"]), [4, 4]);
    let right = ["--record-encoding", "auto", "--record-format", "lines"];
    let first = redrive(&place, &right).summary();
    assert_eq!(of_reason(&first, "undecodable"), [31, 30, 0, 1]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..30));
    // One record of the source has become ten, each with its place within it.
    let offsets: BTreeSet<_> = lake::quarantine(&place.lake())
        .into_iter()
        .filter(|line| line.reason == "invalid_json")
        .map(|line| line.rid.rsplit_once(':').unwrap().1.to_owned())
        .collect();
    assert_eq!(offsets, BTreeSet::from(["0".to_owned()]));
    assert_eq!(ledger(&place.lake(), &id(&first))["committed"]["last"], "3");
    assert_eq!(
        ledger(&place.lake(), &id(&first))["committed"]["records"],
        31
    );
}
