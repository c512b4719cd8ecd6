//! Tests.

use super::*;

const STEM: &str = "s-00000000000000000000-00000000000000000009-0123abcd";

#[test]
fn a_ledger_or_an_object_of_a_chunk_belongs_to_a_shard() {
    for (key, expected) in [
        ("_sluice/ledger/s.json".to_owned(), true),
        (format!("_sluice/chunks/s/{STEM}.json"), true),
        (format!("event_type=a/{STEM}.ndjson.zst"), true),
        ("_sluice/ledger/s.lock".to_owned(), false),
        ("events.parquet".to_owned(), false),
    ] {
        let mut inventory = Inventory::default();
        inventory.add(&key);
        assert_eq!(inventory.has_shards(), expected, "{key}");
    }
}

#[test]
fn objects_and_files_are_sorted_by_chunk() {
    let mut inventory = Inventory::default();
    for key in [
        format!("event_type=a/{STEM}.ndjson.zst"),
        format!("event_type=b/{STEM}.ndjson.gz"),
        format!("_sluice/quarantine/reason=trap/{STEM}.ndjson.zst"),
        format!("_sluice/chunks/s/{STEM}.json"),
        format!("_sluice/chunks/s/{STEM}-copy.json"),
        format!("_sluice/chunks/other/{STEM}.json"),
        "_sluice/ledger/s.json".into(),
        "_sluice/redrives/r1.json".into(),
        "_sluice/redrives/claims/reason=trap/s.json".into(),
        "_sluice/redrives/No.json".into(),
        "_sluice/tmp/s/17".into(),
        "event_type=a/part-0.parquet".into(),
        "event_type=a/copy.ndjson.zst".into(),
        "event_type=a/.copy.ndjson.zst".into(),
        "_tmp/copy.ndjson".into(),
        ".tmp/17-0123456789abcdef/4".into(),
    ] {
        inventory.add(&key);
    }
    inventory.add_on_bus(&format!("{STEM}.ndjson"));
    inventory.add_on_bus(&format!("{STEM}.objects.ndjson"));
    inventory.add_on_bus(".tmp/s/1");
    let unrecognized = inventory.unrecognized();
    assert_eq!(unrecognized.count, 4);
    assert_eq!(inventory.temporary().count, 1);
    assert_eq!((inventory.lists().len(), inventory.claims().len()), (1, 1));
    let intruders: Vec<_> = inventory.intruders().collect();
    assert_eq!(intruders, ["event_type=a/copy.ndjson.zst"]);
    assert_eq!(
        unrecognized.first.as_deref(),
        Some("_sluice/redrives/No.json")
    );
    assert_eq!(inventory.unrecognized_manifests().len(), 2);
    assert_eq!(inventory.others().next().unwrap().1, 3);
    let chunks = inventory.take(&ShardId::new("s").unwrap());
    assert_eq!(chunks.len(), 1);
    let present = chunks.values().next().unwrap();
    assert_eq!(present.objects.len(), 3);
    assert_eq!(present.on_bus, [Messages::Events, Messages::Objects]);
    assert!(present.has_manifest);
    let folders: Vec<_> = present
        .objects
        .iter()
        .map(|o| inventory.folder(*o))
        .collect();
    let quarantine = "_sluice/quarantine/reason=trap";
    assert_eq!(folders, ["event_type=a", "event_type=b", quarantine]);
    assert_eq!(inventory.others().count(), 0);
}

#[test]
fn parquet_of_others_is_read_by_queries_if_the_lake_has_parquet() {
    let mut inventory = Inventory::default();
    inventory.add("event_type=a/part-0.parquet");
    assert_eq!(inventory.intruders().count(), 0);
    assert_eq!(inventory.unrecognized().count, 1);
    inventory.add(&format!("event_type=a/{STEM}.parquet"));
    assert_eq!(inventory.intruders().count(), 1);
    assert_eq!(inventory.unrecognized().count, 0);
}
