//! The commands of schemas read a lake of Parquet as one of lines.

use super::{PARQUET, schema};
use crate::local::events;
use crate::support::program::Place;

#[test]
fn a_schema_is_the_same_from_parquet_and_from_lines() {
    let place = Place::new();
    place.write("events.ndjson", events(0..90));
    place.write("schema.json", schema("string"));
    place.land(&[&PARQUET[..], &["--schema", "schema.json", "--bus", "none"]].concat());
    place.land(&["--lake", "file:lines", "--bus", "none"]);
    let infer = |lake: &str| {
        let args = [
            "schema",
            "infer",
            "--lake",
            lake,
            "--output",
            "inferred.json",
        ];
        place.run(&args).succeeded();
        let schema = std::fs::read_to_string(place.path("inferred.json")).unwrap();
        std::fs::remove_file(place.path("inferred.json")).unwrap();
        schema
    };
    let of_parquet = infer("file:lake");
    assert!(of_parquet.contains("\"created_at\""), "{of_parquet}");
    assert_eq!(of_parquet, infer("file:lines"));

    std::fs::remove_dir_all(place.path("lake/_sluice/schemas")).unwrap();
    let args = ["schema", "infer", "--lake", "file:lake"];
    let parts = [
        "cannot read lake/event_type=",
        "_sluice/schemas/",
        "does not exist",
    ];
    place.run(&args).failed(1, &parts);
}
