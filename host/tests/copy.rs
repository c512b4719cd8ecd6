//! The built-in transform `copy`: records land as they are, partitioned by members that its configuration names.

use std::collections::BTreeMap;

use crate::support::lake;
use crate::support::program::{Place, Ran, Summary};

const COPY: [&str; 2] = ["--transform", "builtin:copy"];

fn place(records: &[&str]) -> Place {
    let place = Place::new();
    place.write("events.ndjson", records.join("\n") + "\n");
    place
}

fn try_land(place: &Place, more: &[&str]) -> Ran {
    place.try_land(&[&COPY, more].concat())
}

fn land(place: &Place, config: &str) -> Summary {
    try_land(place, &["--transform-config", config]).summary()
}

/// The partitions with their events.
fn partitions(place: &Place) -> BTreeMap<String, Vec<String>> {
    lake::events(&place.lake())
}

#[test]
fn objects_of_any_shape_land_byte_for_byte() {
    let records = [
        r#"{"id":1,"n":1.50,"big":9007199254740993,"e":1E5}"#,
        r#"{ "b" : [1, {"c":"\u0061\/é"}],"a":null }"#,
        "{}",
    ];
    let place = place(&[&records[..], &["[1]", "no JSON"]].concat());
    let summary = try_land(&place, &[]).summary();
    assert_eq!(summary.counts(["records", "quarantined"]), [5, 2]);
    let expected = records.map(ToOwned::to_owned).to_vec();
    assert_eq!(
        partitions(&place),
        BTreeMap::from([(String::new(), expected)])
    );
    let messages = lake::messages(&place.bus());
    let bodies: Vec<_> = messages.iter().map(|message| message.body.get()).collect();
    assert_eq!(bodies, records);
    let reasons = lake::quarantine(&place.lake());
    let mut reasons: Vec<_> = reasons.iter().map(|it| it.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["invalid_json", "not_an_object"]);
}

#[test]
fn members_name_the_partition() {
    let records = [
        r#"{"eventType":"a/b","tenant":7}"#,
        r#"{"tenant":7,"eventType":"a\u002fb","n":1}"#,
        r#"{"eventType":"c","tenant":"7"}"#,
        r#"{"eventType":true,"tenant":7.0}"#,
        r#"{"eventType":"c"}"#,
        r#"{"eventType":"c","tenant":null}"#,
        r#"{"eventType":["c"],"tenant":7}"#,
        r#"{"eventType":"","tenant":7}"#,
        r#"{"eventType":"__HIVE_DEFAULT_PARTITION__","tenant":7}"#,
    ];
    let long = format!(r#"{{"eventType":"{}","tenant":7}}"#, "x".repeat(300));
    let place = place(&[&records[..], &[&long]].concat());
    let config = r#"{"partition_by":["tenant",{"column":"event_type","member":"eventType"}]}"#;
    let summary = land(&place, config);
    assert_eq!(summary.counts(["records", "quarantined"]), [10, 6]);
    let owned = |lines: &[usize]| lines.iter().map(|line| records[*line].to_owned()).collect();
    let expected = BTreeMap::from([
        ("tenant=7/event_type=a%2Fb".to_owned(), owned(&[0, 1])),
        ("tenant=7/event_type=c".to_owned(), owned(&[2])),
        ("tenant=7.0/event_type=true".to_owned(), owned(&[3])),
    ]);
    assert_eq!(partitions(&place), expected);
    let mut reasons = BTreeMap::new();
    for record in lake::quarantine(&place.lake()) {
        let name = if record.message.starts_with("tenant: ") {
            "tenant"
        } else {
            "eventType"
        };
        assert!(
            record.message.starts_with(&format!("{name}: ")),
            "{record:?}"
        );
        *reasons.entry((record.reason, name)).or_insert(0) += 1;
    }
    let expected = [
        (("invalid_partition_field".to_owned(), "eventType"), 4),
        (("missing_partition_field".to_owned(), "tenant"), 2),
    ];
    assert_eq!(reasons, BTreeMap::from(expected));
    assert_eq!(
        land(&place, config).counts(["records", "already_committed"]),
        [0, 10]
    );
    place.audit(&[]).succeeded();
}

#[test]
fn events_go_where_the_routes_say() {
    let records = [r#"{"a":1}"#, r#"{"a":2}"#];
    let lake_only = place(&records);
    land(&lake_only, r#"{"routes":["lake"]}"#);
    assert_eq!(lake::all_events(&lake_only.lake()), records);
    assert!(lake::messages(&lake_only.bus()).is_empty());
    let bus_only = place(&records);
    land(&bus_only, r#"{"routes":["bus"]}"#);
    assert!(lake::all_events(&bus_only.lake()).is_empty());
    assert_eq!(lake::messages(&bus_only.bus()).len(), 2);
}

#[test]
fn a_configuration_that_cannot_work_names_its_item() {
    let place = place(&["{}"]);
    for (config, parts) in [
        (
            r#"{"partition_by":["a","eventType"]}"#,
            [
                "partition_by[1]: \"eventType\" is no column",
                r#""member": "eventType""#,
            ],
        ),
        (
            r#"{"partition_by":[{"column":"Type","member":"t"}]}"#,
            [
                "partition_by[0]: \"Type\" is no column",
                "lower case letter",
            ],
        ),
        (
            r#"{"partition_by":["a",{"column":"a","member":"b"}]}"#,
            ["partition_by[1]: ", "the column \"a\" is given twice"],
        ),
        (
            r#"{"partition_by":[{"column":"a"}]}"#,
            [
                "transform_config: ",
                "partition_by[0].member: the field is missing",
            ],
        ),
        (
            r#"{"partition_by":[1]}"#,
            ["transform_config: ", "partition_by[0]: "],
        ),
        (
            r#"{"partition":["a"]}"#,
            ["transform_config: ", "partition: there is no such field"],
        ),
        (r#"{"routes":[]}"#, ["transform_config: ", "routes: "]),
        (
            r#"{"routes":["sea"]}"#,
            ["transform_config: ", "routes[0]: "],
        ),
    ] {
        try_land(&place, &["--transform-config", config]).failed(2, &parts);
        assert!(!place.lake().exists());
    }
}

/// Each case runs by every call of the component.
#[test]
fn cases_of_an_author_run_with_copy() {
    let place = Place::new();
    place.write(
        "cases/a.in.ndjson",
        "{\"kind\":\"x\",\"n\":1.0}\n{\"n\":2}\n",
    );
    let results = r#"{"event":{"kind":"x","n":1.0},"partition":"kind=x","routes":["lake","bus"]}
{"quarantined":{"code":"missing_partition_field","message":"kind: missing, and events are partitioned by it"}}
"#;
    place.write("cases/a.out.ndjson", results);
    let config = ["--transform-config", r#"{"partition_by":["kind"]}"#];
    let args = ["transform", "test", "builtin:copy", "--cases", "cases"];
    place.run(&[&args[..], &config].concat()).succeeded();
    place
        .run(&["transform", "inspect", "builtin:copy"])
        .succeeded();
}
